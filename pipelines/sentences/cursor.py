"""A translation cursor: one language's place in the sentence that is being spoken.

    sentence so far -> ``step`` -> (the shell translates) -> ``answered`` -> released text

The cursor says when the sentence so far is to be translated again, and what of the answer is
released. What is released never changes: the releases of a sentence, put one after another, are
its translation. A cursor that is lost is made again from the releases that were kept
(``resume``); drafts are not kept, so that agreement begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.sentences.release import Draft, ReleasePolicy, seam_of
from pipelines.sentences.tokens import (
    CLOSERS,
    MARKS,
    Token,
    ends_with,
    text_of,
    tokens_of,
    without_stop,
    word_count,
)

DRAFTS_KEPT = 8
LONGEST_RATIO = 10
"""An answer so many times as long as its source is no translation of it."""
LONGEST_EXTRA = 40
"""Characters; short texts may grow by more."""
REPEATED_WORDS = 4
"""So many different words that come back as they were are not translated. Fewer may be names, or
"no, no, no, no"."""
MOST_TOKENS_A_WORD = 3
"""An engine that contradicts itself again and again releases no more than this before the end."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A step at every ``every_words`` new words, or (``at_clauses``) where a clause ends."""

    every_words: float = 2.0
    at_clauses: bool = False

    def is_due(self, words: float, new_words: float, source: str) -> bool:
        if self.at_clauses:
            return new_words >= 1 and words >= 2 and ends_with(source, MARKS)
        return new_words >= self.every_words


@dataclass(frozen=True, slots=True)
class Step:
    """The text ``source`` is to be translated; ``released`` stands already in the target language.
    ``draft`` is the answer when it is known without a call. ``is_unfinished``: ``source`` is the
    beginning of a sentence that goes on, which the engine is not to complete."""

    sentence: int
    source: str
    released: str
    is_final: bool
    draft: str | None = None
    is_unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """What a step came to. ``text`` goes on where the last release of the sentence ended, spaces
    included. ``preview``: the rest of the draft, which may still change. ``contradicted``: released
    words that the draft has otherwise. ``refused``: why the answer was not used."""

    text: str = ""
    preview: str = ""
    ends: bool = False
    catches_up: bool = False
    contradicted: int = 0
    refused: str = ""


