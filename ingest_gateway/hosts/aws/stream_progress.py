"""Which chunks of a speaker's stream are durable, when nobody sees them all. Pure.

API Gateway hands a connection's frames to handlers side by side: chunk 8 may be durable before
chunk 7 is. Readers put them in order by number. What is acknowledged is everything up to the first
number that is missing. A hole that is not filled within ``HOLE_WAIT_MS`` will not be: no handler
lives that long, so its chunk was refused, or its handler failed and told the client so. It is
declared, and passed when the session's row says that nobody else has opened the stream since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingest_gateway.audio_in.speaker_stream import Hole

HANDLER_LIVES_MS = 15_000
"""The functions' time limit (``infrastructure/functions.py``)."""
HOLE_WAIT_MS = HANDLER_LIVES_MS + 1_000
MOST_AHEAD = 500
"""With more than this behind a hole, nobody waits any longer for it."""
_PROMISE_KEPT_WITHIN_MS = 1_000


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """``durable``: every chunk up to it is stored, or declared missing. ``ahead``: stored ones
    behind the first that is missing, sorted; it has been waited for since ``hole_since_ms``.
    ``next_unnumbered``: what the next chunk without a number gets. ``acked`` was acknowledged last.
    ``ack_promised_ms``: when a handler, which waits for that, is going to; None: nobody is."""

    epoch: int
    stream_id: str
    durable: int = -1
    ahead: tuple[int, ...] = ()
    hole_since_ms: int | None = None
    next_unnumbered: int = 0
    clock_offset_ms: int | None = None
    acked: int = -1
    acked_at_ms: int = 0
    ack_promised_ms: int | None = None

    @property
    def highest(self) -> int:
        return self.ahead[-1] if self.ahead else self.durable

    def has(self, sequence: int) -> bool:
        return sequence <= self.durable or sequence in self.ahead

    def numbered(self) -> tuple[StreamProgress, int]:
        """A number for a chunk that came without."""
        number = max(self.next_unnumbered, self.highest + 1)
        return replace(self, next_unnumbered=number + 1), number

    def settled_to(self, sequence: int, now_ms: int) -> StreamProgress:
        """What lies up to there is settled, as others know."""
        if sequence <= self.durable:
            return self
        ahead = tuple(number for number in self.ahead if number > sequence)
        return _closed_up(replace(self, durable=sequence, ahead=ahead), now_ms)

    def stored(
        self, sequence: int, now_ms: int, clock_offset_ms: int | None = None
    ) -> StreamProgress:
        """This chunk is durable. Of the clock's offsets the smallest is the best estimate."""
        offsets = [one for one in (self.clock_offset_ms, clock_offset_ms) if one is not None]
        now = replace(self, clock_offset_ms=min(offsets, default=None))
        if self.has(sequence):
            return now
        ahead = tuple(sorted((*self.ahead, sequence)))
        return _closed_up(replace(now, ahead=ahead), now_ms)

    def hole(self, now_ms: int) -> Hole | None:
        """What has been missing for too long."""
        if not self.ahead or self.hole_since_ms is None:
            return None
        is_late = now_ms - self.hole_since_ms >= HOLE_WAIT_MS
        if not is_late and len(self.ahead) <= MOST_AHEAD:
            return None
        return Hole(self.durable, self.ahead[0])

    def passed(self, hole: Hole, now_ms: int) -> StreamProgress:
        """The hole counts as durable: nothing of it will come. Unchanged when it was passed."""
        if self.durable != hole.after_sequence:
            return self
        passed = replace(self, durable=hole.next_sequence - 1, hole_since_ms=None)
        return _closed_up(passed, now_ms)

    def acknowledged(self, now_ms: int) -> StreamProgress:
        return replace(self, acked=self.durable, acked_at_ms=now_ms, ack_promised_ms=None)

    def ack_wait_ms(self, every_ms: int, now_ms: int, *, again: bool = False) -> int | None:
        """Until this handler may acknowledge; None: another one did or is going to. ``again``:
        also what was acknowledged before, since its sender did not hear of it."""
        if self.acked == self.durable and not again:
            return None
        wait_ms = max(0, self.acked_at_ms + every_ms - now_ms)
        if wait_ms == 0:
            return 0
        promised_ms = self.ack_promised_ms
        if promised_ms is not None and now_ms < promised_ms + _PROMISE_KEPT_WITHIN_MS:
            return None
        return wait_ms

    def promised(self, wait_ms: int, now_ms: int) -> StreamProgress:
        return replace(self, ack_promised_ms=now_ms + wait_ms)


def _closed_up(standing: StreamProgress, now_ms: int) -> StreamProgress:
    """``durable`` moved over all that follow it without a hole."""
    durable, ahead = standing.durable, list(standing.ahead)
    while ahead and ahead[0] <= durable + 1:
        durable = max(durable, ahead.pop(0))
    moved = durable != standing.durable
    since_ms = None
    if ahead:
        since_ms = now_ms if moved or standing.hole_since_ms is None else standing.hole_since_ms
    return replace(standing, durable=durable, ahead=tuple(ahead), hole_since_ms=since_ms)
