"""Audio in: numbered, queued, acknowledged when durable, declared a gap when given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from connectors.interfaces.session_tables import PAUSED
from ingest_gateway.audio_in.put_queue import Pending, Settled
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.audio_in.speaker_stream import SequenceJumpError, SpeakerStream
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.protocol.connection_protocol import Audio, Refusal
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.protocol.messages import AudioAck, ErrorMessage
from ingest_gateway.sessions.hub import Connection
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from schemas.values import AudioChunk, ControlKind, SessionControl

_NOTICE_EVERY_MS = 1000
_GIVEN_UP = {
    True: "audio could not be stored in time; it is marked as a gap",
    False: "audio may not have been stored in time; what is missing is marked as a gap",
}

_log = logging.getLogger(__name__)


class AudioIntake:
    """``writer`` is set by whoever wires both: it reports back to ``settled``."""

    writer: RecordWriter

    def __init__(
        self, live: LiveSessions, limits: Limits, metrics: Metrics, now_ms: Callable[[], int]
    ) -> None:
        self._live = live
        self._limits = limits
        self._metrics = metrics
        self._now_ms = now_ms

    def take(self, connection: Connection, audio: Audio) -> None:
        """Number it, correct its time, queue it. Raises Refusal."""
        now_ms = self._now_ms()
        live, stream = speaking_into(self._live.loaded(audio.session_id), connection, audio)
        pcm = as_broadcast(live, audio.pcm)
        try:
            taken = stream.take(audio.sequence, audio.timestamp_ms, pcm, now_ms)
        except SequenceJumpError as error:
            raise Refusal("BAD_FIELD", str(error), sequence=audio.sequence) from None
        if taken is None:
            live.ack_due = True
            self.acknowledge(live)
            return
        if taken.hole is not None:
            self.writer.add(
                gap_record(
                    live.session_id,
                    stream.epoch,
                    taken.hole.after_sequence,
                    taken.hole.next_sequence,
                    now_ms,
                )
            )
        self._metrics.chunks.inc()
        self.writer.add(taken.chunk)

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
        if wait_ms > 0:
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

    def slow_down(self, connection: Connection, session_id: str) -> None:
        """Say, at most once a second, that this socket is not read for a while."""
        live = self._live.loaded(session_id)
        now_ms = self._now_ms()
        if live is None or now_ms - live.slowed_at_ms < _NOTICE_EVERY_MS:
            return
        live.slowed_at_ms = now_ms
        connection.send(
            ErrorMessage(
                code="SLOW_DOWN",
                message="audio is kept but read slowly: send no faster than it is acknowledged",
                action="audioChunk",
            )
        )


async def _no() -> bool:
    return False


def speaking_into(
    live: LiveSession | None, connection: Connection, audio: Audio
) -> tuple[LiveSession, SpeakerStream]:
    """The session that this connection may speak into now. Raises Refusal."""
    if live is None or live.speaker is not connection or live.stream is None:
        raise Refusal(
            "SPEAKER_TAKEN",
            "another connection speaks into this session now",
            sequence=audio.sequence,
        )
    if live.ended:
        raise Refusal("SESSION_ENDED", "this session has ended", sequence=audio.sequence)
    if live.row.info.status == PAUSED:
        raise Refusal(
            "FORBIDDEN", "the session is paused: send resumeBroadcast", sequence=audio.sequence
        )
    return live, live.stream


def as_broadcast(live: LiveSession, pcm: bytes) -> bytes:
    """Muted audio is silence of the same length: numbers and time go on without a hole."""
    return bytes(len(pcm)) if live.row.muted else pcm


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
