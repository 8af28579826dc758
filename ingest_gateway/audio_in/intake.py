"""Audio in: checked, numbered, its time corrected, queued for the stream."""

from __future__ import annotations

from collections.abc import Callable

from connectors.interfaces.session_tables import PAUSED
from ingest_gateway.audio_in.acknowledgements import Acknowledgements, gap_record
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.audio_in.speaker_stream import SequenceJumpError, SpeakerStream
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.protocol.connection_protocol import Audio, RecorderFragment, Refusal
from ingest_gateway.protocol.limits import Limits, Tokens
from ingest_gateway.protocol.messages import ErrorMessage
from ingest_gateway.sessions.hub import Connection
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions

_NOTICE_EVERY_MS = 1000


class AudioIntake:
    def __init__(
        self,
        live: LiveSessions,
        writer: RecordWriter,
        acknowledgements: Acknowledgements,
        metrics: Metrics,
        limits: Limits,
        now_ms: Callable[[], int],
    ) -> None:
        self._live = live
        self._writer = writer
        self._acknowledgements = acknowledgements
        self._metrics = metrics
        self._limits = limits
        self._now_ms = now_ms

    def take(self, connection: Connection, audio: Audio) -> None:
        """Number it, correct its time, queue it. Raises Refusal."""
        now_ms = self._now_ms()
        live, stream = speaking_into(
            self._live.loaded(audio.session_id), connection, audio.sequence
        )
        pcm = as_broadcast(live, audio.pcm)
        try:
            taken = stream.take(audio.sequence, audio.timestamp_ms, pcm, now_ms)
        except SequenceJumpError as error:
            raise Refusal("BAD_FIELD", str(error), sequence=audio.sequence) from None
        if taken is None:
            live.ack_due = True
            self._acknowledgements.acknowledge(live)
            return
        if taken.hole is not None:
            self._writer.add(
                gap_record(
                    live.session_id,
                    stream.epoch,
                    taken.hole.after_sequence,
                    taken.hole.next_sequence,
                    now_ms,
                )
            )
        self._metrics.chunks.inc()
        self._writer.add(taken.chunk)

    def take_packets(self, connection: Connection, fragment: RecorderFragment, count: int) -> int:
        """Milliseconds until so many packets of the fragment may be decoded; 0: now, and they count
        for their session, whatever comes of them. Raises Refusal: who does not speak has nothing
        decoded."""
        live, _ = speaking_into(
            self._live.loaded(fragment.session_id), connection, fragment.sequence
        )
        limits, now_ms = self._limits, self._now_ms()
        packets = live.packets or Tokens(float(limits.packet_burst), now_ms)
        live.packets, wait_ms = packets.take(
            limits.packets_per_s, limits.packet_burst, now_ms, count
        )
        return wait_ms

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


def speaking_into(
    live: LiveSession | None, connection: Connection, sequence: int | None
) -> tuple[LiveSession, SpeakerStream]:
    """The session that this connection may speak into now. Raises Refusal."""
    if live is None or live.speaker is not connection or live.stream is None:
        raise Refusal(
            "SPEAKER_TAKEN",
            "another connection speaks into this session now",
            sequence=sequence,
        )
    if live.ended:
        raise Refusal("SESSION_ENDED", "this session has ended", sequence=sequence)
    if live.row.info.status == PAUSED:
        raise Refusal("FORBIDDEN", "the session is paused: send resumeBroadcast", sequence=sequence)
    return live, live.stream


def as_broadcast(live: LiveSession, pcm: bytes) -> bytes:
    """Muted audio is silence of the same length: numbers and time go on without a hole."""
    return bytes(len(pcm)) if live.row.muted else pcm
