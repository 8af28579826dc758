"""From Transcribe's results to ``Recognition``: pure, time is an argument.

Transcribe says nothing about silence, and its times count silence that was sent only to keep the
stream alive. Both are settled here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from connectors.calls.audio_clock import AudioClock
from connectors.interfaces.speech_to_text import Recognition, Word

LATE_S = 300.0
"""A result may refer to audio so far in front of what is considered already, or of the first word
that is not final: audio that waits longer than five minutes is refused by the service."""


@dataclass(frozen=True, slots=True)
class TranscriptItem:
    """A word or a punctuation mark; times in seconds of all that was sent. ``confidence``: 0 to 1;
    None: not said, as with every partial result."""

    content: str
    start_s: float
    end_s: float
    is_punctuation: bool = False
    is_stable: bool = False
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class TranscriptResult:
    """A segment of speech: partial ones replace each other until one is not."""

    items: tuple[TranscriptItem, ...]
    end_s: float
    is_partial: bool
    locale: str | None = None


def words_of(items: tuple[TranscriptItem, ...]) -> tuple[Word, ...]:
    """Punctuation belongs to the word before it, which is stable only if both are."""
    words: list[Word] = []
    for item in items:
        if not item.is_punctuation:
            words.append(
                Word(item.content, item.start_s, item.end_s, item.is_stable, item.confidence)
            )
        elif words:
            word = words[-1]
            words[-1] = replace(
                word, text=word.text + item.content, is_stable=word.is_stable and item.is_stable
            )
    return tuple(words)


class TranscriptReader:
    """What one stream has said, and up to where its audio has been considered.

    ``answer_within_s``: quiet audio that was sent so long ago, without a word in it reported, is
    taken for non-speech; loud audio after ``answer_loud_within_s``, for it may be speech that the
    service is late with. ``report_every_s``: the longest step between two recognitions.
    """

    def __init__(
        self, report_every_s: float, answer_within_s: float, answer_loud_within_s: float
    ) -> None:
        self.clock = AudioClock()
        self._report_every_s = report_every_s
        self._answer_within_s = answer_within_s
        self._answer_loud_within_s = answer_loud_within_s
        self._words: tuple[Word, ...] = ()
        self._through_s = 0.0
        self._has_final = False
        self._sent: deque[tuple[float, float]] = deque()
        """(when its answer is overdue, audio sent until then) that may not be considered yet."""

    @property
    def has_open_words(self) -> bool:
        """Whether the service has said words that are not final."""
        return bool(self._words)

    @property
    def is_done(self) -> bool:
        """Whether all audio has been considered, and every word is final."""
        return not self._words and self._through_s >= self.clock.audio_s

    def sent(self, duration_s: float, now_s: float, *, is_quiet: bool) -> None:
        self.clock.audio_s += duration_s
        within_s = self._answer_within_s if is_quiet else self._answer_loud_within_s
        self._sent.append((now_s + within_s, self.clock.audio_s))

    def take(self, result: TranscriptResult) -> list[Recognition]:
        words = tuple(
            replace(
                word,
                start_s=self.clock.to_audio_s(word.start_s),
                end_s=self.clock.to_audio_s(word.end_s),
            )
            for word in words_of(result.items)
        )
        end_s = max(self.clock.to_audio_s(result.end_s), *(word.end_s for word in words), 0.0)
        return self._report(words, max(end_s, self._through_s), is_final=not result.is_partial)

    def quiet(self, now_s: float) -> list[Recognition]:
        """What follows from the service having said nothing for a while."""
        through_s = self._through_s
        while self._sent and self._sent[0][0] <= now_s:
            through_s = max(through_s, self._sent.popleft()[1])
        if through_s == self._through_s:
            return []
        return self._report(self._words, through_s, is_final=False)

    def end(self) -> list[Recognition]:
        """The service has answered everything: what was believed last is so."""
        is_answered = self._has_final and not self._words
        if is_answered and self._through_s == self.clock.audio_s:
            return []
        return self._report(self._words, self.clock.audio_s, is_final=True)

    def _report(
        self, words: tuple[Word, ...], through_s: float, *, is_final: bool
    ) -> list[Recognition]:
        """A long step is taken in several, as the interface promises."""
        reports: list[Recognition] = []
        step_s = self._through_s + self._report_every_s
        while step_s < through_s:
            so_far = tuple(word for word in words if word.end_s <= step_s)
            reports.append(Recognition(so_far, is_final=False, through_s=step_s))
            step_s += self._report_every_s
        reports.append(Recognition(words, is_final, through_s))
        self._words = () if is_final else words
        self._has_final = is_final
        self._through_s = through_s
        open_from_s = min((word.start_s for word in self._words), default=through_s)
        self.clock.forget_before(open_from_s - LATE_S)
        return reports
