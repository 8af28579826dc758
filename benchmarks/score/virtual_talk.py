"""A talk through sentence buffer, cursor and phrases in virtual time, with recorded translations.

A word is known when it ends, and the mark after it 0.3 s later or with the next word. Behind a
recogniser both are known when it holds the word for stable: some time later, drawn from a
log-normal distribution, at quarters of a second.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.score.talks import SpokenTalk, SpokenWord, Translate, counted
from pipelines.sentences.cursor import Pace, Released, TranslationCursor
from pipelines.sentences.phrases import is_phrase
from pipelines.sentences.release import ReleasePolicy
from pipelines.sentences.sentence_buffer import SentenceBuffer, is_sentence_end
from pipelines.sentences.tokens import MARKS

MARK_AFTER_S = 0.3
REPORT_EVERY_S = 0.25
WINDOW_S = 3.0


@dataclass(frozen=True, slots=True)
class Lateness:
    """How long after its end a recogniser holds a word for stable."""

    p50_s: float = 0.9
    p95_s: float = 2.0
    seed: int = 3

    def draws(self) -> Iterator[float]:
        chance = random.Random(self.seed)  # noqa: S311 (no secret)
        sigma = math.log(self.p95_s / self.p50_s) / 1.645
        while True:
            yield chance.lognormvariate(math.log(self.p50_s), sigma)


@dataclass(frozen=True, slots=True)
class Known:
    """At ``at_s`` so many ``words`` of a talk are known, the last with its mark or not yet."""

    at_s: float
    words: int
    has_mark: bool


@dataclass(frozen=True, slots=True)
class Release:
    """``text`` was released at ``at_s``."""

    text: str
    at_s: float


@dataclass(slots=True)
class ReleasedSentence:
    """``first`` and ``end``: its words' numbers in the talk. ``contradicted``: released words that
    the last draft has otherwise. ``phrases``: what was voiced, and when it could be begun."""

    first: int
    end: int = 0
    releases: list[Release] = field(default_factory=list[Release])
    phrases: list[Release] = field(default_factory=list[Release])
    contradicted: int = 0

    @property
    def text(self) -> str:
        return "".join(each.text for each in self.releases)


@dataclass(slots=True)
class Played:
    """What a talk came to in a language. ``calls``: the texts that were translated."""

    talk: SpokenTalk
    sentences: list[ReleasedSentence] = field(default_factory=list[ReleasedSentence])
    calls: list[str] = field(default_factory=list[str])


def play(
    talk: SpokenTalk,
    policy: ReleasePolicy,
    pace: Pace,
    translate: Translate,
    lateness: Lateness | None = None,
    language: str = "en",
) -> Played:
    played = Played(talk)
    ask = counted(translate, played.calls)
    buffer, cursor = SentenceBuffer(language), TranslationCursor(policy, pace)
    first = done = 0
    for known in known_words(talk.words, lateness):
        for count in _sentence_by_sentence(talk.words, done, known, language):
            words = [word.text for word in talk.words[first:count]]
            text = " ".join(words[done - first :])
            has_mark = known.has_mark or count < known.words
            ends = has_mark and (buffer.ends_with(text) or count == len(talk.words))
            if not has_mark:
                words[-1] = words[-1].rstrip(MARKS)
            if not played.sentences or played.sentences[-1].end:
                played.sentences.append(ReleasedSentence(first))
            source, sentence = " ".join(words), played.sentences[-1]
            step = cursor.step(sentence.first, source, is_final=ends)
            if step is not None:
                draft = step.draft
                if draft is None:
                    given = step.released if policy.continues else ""
                    draft = ask(step.source, is_unfinished=step.is_unfinished, released=given)
                _release(cursor.answered(step, draft, source), known.at_s, sentence)
            if has_mark:
                # A word is committed once its mark is known.
                buffer.add(text, ends=ends)
                done = count
            if ends:
                played.sentences[-1].end = first = count
    return played


def play_windows(
    talk: SpokenTalk, translate: Translate, lateness: Lateness | None = None
) -> Played:
    """The flow that is replaced: what is known at the end of each window of 3 s is translated
    alone, wherever its sentences end."""
    played = Played(talk)
    ask = counted(translate, played.calls)
    known = known_words(talk.words, lateness)
    first, end_s = 0, WINDOW_S
    while first < len(talk.words):
        count = max((each.words for each in known if each.at_s <= end_s), default=0)
        if count > first:
            text = " ".join(word.text for word in talk.words[first:count])
            spoken = Release(ask(text), end_s)
            played.sentences.append(ReleasedSentence(first, count, [spoken], [spoken]))
            first = count
        end_s += WINDOW_S
    return played


def _sentence_by_sentence(
    words: Sequence[SpokenWord], done: int, known: Known, language: str
) -> Iterator[int]:
    """How far the words after ``done`` are taken at a time: not past a sentence's end."""
    for count in range(done + 1, known.words):
        if is_sentence_end(words[count - 1].text, language):
            yield count
    yield known.words


def _release(released: Released, at_s: float, sentence: ReleasedSentence) -> None:
    if released.ends:
        sentence.contradicted = released.contradicted
    if released.text:
        sentence.releases.append(Release(released.text, at_s))
        voiced = sum(len(each.text) for each in sentence.phrases)
        waiting = sentence.text[voiced:]
        if is_phrase(waiting, ends_sentence=released.ends):
            sentence.phrases.append(Release(waiting, at_s))


def known_words(words: Sequence[SpokenWord], lateness: Lateness | None) -> list[Known]:
    """In order of time; of several at one time the last."""
    found: list[Known] = []
    draws = lateness.draws() if lateness else None
    at_s = 0.0
    for number, word in enumerate(words):
        count = number + 1
        if draws is not None:
            stable_s = math.ceil((word.end_s + next(draws)) / REPORT_EVERY_S) * REPORT_EVERY_S
            at_s = max(at_s, stable_s)
            found.append(Known(at_s, count, has_mark=True))
            continue
        following_s = words[count].end_s if count < len(words) else math.inf
        if word.text[-1] in MARKS:
            mark_s = min(word.end_s + MARK_AFTER_S, following_s - 0.001)
            found += [Known(word.end_s, count, has_mark=False), Known(mark_s, count, has_mark=True)]
        else:
            found.append(Known(word.end_s, count, has_mark=True))
    following = [*found[1:], None]
    return [
        each
        for each, then in zip(found, following, strict=True)
        if then is None or then.at_s > each.at_s
    ]
