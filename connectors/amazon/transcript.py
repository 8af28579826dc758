"""From Transcribe's results to ``Recognition``: pure, time is an argument.

Transcribe says nothing about silence, and its times count silence that was sent only to keep the
stream alive. Both are settled here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

from connectors.interfaces.speech_to_text import Recognition, Word

LATE_S = 300.0
"""A result may refer to audio so far in front of what is considered already, or of the first word
that is not final: audio that waits longer than five minutes is refused by the service."""


@dataclass(frozen=True, slots=True)
class TranscriptItem:
    """A word or a punctuation mark; times in seconds of all that was sent."""

    content: str
    start_s: float
    end_s: float
    is_punctuation: bool = False
    is_stable: bool = False


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
            words.append(Word(item.content, item.start_s, item.end_s, item.is_stable))
        elif words:
            word = words[-1]
            words[-1] = replace(
                word, text=word.text + item.content, is_stable=word.is_stable and item.is_stable
            )
    return tuple(words)


class _Silence(NamedTuple):
    """Silence that was only sent to the service; all in seconds."""

    service_s: float
    """When it begins, as the service counts."""
    audio_s: float
    """Where it lies in the audio."""
    duration_s: float

    @property
    def end_s(self) -> float:
        return self.service_s + self.duration_s


class AudioClock:
    """What was sent, as the speaker's audio and as the service counts it; all in seconds.

    The service counts silence that was sent only to keep the stream alive. A stream lives for
    hours, so the owner says what no result can refer to any more (``forget_before``).
    """

    def __init__(self) -> None:
        self.audio_s = 0.0
        self._silences: list[_Silence] = []
        self._known_from_s = self._forgotten_s = 0.0
        """Silences before ``_known_from_s`` of the audio are forgotten; they lasted so long."""

    @property
    def kept_silences(self) -> int:
        return len(self._silences)

    def insert_silence(self, duration_s: float) -> None:
        """Count silence that is sent after all audio that was sent so far."""
        last = self._silences[-1] if self._silences else None
        if last is not None and last.audio_s == self.audio_s:
            self._silences[-1] = last._replace(duration_s=last.duration_s + duration_s)
            return
        inserted_s = self._forgotten_s if last is None else last.end_s - last.audio_s
        self._silences.append(_Silence(self.audio_s + inserted_s, self.audio_s, duration_s))

    def to_audio_s(self, service_s: float) -> float:
        """Where in the audio the service's time lies; inserted silence has no length there. A time
        before what is kept is taken for the beginning of that."""
        index = bisect_right(self._silences, service_s, key=lambda each: each.service_s) - 1
        if index < 0:
            at_s = max(service_s - self._forgotten_s, self._known_from_s)
        else:
            silence = self._silences[index]
            at_s = silence.audio_s + max(0.0, service_s - silence.end_s)
        return min(at_s, self.audio_s)

    def forget_before(self, audio_s: float) -> None:
        """No result will refer to audio before ``audio_s``, which lies within what was sent."""
        if audio_s <= self._known_from_s:
            return
        self._known_from_s = audio_s
        gone = bisect_left(self._silences, audio_s, key=lambda each: each.audio_s)
        self._forgotten_s += sum(each.duration_s for each in self._silences[:gone])
        del self._silences[:gone]


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
