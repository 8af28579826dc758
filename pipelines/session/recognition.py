"""A speech stream as the session sees it: what it was sent, what it has recognised, and when one
that failed is opened again.

The stream itself is opened, fed and read by the shell (``runtime.session_shell``), under a number.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from connectors.interfaces.speech_to_text import RecogniserCapabilities
from pipelines.segmentation.segmenter import (
    NEVER,
    NO_PROMISES,
    Hypothesis,
    Segment,
    TimedWord,
    WordPromises,
    words_after,
)
from pipelines.session.audio import UncommittedAudio
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

FRAME_S = 0.06
"""Recognisers work in frames: their reports lag by up to two of them."""

LISTENED_AFTER_SAMPLES = SAMPLE_RATE_HZ // 10
"""So far past a voice's end a recogniser must have listened to have all of its words."""

SETTLED_AFTER_SAMPLES = SAMPLE_RATE_HZ // 4
"""And so far to be sure of them, when it does not say that it is."""

WORD_TAIL_SAMPLES = 3 * SAMPLE_RATE_HZ // 10
"""A word sounds on for so long after the end that its recogniser gives."""

IDLE_CLOSE_S = 10.0
"""Amazon Transcribe ends a stream after 15 s without audio, and silence is not sent."""

LONGEST_STREAM_S = 3.5 * 3600
"""Amazon Transcribe ends one after 4 h."""

ANSWER_WITHIN_S = 60.0
"""A stream that was sent audio and reports nothing for so long has failed."""

GIVE_UP_AFTER_S = 60.0
"""Audio that no stream has taken for so long is committed as failed; the talk goes on."""


class RecognisedWord(Protocol):
    """The part of ``interfaces.speech_to_text.Word`` that is used here: seconds of the stream."""

    @property
    def text(self) -> str: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def is_stable(self) -> bool: ...


class Recognised(Protocol):
    """The part of ``connectors.interfaces.speech_to_text.Recognition`` that is used here."""

    @property
    def words(self) -> Sequence[RecognisedWord]: ...
    @property
    def is_final(self) -> bool: ...
    @property
    def through_s(self) -> float: ...


class RecognitionStream:
    """``first_sample`` of the epoch is the stream's beginning, known once it is open."""

    def __init__(self, number: int, promises: WordPromises | None = None) -> None:
        self.number = number
        self.promises = promises or NO_PROMISES
        self.is_open = False
        self.is_finishing = False
        self.has_ended = False
        self.finish_by_s = 0.0
        self.opened_at_s = self.last_sent_at_s = self.answered_at_s = 0.0
        self.first_sample = self.through_sample = self.sent_through_sample = 0
        self._sent_samples = 0
        self._pieces = [(0, 0)]
        """Where the stream's samples lie in the epoch: silence may have been left out."""
        self._reports: list[int] = []
        """``through_sample`` after each result, of what is not committed."""
        self._final: list[TimedWord] = []
        self._partial: list[TimedWord] = []

    @property
    def words(self) -> list[TimedWord]:
        return [*self._final, *self._partial]

    def opened(self, first_sample: int, now_s: float) -> None:
        self.is_open = True
        self.opened_at_s = self.last_sent_at_s = self.answered_at_s = now_s
        self.first_sample = self.through_sample = self.sent_through_sample = first_sample
        self._pieces = [(0, first_sample)]

    def sent(self, pieces: Iterable[tuple[int, bytes]], now_s: float) -> None:
        """Note what goes to the stream: (first sample of the epoch, PCM) of each piece."""
        for first_sample, pcm in pieces:
            if first_sample != self.sent_through_sample:
                self._pieces.append((self._sent_samples, first_sample))
            samples = len(pcm) // BYTES_PER_SAMPLE
            self._sent_samples += samples
            self.sent_through_sample = first_sample + samples
            self.last_sent_at_s = now_s

    def take(self, result: Recognised) -> None:
        words = [
            TimedWord(
                word.text,
                self._sample(word.start_s, 0),
                self._sample(word.end_s, 1),
                word.is_stable or result.is_final,
            )
            for word in result.words
        ]
        if result.is_final:
            self._final += words
            self._partial = []
        else:
            self._partial = words
        self.through_sample = max(self.through_sample, self._sample(result.through_s, 1))
        self._reports.append(self.through_sample)

    def as_reported(self, segment: Segment) -> Segment:
        """The segment, with what its decision needed told in whole results. A recogniser reports
        every so often, and often in the middle of a chunk: the first result that considered
        ``needed_sample`` needed its own last sample. As it was where no result has."""
        at = bisect_left(self._reports, segment.needed_sample)
        if at == len(self._reports):
            return segment
        return replace(segment, needed_sample=self._reports[at])

    def forget_words_before(self, sample: int) -> None:
        self._final = [word for word in self._final if word.end_sample > sample]
        del self._reports[: bisect_left(self._reports, sample)]
        if len(self._pieces) > 1:
            behind = bisect_right(self._pieces, sample, key=lambda each: each[1]) - 1
            del self._pieces[: max(behind, 0)]

    def has_caught_up(self, report_every_s: float) -> bool:
        """Whether all that was sent is answered, but for what lies between two reports."""
        between = int((report_every_s + FRAME_S) * SAMPLE_RATE_HZ)
        return self.through_sample >= self.sent_through_sample - between

    def is_stalled(self, now_s: float, report_every_s: float) -> bool:
        is_due = now_s - self.answered_at_s >= ANSWER_WITHIN_S
        return is_due and not self.has_caught_up(report_every_s)

    def is_idle(self, now_s: float) -> bool:
        return now_s - self.last_sent_at_s >= IDLE_CLOSE_S - 0.001

    def is_old(self, now_s: float) -> bool:
        return now_s - self.opened_at_s >= LONGEST_STREAM_S

    def _sample(self, at_s: float, ends: int) -> int:
        """The epoch's sample at a time of the stream. ``ends`` 1: of something that ends here,
        which belongs to the piece in front."""
        at = round(at_s * SAMPLE_RATE_HZ)
        piece = bisect_right(self._pieces, at - ends, key=lambda each: each[0]) - 1
        stream_sample, epoch_sample = self._pieces[max(piece, 0)]
        return epoch_sample + at - stream_sample


