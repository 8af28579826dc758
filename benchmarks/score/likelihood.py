"""How likely a translation model finds what was released, which chrF cannot say: a release that
goes on from words that the whole sentence has otherwise may read well or not.

A *token* is a piece of a word, as the model has them. Of each the model said how likely it is
after what stands before it, as a translation of the whole sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from benchmarks.score.omnisteval import timed_words
from benchmarks.score.talks import MATERIAL
from benchmarks.score.virtual_talk import Played, ReleasedSentence

Likelihood = Callable[[str, str], Sequence[Sequence[float]]]
"""Of a sentence and its translation: the natural logarithms of the probabilities of the tokens of
each word, and of the end."""


@dataclass(frozen=True, slots=True)
class TokenLikelihood:
    """Means of log probabilities: of each token, and of the first ones after seams (None: there
    are none)."""

    mean: float
    at_seams: float | None


def token_likelihood(played: Sequence[Played], likelihood: Likelihood) -> TokenLikelihood:
    tokens: list[float] = []
    at_seams: list[float] = []
    for talk in played:
        for sentence in talk.sentences:
            words = talk.talk.words[sentence.first : sentence.end]
            found = likelihood(" ".join(word.text for word in words), sentence.text)
            tokens += [each for word in found for each in word]
            at_seams += [found[number][0] for number in words_after_seams(sentence)]
    return TokenLikelihood(fmean(tokens), fmean(at_seams) if at_seams else None)


def words_after_seams(sentence: ReleasedSentence) -> Iterator[int]:
    """The numbers of the words with which a release goes on after another."""
    times = [at_s for _, at_s in timed_words(sentence)]
    for number, (before_s, at_s) in enumerate(pairwise(times), 1):
        if at_s != before_s:
            yield number


class RecordedLikelihoods:
    """What a model said of sentences and translations. One that is not among them is an error, or
    is asked for and added where there is a ``model``."""

    def __init__(
        self, pair: str, model: Likelihood | None = None, material: Path = MATERIAL
    ) -> None:
        self._file = material / f"likelihoods-{pair}.jsonl"
        self._model = model
        self._asked: set[tuple[str, str]] = set()
        self._known: dict[tuple[str, str], Sequence[Sequence[float]]] = {}
        if self._file.exists():
            for line in self._file.read_text().splitlines():
                text, translation, found = json.loads(line)
                self._known[text, translation] = found

    @property
    def is_there(self) -> bool:
        return bool(self._known)

    def __call__(self, text: str, translation: str) -> Sequence[Sequence[float]]:
        key = text, translation
        if key not in self._known:
            if self._model is None:
                raise KeyError(
                    f"{self._file.name} lacks a translation of a text of {len(text)} signs"
                )
            found = self._model(text, translation)
            self._known[key] = [[round(each, 2) for each in word] for word in found]
        self._asked.add(key)
        return self._known[key]

    def save(self) -> None:
        """A line for each translation that was asked for, in order."""
        lines = (
            json.dumps([*key, self._known[key]], ensure_ascii=False, separators=(",", ":"))
            for key in sorted(self._asked)
        )
        self._file.write_text("".join(f"{line}\n" for line in lines))
