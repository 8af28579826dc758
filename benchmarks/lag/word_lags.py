"""How long after a word was spoken its translation reached the listener. Pure.

Both flows are judged by what one listener of a talk was told and when: for every word, the first
notification that says it, minus the end of the word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from connectors.interfaces.speech_to_text import Word
from local_stack.latency import percentile


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a talk and the wall clock when it was over."""

    text: str
    ended_at_ms: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """A notification as a listener got it: ``words`` are the source's, in order;
    ``first_sample_at_ms`` is when the first sample of its audio was captured, ``clip_s`` how long
    its clip plays."""

    at_ms: float
    first_sample_at_ms: float
    words: tuple[str, ...]
    clip_s: float


@dataclass(frozen=True, slots=True)
class WordLags:
    """Of one listener of one talk. ``lags_s``: of the words that arrived, in spoken order, each as
    (when it ended, in ms of the wall clock; lag). ``lost`` never arrived, ``twice`` arrived in more
    than one notification, ``unknown`` were never said. ``utterances_s``: from the first sample of
    an utterance to its notification."""

    lags_s: tuple[tuple[float, float], ...]
    lost: int
    twice: int
    unknown: int
    utterances_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LagSummary:
    words: int
    lost: int
    twice: int
    unknown: int
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    utterances: int
    first_sample_mean_s: float
    first_sample_p50_s: float
    first_sample_p95_s: float

    def flat(self, prefix: str) -> Mapping[str, float]:
        """By keys such as ``<prefix>_lag_mean_s``: for JSON whose keys are flat. No times where
        nothing arrived."""
        counts = {
            f"{prefix}_words": self.words,
            f"{prefix}_words_lost": self.lost,
            f"{prefix}_words_twice": self.twice,
            f"{prefix}_words_unknown": self.unknown,
        }
        if self.words == self.lost:
            return counts
        return counts | {
            f"{prefix}_lag_mean_s": round(self.mean_s, 3),
            f"{prefix}_lag_p50_s": round(self.p50_s, 3),
            f"{prefix}_lag_p95_s": round(self.p95_s, 3),
            f"{prefix}_lag_p99_s": round(self.p99_s, 3),
            f"{prefix}_utterances": self.utterances,
            f"{prefix}_first_sample_mean_s": round(self.first_sample_mean_s, 3),
            f"{prefix}_first_sample_p50_s": round(self.first_sample_p50_s, 3),
            f"{prefix}_first_sample_p95_s": round(self.first_sample_p95_s, 3),
        }


def spoken_words(words: Iterable[Word], started_at_ms: float) -> tuple[SpokenWord, ...]:
    """``started_at_ms``: the wall clock at the talk's first sample."""
    return tuple(SpokenWord(word.text, started_at_ms + 1000 * word.end_s) for word in words)


def word_lags(spoken: Sequence[SpokenWord], arrivals: Iterable[Arrival]) -> WordLags:
    """``spoken`` holds no text twice; ``arrivals`` may be in any order."""
    in_time = sorted(arrivals, key=lambda arrival: arrival.at_ms)
    first_at_ms: dict[str, float] = {}
    repeated: set[str] = set()
    for arrival in in_time:
        for word in arrival.words:
            if word in first_at_ms:
                repeated.add(word)
            first_at_ms.setdefault(word, arrival.at_ms)
    said = {word.text for word in spoken}
    return WordLags(
        lags_s=tuple(
            (word.ended_at_ms, (first_at_ms[word.text] - word.ended_at_ms) / 1000)
            for word in spoken
            if word.text in first_at_ms
        ),
        lost=len(said - first_at_ms.keys()),
        twice=len(repeated & said),
        unknown=len(first_at_ms.keys() - said),
        utterances_s=tuple(
            (arrival.at_ms - arrival.first_sample_at_ms) / 1000 for arrival in in_time
        ),
    )


def summary(listeners: Sequence[WordLags]) -> LagSummary:
    """All words of all listeners together: a long talk counts for more than a short one."""
    lags_s = [lag_s for each in listeners for _, lag_s in each.lags_s]
    utterances_s = [one for each in listeners for one in each.utterances_s]
    lost = sum(each.lost for each in listeners)
    return LagSummary(
        words=len(lags_s) + lost,
        lost=lost,
        twice=sum(each.twice for each in listeners),
        unknown=sum(each.unknown for each in listeners),
        mean_s=fmean(lags_s) if lags_s else 0.0,
        p50_s=percentile(lags_s, 0.5),
        p95_s=percentile(lags_s, 0.95),
        p99_s=percentile(lags_s, 0.99),
        utterances=len(utterances_s),
        first_sample_mean_s=fmean(utterances_s) if utterances_s else 0.0,
        first_sample_p50_s=percentile(utterances_s, 0.5),
        first_sample_p95_s=percentile(utterances_s, 0.95),
    )