class Retries:
    """When a stream may be opened, after one failed. ``answered`` ends a row of failures."""

    def __init__(self) -> None:
        self._failing_since_s: float | None = None
        self._wait_until_s = 0.0

    def answered(self) -> None:
        """A stream has taken audio, or the audio is given up."""
        self._failing_since_s = None

    def failed(self, now_s: float) -> bool:
        """Note a failure; whether another stream is to be tried, a little later each time."""
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        failing_s = now_s - self._failing_since_s
        self.wait_until(now_s + min(0.2 + failing_s / 4, 5.0))
        return failing_s < GIVE_UP_AFTER_S

    def wait_until(self, at_s: float) -> None:
        self._wait_until_s = at_s

    def may_open(self, now_s: float) -> bool:
        return now_s >= self._wait_until_s


def promises_of(capabilities: RecogniserCapabilities) -> WordPromises:
    settles_after_s = capabilities.settles_after_s
    return WordPromises(
        NEVER if math.isinf(settles_after_s) else round(settles_after_s * SAMPLE_RATE_HZ),
        not capabilities.times_are_estimated,
    )


def hypothesis_of(
    stream: RecognitionStream | None,
    audio: UncommittedAudio,
    resume_sample: int,
    report_every_s: float,
    *,
    finished: bool,
) -> Hypothesis | None:
    """What is taken for said after ``resume_sample`` now; None while nothing can be."""
    available, voice = audio.available_sample, audio.voice
    is_open = stream is not None and stream.is_open
    if voice is None:
        if stream is None or not is_open:
            return None
        # What lies between its last two reports a recogniser does not answer singly: to wait for
        # it would be to wait for the next pane.
        caught_up = stream.has_caught_up(report_every_s)
        through = available if caught_up else stream.through_sample
        return Hypothesis(stream.words, through, available, finished, promises=stream.promises)
    words = stream.words if stream is not None and is_open else []
    through = stream.through_sample if stream is not None and is_open else resume_sample
    settled = all(word.is_stable for word in words)
    listened = LISTENED_AFTER_SAMPLES if settled else SETTLED_AFTER_SAMPLES
    if voice.voice_after(through - listened) is None:
        # All that is left is silence, which no recogniser will be asked about.
        through = max(through, voice.through_sample)
    promises = stream.promises if stream is not None else NO_PROMISES
    considered = available if finished else through
    return Hypothesis(words, considered, available, finished, voice, promises)


def is_paused(
    stream: RecognitionStream | None,
    audio: UncommittedAudio,
    resume_sample: int,
    at_least_s: float,
) -> bool:
    """Whether the word that ends at ``resume_sample`` is followed by a pause of so much, over by
    now or not, and the recogniser knows of no word in front of the pause's end."""
    if audio.voice is None:
        return False
    pause = audio.voice.pause_after(resume_sample, round(at_least_s * SAMPLE_RATE_HZ))
    if pause is None or pause[0] > resume_sample + WORD_TAIL_SAMPLES:
        return False
    if stream is None or not stream.is_open:
        return True
    words = words_after(resume_sample, stream.words)
    return stream.through_sample >= pause[0] and not any(
        word.middle_sample < pause[1] for word in words
    )
