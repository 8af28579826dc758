"""Words that a recogniser made up over noise, told by its own confidence. Pure.

Noise that passes for voice comes back as a few words, each of them doubtful. A real utterance may
hold a doubtful word too, a name for one, so it is judged as a whole: its words stay or go together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from connectors.interfaces.speech_to_text import Recognition


@dataclass(frozen=True, slots=True)
class ConfidenceRule:
    """``at_least``: the mean confidence of a result's words, weighted by how long they last, below
    which all of them are taken to be invented."""

    at_least: float = 0.3

    def __post_init__(self) -> None:
        if not 0.0 <= self.at_least < 1.0:
            raise ValueError(f"at_least={self.at_least}: a confidence from 0 to 1")


def without_invented(result: Recognition, rule: ConfidenceRule | None = None) -> Recognition:
    """The result without words that its recogniser itself doubts. A result with any word that has
    no confidence is returned as it is: nothing is known about it."""
    chosen = rule or ConfidenceRule()
    total = weight = 0.0
    for word in result.words:
        if word.confidence is None:
            return result
        lasts_s = max(word.end_s - word.start_s, 0.01)
        total += word.confidence * lasts_s
        weight += lasts_s
    if not weight or total / weight >= chosen.at_least:
        return result
    return replace(result, words=())
