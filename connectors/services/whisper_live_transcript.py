"""From a whisper-live server's messages to ``Recognition``: pure, time is an argument.

The server transcribes the audio since its last completed segment again and again. A message holds
its newest completed segments, of which most were told before, and the open one. It says neither
how much audio it has considered nor anything about silence. So here audio is taken for considered
up to the first loud moment that no segment covers, for in quiet audio nobody speaks; and a loud
moment that stays without a word, when its answer is overdue.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from connectors.calls.audio_clock import AudioClock
from connectors.calls.line_agreement import LineAgreement, TextLine
from connectors.interfaces.errors import PermanentError, RetryableError, ThrottledError
from connectors.interfaces.speech_to_text import Recognition, Word
from schemas.values import SAMPLE_RATE_HZ

READY = "SERVER_READY"
_OVER = "DISCONNECT"
_LOUD_PEAK = 164
"""Of 32,768, -46 dB: below it nobody speaks."""
_BLOCK = SAMPLE_RATE_HZ // 50
_COVERED_S = 0.5
"""A segment covers so much after its end: Whisper ends words early."""
_LEAST_STEP_S = 0.02
"""Less is no news."""
_SAME_S = 0.005
"""Times are told in thousandths."""
_LATE_S = 60.0
"""A server keeps 45 s of audio: no segment refers to what is older."""


@dataclass(frozen=True, slots=True)
class ServedSegment:
    """Times in seconds of all that was sent. One that is not completed may still change."""

    text: str
    start_s: float
    end_s: float
    is_completed: bool


def read_message(body: str | bytes, uid: str) -> tuple[ServedSegment, ...] | str | None:
    """Segments, or READY; None: what is of no matter here. The server's own words stand in no
    error. ThrottledError: it is full; PermanentError: it refuses; RetryableError: it ends the
    connection, or speaks another protocol."""
    try:
        message: dict[str, Any] = json.loads(body)
        if message.get("uid") not in (uid, None):
            return None
        status, text = message.get("status"), message.get("message")
        if "segments" in message:
            return tuple(_segment(each) for each in message["segments"])
        if status == "WAIT":
            minutes = float(text or 0.0)
            raise ThrottledError(
                "the recognition server is full", 60 * minutes if math.isfinite(minutes) else None
            )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RetryableError("the recognition server speaks another protocol") from None
    if status == "ERROR":
        raise PermanentError("the recognition server refuses: its log says why")
    if text == _OVER:
        raise RetryableError("the recognition server ends connections after some time")
    return READY if text == READY else None


def _segment(given: dict[str, Any]) -> ServedSegment:
    start_s, end_s = float(given["start"]), float(given["end"])
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise ValueError
    return ServedSegment(str(given["text"]).strip(), start_s, end_s, bool(given.get("completed")))


@dataclass(frozen=True, slots=True)
class _Loud:
    """A moment of the speaker's audio in which somebody may speak."""

    start_s: float
    end_s: float
    due_s: float
    """When its answer is overdue."""