class TranslationCursor:
    def __init__(self, policy: ReleasePolicy, pace: Pace) -> None:
        self._policy = policy
        self._pace = pace
        self._begin(-1)

    @property
    def sentence(self) -> int:
        """The sentence that it stands in; -1: in none yet."""
        return self._sentence

    @property
    def released(self) -> str:
        """All that is released of the sentence."""
        return text_of(self._released)

    def resume(self, sentence: int, releases: Sequence[str]) -> None:
        """Stand where the kept releases of a sentence say."""
        self._begin(sentence)
        for text in releases:
            self._append(text)

    def step(
        self, sentence: int, source: str, *, is_final: bool, is_late: bool = False
    ) -> Step | None:
        """The sentence is ``source`` by now; None: it is not to be translated yet. ``is_late``: the
        language joins in the middle of it."""
        if sentence != self._sentence:
            self._begin(sentence)
        self._catches_up = is_late and not self._released
        words = word_count(source)
        if not source.strip():
            return None
        if not is_final:
            if not self._policy.needs_drafts:
                return None
            if not self._pace.is_due(words, words - self._stepped_words, source):
                return None
        fresh = source
        if self._policy.only_new_words:
            fresh = source[len(self._stepped) :].strip()
            if not fresh:
                return None
        draft = self._answer if fresh == self._answered else None
        is_unfinished = not is_final and not self._policy.only_new_words
        return Step(sentence, fresh, self.released, is_final, draft, is_unfinished)

    def answered(self, step: Step, translation: str, source: str | None = None) -> Released:
        """Take the translation of ``step``. ``source``: the sentence when the step was begun, where
        that is not what was translated."""
        refused = _refused(step.source, translation)
        if refused:
            return self.failed(step, refused)
        self._stepped = source if source is not None else step.source
        self._stepped_words = word_count(self._stepped)
        self._answered, self._answer = step.source, translation
        return self._release(translation, is_final=step.is_final)

    def failed(self, step: Step, cause: str) -> Released:
        """The step has no translation. The next one comes with the next words; a sentence that is
        over gets what its last draft said."""
        if not step.is_final:
            return Released(refused=cause)
        draft = "" if self._policy.only_new_words else self._answer or ""
        released = self._release(draft, is_final=True)
        return Released(
            released.text, "", True, released.catches_up, released.contradicted, refused=cause
        )

    def _begin(self, sentence: int) -> None:
        self._sentence = sentence
        self._released: list[Token] = []
        self._drafts: list[Draft] = []
        self._stepped = ""
        self._stepped_words = 0.0
        self._answered: str | None = None
        self._answer: str | None = None
        self._catches_up = False

    def _release(self, translation: str, *, is_final: bool) -> Released:
        tokens = _draft_tokens(translation, is_final=is_final)
        bare = [token.bare for token in tokens]
        done = [token.bare for token in self._released]
        if self._policy.only_new_words:
            at, contradicted, count = 0, 0, len(tokens)
            if tokens and self._released:
                tokens[0] = Token(tokens[0].text, spaced=True)
        else:
            seam = seam_of(done, bare)
            at, contradicted = seam.at, seam.contradicted
            before = self._drafts[-1].words if self._drafts else 0
            draft = Draft(self._stepped_words, bare, self._stepped_words - before)
            self._drafts = [*self._drafts[1 - DRAFTS_KEPT :], draft]
            rest = len(tokens) - at
            count = rest if is_final else self._certain(done, rest)
        mark = self._late_mark(tokens, at) if count or is_final else ""
        new = tokens[at : at + count]
        if new and not self._released:
            new = [Token(new[0].text, spaced=False), *new[1:]]
        text = mark + text_of(new)
        if mark:
            last = self._released[-1]
            self._released[-1] = Token(last.text + mark, last.spaced)
        self._released += new
        preview = text_of(tokens[at + count :]).strip()
        catches_up = self._catches_up and bool(text)
        return Released(text, preview, is_final, catches_up, contradicted)

    def _certain(self, done: Sequence[str], rest: int) -> int:
        count = min(self._policy.certain(done, self._drafts), rest)
        room = int(MOST_TOKENS_A_WORD * max(self._stepped_words, 4)) - len(done)
        return max(0, min(count, room))

    def _late_mark(self, tokens: Sequence[Token], at: int) -> str:
        """The mark after the last released word, if it is known by now and was not before."""
        if not at or not self._released:
            return ""
        last, now = self._released[-1], tokens[at - 1]
        mark = now.text[len(last.text) :]
        if not now.text.startswith(last.text) or mark.strip(MARKS + CLOSERS):
            return ""
        return mark

    def _append(self, text: str) -> None:
        tokens = tokens_of(text)
        begins_spaced = text[:1].isspace()
        if tokens and self._released and not begins_spaced and not tokens[0].bare:
            # The mark of the word that was released before.
            last = self._released[-1]
            self._released[-1] = Token(last.text + tokens[0].text, last.spaced)
            tokens = tokens[1:]
        elif tokens:
            tokens[0] = Token(tokens[0].text, begins_spaced)
        self._released += tokens


def _draft_tokens(translation: str, *, is_final: bool) -> list[Token]:
    tokens = tokens_of(translation)
    if not is_final:
        while tokens:
            last = without_stop(tokens[-1].text)
            if last:
                tokens[-1] = Token(last, tokens[-1].spaced)
                break
            tokens.pop()
    return tokens


def _refused(source: str, translation: str) -> str:
    """Why an answer is no translation; "" when it is taken."""
    if not translation.strip():
        return "empty"
    if len(translation) > LONGEST_RATIO * len(source) + LONGEST_EXTRA:
        return "too long"
    words = [token.bare for token in tokens_of(source)]
    same = words == [token.bare for token in tokens_of(translation)]
    different = {word for word in words if word}
    if same and len(different) >= REPEATED_WORDS and not all(map(str.isdigit, words)):
        return "source repeated"
    return ""
