"""One speaker stream: which chunk comes next, and when it was spoken by our clock. Pure.

**Numbers.** Chunks are taken in order. One that was taken before is a repeat (a client resends
what was not acknowledged). Of a stream that another gateway had it knows what the session's row
says, so that ``pipelines/session/order.py`` has the last word. One further on means that those
between will not come any more on this ordered connection (refused, or lost with a client that was
closed): the hole is declared.

**Clock.** A chunk leaves the client when its last sample is there, so received - timestamp -
duration is the speaker's clock error plus the way; the smallest seen is the best estimate.
Any constant error is corrected that way, years included. A clock that runs slow makes the smallest
ever seen too small, more from minute to minute: so the estimate rises towards the smallest of the
last minute, by ``MOST_SLEW`` of the audio's length at most, so that a backlog of half a minute that
arrives at once does not move it by more than 30 ms. Steps of the speaker's clock:
forward, the minimum follows by itself; backward, the stream goes on where it was. What still
lies ``MAX_LAG_MS`` behind or more is taken for a broken clock and starts the estimate anew.
Corrected times of a session strictly rise, also from stream to stream: clips are named by them.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, AudioChunk

MAX_LAG_MS = 15 * 60_000
MOST_SLEW = 0.001
WINDOW_MS = 30_000
MAX_JUMP = 1_000_000
"""Chunks that a hole may span (three days of audio): further on, a number is a client's fault."""


class SequenceJumpError(ValueError):
    """The number is too far on to be believed."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Chunks behind ``after_sequence`` and before ``next_sequence`` will never come."""

    after_sequence: int
    next_sequence: int


@dataclass(frozen=True, slots=True)
class Taken:
    chunk: AudioChunk
    hole: Hole | None = None


class SpeakerStream:
    def __init__(
        self,
        session_id: str,
        stream_id: str,
        epoch: int,
        *,
        durable_sequence: int = -1,
        clock_offset_ms: int | None = None,
        captured_until_ms: int = 0,
    ) -> None:
        self.session_id = session_id
        self.stream_id = stream_id
        self.epoch = epoch
        self.next_sequence = durable_sequence + 1
        self.clock_offset_ms = clock_offset_ms
        self.captured_at_ms = captured_until_ms
        self._expected_timestamp_ms: int | None = None
        self._recent = _RecentMinimum()
        self._slew_ms = 0.0

    def take(
        self, sequence: int | None, timestamp_ms: int, pcm: bytes, received_at_ms: int
    ) -> Taken | None:
        """The chunk with its number and time; None: a repeat. Raises SequenceJumpError."""
        number = self.next_sequence if sequence is None else sequence
        if number < self.next_sequence:
            return None
        if number - self.next_sequence > MAX_JUMP:
            raise SequenceJumpError(f"the next chunk is {self.next_sequence}, not {number}")
        hole = None
        if number > self.next_sequence:
            hole = Hole(self.next_sequence - 1, number)
        self.next_sequence = number + 1
        duration_ms = len(pcm) * 1000 // (BYTES_PER_SAMPLE * SAMPLE_RATE_HZ)
        chunk = AudioChunk(
            session_id=self.session_id,
            epoch=self.epoch,
            sequence=number,
            captured_at_ms=self._captured_at_ms(timestamp_ms, duration_ms, received_at_ms),
            received_at_ms=received_at_ms,
            pcm=pcm,
        )
        return Taken(chunk, hole)

    def _captured_at_ms(self, timestamp_ms: int, duration_ms: int, received_at_ms: int) -> int:
        offset_ms = self.clock_offset_ms
        observed_ms = received_at_ms - timestamp_ms - duration_ms
        if offset_ms is None:
            offset_ms = observed_ms
        elif (
            self._expected_timestamp_ms is not None
            # Half a chunk is the jitter of a clock read per chunk, not a step.
            and timestamp_ms < self._expected_timestamp_ms - max(duration_ms // 2, 100)
        ):
            step_ms = self._expected_timestamp_ms - timestamp_ms
            offset_ms += step_ms
            self._recent.shift(step_ms)
        recent_ms = self._recent.add(observed_ms, received_at_ms)
        offset_ms = min(self._slewed(offset_ms, recent_ms, duration_ms), observed_ms)
        if received_at_ms - (timestamp_ms + offset_ms) > MAX_LAG_MS:
            offset_ms = observed_ms
            self._recent = _RecentMinimum()
        self.clock_offset_ms = offset_ms
        self._expected_timestamp_ms = timestamp_ms + duration_ms
        self.captured_at_ms = max(self.captured_at_ms + 1, timestamp_ms + offset_ms)
        return self.captured_at_ms

    def _slewed(self, offset_ms: int, recent_ms: int | None, duration_ms: int) -> int:
        """The estimate moved towards the recent minimum, if that is larger."""
        if recent_ms is None or recent_ms <= offset_ms:
            self._slew_ms = 0.0
            return offset_ms
        self._slew_ms += MOST_SLEW * duration_ms
        whole_ms = min(int(self._slew_ms), recent_ms - offset_ms)
        self._slew_ms -= whole_ms
        return offset_ms + whole_ms


class _RecentMinimum:
    """The smallest of the values of the last one to two windows."""

    def __init__(self) -> None:
        self._began_at_ms: int | None = None
        self._before: int | None = None
        self._now = 0

    def add(self, value: int, at_ms: int) -> int | None:
        """None: not known until a window is full."""
        if self._began_at_ms is None:
            self._began_at_ms, self._now = at_ms, value
        elif at_ms - self._began_at_ms >= WINDOW_MS:
            self._began_at_ms, self._before, self._now = at_ms, self._now, value
        else:
            self._now = min(self._now, value)
        return None if self._before is None else min(self._before, self._now)

    def shift(self, by: int) -> None:
        """The clock stepped: what was seen before is seen by the new clock."""
        self._now += by
        if self._before is not None:
            self._before += by