class WhisperLiveTranscript:
    """Of one stream. ``answer_within_s``: loud audio without a word for so long is no speech."""

    def __init__(self, report_every_s: float, answer_within_s: float) -> None:
        self.clock = AudioClock()
        self._report_every_s = report_every_s
        self._answer_within_s = answer_within_s
        self._agreement = LineAgreement()
        self._loud: deque[_Loud] = deque()
        self._covered_s = self._through_s = 0.0
        self._completed_s = 0.0
        """Of the server's time: segments before it were told."""
        self._complete: list[TextLine] = []
        """Not reported yet."""
        self._open: TextLine | None = None
        self._is_new = False
        """Whether ``_complete`` and ``_open`` are a transcription that was not reported."""
        self._repeated = 0
        self._last: tuple[Word, ...] = ()
        self._has_final = False

    @property
    def through_s(self) -> float:
        return self._through_s

    @property
    def expects_words(self) -> bool:
        """Whether words may still come, or change, without more audio of the speaker's."""
        return bool(self._loud) or self._open is not None

    @property
    def is_settled(self) -> bool:
        """Whether all audio has been considered, and the server repeats itself or says nothing."""
        return not self._loud and (self._open is None or self._repeated > 0)

    def sent(self, pcm: bytes, now_s: float) -> None:
        """Mono s16le of the speaker's."""
        samples = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32))
        for at in range(0, len(samples), _BLOCK):
            if int(samples[at : at + _BLOCK].max()) >= _LOUD_PEAK:
                begin_s = self.clock.audio_s + at / SAMPLE_RATE_HZ
                end_s = begin_s + _BLOCK / SAMPLE_RATE_HZ
                self._loud.append(_Loud(begin_s, end_s, now_s + self._answer_within_s))
        self.clock.audio_s += len(samples) / SAMPLE_RATE_HZ

    def take(self, segments: Sequence[ServedSegment], now_s: float) -> list[Recognition]:
        """What a message of the server's changes."""
        before, self._open = self._open, None
        for segment in segments:
            if segment.end_s <= self._completed_s + _SAME_S or not segment.text:
                continue
            start_s, end_s = map(self.clock.to_audio_s, (segment.start_s, segment.end_s))
            line = TextLine(segment.text, start_s, end_s, segment.is_completed)
            self._covered_s = max(self._covered_s, end_s + _COVERED_S)
            if segment.is_completed:
                self._complete.append(line)
                self._completed_s = segment.end_s
            else:
                self._open = line
        is_same = before is not None and self._open is not None and before.text == self._open.text
        self._repeated = self._repeated + 1 if is_same else 0
        self._is_new = True
        return self._report(now_s)

    def quiet(self, now_s: float) -> list[Recognition]:
        """What follows from the server having said nothing for a while."""
        return self._report(now_s)

    def finishing(self) -> None:
        """No more audio: from now on the server has to repeat itself to be believed."""
        self._repeated = 0

    def end(self) -> list[Recognition]:
        """What was believed last is so."""
        self._loud.clear()
        lines = [
            *self._complete,
            *([TextLine(o.text, o.start_s, o.end_s, True)] if (o := self._open) else []),
        ]
        through_s = self.clock.audio_s
        if not lines and self._has_final and self._through_s >= through_s:
            return []
        reports = self._steps(through_s)
        final = self._agreement.update(lines, through_s) if lines else []
        self._complete, self._open = [], None
        return [*reports, *(final or [Recognition((), is_final=True, through_s=through_s)])]

    def _report(self, now_s: float) -> list[Recognition]:
        through_s, least_s = self._considered_s(now_s), 0.0
        if self._open is not None and through_s == self.clock.audio_s:
            # Its words may change without more audio, and each result goes further than the last.
            through_s, least_s = (self._through_s + through_s) / 2, _LEAST_STEP_S
        if through_s == self._through_s and (through_s < self.clock.audio_s or not self._is_new):
            return []  # what a server that is behind says next holds this, too
        reports = self._steps(through_s)
        if self._is_new:
            lines = [*self._complete, *([self._open] if self._open else [])]
            newest = self._agreement.update(lines, through_s)
            self._complete, self._is_new = [], False
        else:
            newest = [self._agreement.repeat(through_s)]
        is_final, words = newest[-1].is_final, newest[-1].words
        is_further = through_s - self._through_s > least_s
        if not (is_further or len(newest) > 1 or is_final or words != self._last):
            return reports
        self._through_s, self._has_final = through_s, is_final
        self._last = () if is_final else words
        open_from_s = min((word.start_s for word in self._last), default=through_s)
        self.clock.forget_before(open_from_s - _LATE_S)
        return [*reports, *newest]

    def _considered_s(self, now_s: float) -> float:
        while self._loud and (
            self._loud[0].end_s <= self._covered_s or self._loud[0].due_s <= now_s
        ):
            self._loud.popleft()
        return max(self._through_s, self._loud[0].start_s if self._loud else self.clock.audio_s)

    def _steps(self, through_s: float) -> list[Recognition]:
        """A long step is taken in several, as the interface promises."""
        reports: list[Recognition] = []
        while self._through_s + self._report_every_s < through_s:
            self._through_s += self._report_every_s
            reports.append(self._agreement.repeat(self._through_s))
        return reports
