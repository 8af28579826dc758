"""What became of audio: acknowledged when durable, declared a gap when given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from ingest_gateway.audio_in.put_queue import Pending, Settled
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.protocol.messages import AudioAck, ErrorMessage
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from schemas.values import AudioChunk, ControlKind, SessionControl

_GIVEN_UP = {
    True: "audio could not be stored in time; it is marked as a gap",
    False: "audio may not have been stored in time; what is missing is marked as a gap",
}

_log = logging.getLogger(__name__)


class Acknowledgements:
    """Told by the record writer what became of records; tells the session's speaker."""

    def __init__(self, live: LiveSessions, limits: Limits, now_ms: Callable[[], int]) -> None:
        self._live = live
        self._limits = limits
        self._now_ms = now_ms

    def settled(self, settled: Settled) -> Sequence[SessionControl]:
        """The writer's report: acknowledge what is durable, declare gaps for what was given up.
        They go on the stream when ``may_declare`` says so.

        What is unsure is in a gap too, for nothing more will come of it; what of it is on the
        stream is heard all the same, because it stands there before the gap.
        """
        live = self._live.loaded(settled.session_id)
        if live is None:
            return ()
        before = live.durable_sequence
        for pending in settled.stored:
            live.durable_sequence = _durable_after(live, pending)
        if live.durable_sequence > before:
            live.ack_due = True
            self.acknowledge(live)
        if not settled.lost and not settled.unsure:
            return ()
        gaps = _gaps(live, (*settled.lost, *settled.unsure), self._now_ms())
        _log.error(
            "session %s: %d records lost, %d perhaps",
            live.session_id,
            len(settled.lost),
            len(settled.unsure),
        )
        if live.speaker is not None and gaps:
            newest = [gap for gap in gaps if gap.epoch == gaps[-1].epoch]
            live.speaker.send(
                ErrorMessage(
                    code="INTERNAL",
                    message=_GIVEN_UP[bool(settled.lost)],
                    action="audioChunk",
                    sequence=newest[0].after_sequence + 1,
                )
            )
        return gaps

    def may_declare(self, gap: SessionControl) -> Awaitable[bool]:
        """The writer's question; of a session that is no longer known nothing is declared."""
        live = self._live.loaded(gap.session_id)
        return _no() if live is None else self._live.declare_gap(live, gap, live.tenure)

    def acknowledge(self, live: LiveSession) -> None:
        """Now, or when the last acknowledgement is old enough."""
        if not live.ack_due or live.speaker is None:
            return
        now_ms = self._now_ms()
        wait_ms = live.acked_at_ms + self._limits.ack_every_ms - now_ms
        if wait_ms > 0 and now_ms >= live.acked_at_ms:  # else the clock was put back
            if not live.ack_timer_set:
                live.ack_timer_set = True
                asyncio.get_running_loop().call_later(wait_ms / 1000, self._ack_timer, live)
            return
        live.ack_due = False
        live.acked_at_ms = now_ms
        live.speaker.send(AudioAck(session_id=live.session_id, sequence=live.durable_sequence))

    def _ack_timer(self, live: LiveSession) -> None:
        live.ack_timer_set = False
        self.acknowledge(live)


async def _no() -> bool:
    return False


def _durable_after(live: LiveSession, pending: Pending) -> int:
    """A stored gap makes the stream durable up to its end: nothing more will come of it."""
    value = pending.value
    if live.stream is None or value.epoch != live.stream.epoch:
        return live.durable_sequence
    if isinstance(value, AudioChunk):
        return max(live.durable_sequence, value.sequence)
    if value.kind is ControlKind.GAP and value.next_sequence is not None:
        return max(live.durable_sequence, value.next_sequence - 1)
    return live.durable_sequence


def _gaps(live: LiveSession, gone: Sequence[Pending], now_ms: int) -> tuple[SessionControl, ...]:
    """In order, one for each run of chunks: what is stored between two of them is in none."""
    chunks = [one.value for one in gone if isinstance(one.value, AudioChunk)]
    runs: list[tuple[int, int, int]] = []
    for epoch, sequence in sorted((chunk.epoch, chunk.sequence) for chunk in chunks):
        if runs and runs[-1][0] == epoch and runs[-1][2] == sequence:
            runs[-1] = (epoch, runs[-1][1], sequence + 1)
        else:
            runs.append((epoch, sequence, sequence + 1))
    return tuple(
        gap_record(live.session_id, epoch, first - 1, behind, now_ms)
        for epoch, first, behind in runs
    )


def gap_record(
    session_id: str, epoch: int, after_sequence: int, next_sequence: int, now_ms: int
) -> SessionControl:
    return SessionControl(
        session_id=session_id,
        epoch=epoch,
        after_sequence=after_sequence,
        revision=0,
        kind=ControlKind.GAP,
        at_ms=now_ms,
        next_sequence=next_sequence,
    )
