"""One chunk of a speaker's stream: numbered, made durable, and acknowledged when it is its turn.

A chunk that cannot be put is not declared lost: its sender is told and hung up on, and comes again
with everything that was not acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError, RetryableError
from connectors.interfaces.record_sink import SinkRecord
from ingest_gateway.audio_in.acknowledgements import gap_record
from ingest_gateway.audio_in.intake import as_broadcast, speaking_into
from ingest_gateway.audio_in.speaker_stream import MAX_JUMP, Hole, SpeakerStream
from ingest_gateway.gateway import GatewayDependencies
from ingest_gateway.hosts.aws.one_event import OneEvent
from ingest_gateway.hosts.aws.open_connections import OpenConnection, RememberedConnection
from ingest_gateway.hosts.aws.stream_progress import StreamProgress
from ingest_gateway.protocol.connection_protocol import Audio, Refusal, Speaking
from ingest_gateway.protocol.messages import AudioAck, ErrorMessage
from ingest_gateway.sessions.hub import Connection
from ingest_gateway.sessions.live_sessions import LiveSession
from schemas.avro_codec import encode
from schemas.values import AudioChunk

_LONGEST_WAIT_MS = 4_000
"""A handler waits no longer for its turn: its function is paid for by time."""
_NOTICE_EVERY_MS = 1000
_DECLARED_WITHIN_S = 4.0


class SpokenChunks:
    """Of one event."""

    def __init__(
        self, event: OneEvent, needs: GatewayDependencies, row: RememberedConnection
    ) -> None:
        self._gateway = event.gateway
        self._needs = needs
        self._row = row
        self.come_again = False
        """Its sender is to connect anew, with all that was not acknowledged."""

    async def take(self, connection: Connection, audio: Audio) -> None:
        """Raises Refusal, ConnectorError, ConnectionGoneError."""
        loaded = await self._gateway.live.find(audio.session_id)
        live, _ = speaking_into(loaded, connection, audio.sequence)
        await self._begin(live)
        await self._wait_for_turn(connection)
        number = await self._number(audio)
        if self._standing.has(number):
            await self._settle(connection, live, None)
            return
        chunk, offset_ms = self._chunk(live, audio, number)
        try:
            await self._put(chunk)
        except ConnectorError:
            self.come_again = True
            raise Refusal(
                "INTERNAL", "this chunk was not stored: connect again", sequence=number
            ) from None
        self._gateway.metrics.chunks.inc()
        await self._settle(connection, live, (number, offset_ms))

    @property
    def _standing(self) -> StreamProgress:
        standing = self._row.now.standing
        if standing is None:
            raise AssertionError("a speaker's connection has a standing")
        return standing

    async def _begin(self, live: LiveSession) -> None:
        """A standing for the stream that is spoken now, if this is its first chunk."""
        now_ms = self._needs.now_ms()

        def how(row: OpenConnection) -> OpenConnection:
            row = with_stream(row, live)
            if row.standing is None:
                return row
            settled = row.standing.settled_to(live.row.durable_sequence, now_ms)
            return replace(row, standing=settled)

        await self._row.change(how)

    async def _wait_for_turn(self, connection: Connection) -> None:
        """Frames over the limit wait; those that would wait long make their client come again."""
        limits, waited_ms = self._needs.limits, 0
        while True:
            now_ms = self._needs.now_ms()
            _, wait_ms = self._row.now.frames.take(limits.frames_per_s, limits.frame_burst, now_ms)
            if wait_ms == 0:
                return
            if waited_ms + wait_ms > _LONGEST_WAIT_MS:
                self.come_again = True
                raise Refusal("RATE_LIMITED", "send less audio a second", retry_after_ms=wait_ms)
            await self._slow_down(connection, now_ms)
            await asyncio.sleep(wait_ms / 1000)
            waited_ms += wait_ms
            await self._row.read()

    async def _slow_down(self, connection: Connection, now_ms: int) -> None:
        if now_ms - self._row.now.slowed_at_ms < _NOTICE_EVERY_MS:
            return
        await self._row.change(lambda row: replace(row, slowed_at_ms=now_ms))
        connection.send(
            ErrorMessage(
                code="SLOW_DOWN",
                message="audio is kept but taken slowly: send no faster than it is acknowledged",
                action="audioChunk",
            )
        )

    async def _number(self, audio: Audio) -> int:
        if audio.sequence is None:
            await self._change_standing(lambda standing: standing.numbered()[0])
            return self._standing.next_unnumbered - 1
        if audio.sequence - self._standing.highest > MAX_JUMP:
            raise Refusal(
                "BAD_FIELD",
                f"the next chunk is {self._standing.highest + 1}, not {audio.sequence}",
                sequence=audio.sequence,
            )
        return audio.sequence

    def _chunk(self, live: LiveSession, audio: Audio, number: int) -> tuple[AudioChunk, int | None]:
        """With the speaker's clock corrected; and by how much."""
        standing = self._standing
        stream = SpeakerStream(
            live.session_id,
            standing.stream_id,
            standing.epoch,
            durable_sequence=number - 1,
            clock_offset_ms=standing.clock_offset_ms,
        )
        pcm = as_broadcast(live, audio.pcm)
        taken = stream.take(number, audio.timestamp_ms, pcm, self._needs.now_ms())
        if taken is None:
            raise AssertionError("the next number of a stream is no repeat")
        return taken.chunk, stream.clock_offset_ms

    async def _put(self, chunk: AudioChunk) -> None:
        record = SinkRecord(chunk.session_id, encode(chunk))

        async def once() -> None:
            (failure,) = await self._needs.sink.put([record])
            if failure is not None:
                raise RetryableError(f"put a chunk: {failure}")

        await call(self._needs.policies.put_chunk, once)

    async def _settle(
        self, connection: Connection, live: LiveSession, stored: tuple[int, int | None] | None
    ) -> None:
        """Write down what is durable now, pass a hole that is too old, acknowledge."""
        limits, now_ms = self._needs.limits, self._needs.now_ms()
        wait_ms: int | None = None

        def how(row: OpenConnection) -> OpenConnection:
            nonlocal wait_ms
            standing = with_stream(row, live).standing
            if standing is None:
                return row
            if stored is not None:
                standing = standing.stored(stored[0], now_ms, stored[1])
            standing, wait_ms = self._turn(standing, now_ms, again=stored is None)
            frames, _ = row.frames.take(limits.frames_per_s, limits.frame_burst, now_ms)
            return replace(row, standing=standing, frames=frames)

        await self._row.change(how)
        hole = self._standing.hole(now_ms)
        if hole is not None and await self._declare(live, hole):
            turn_ms = wait_ms

            def behind(standing: StreamProgress) -> StreamProgress:
                nonlocal wait_ms
                wait_ms = turn_ms
                standing = standing.passed(hole, now_ms)
                if turn_ms is None:
                    standing, wait_ms = self._turn(standing, now_ms)
                return standing

            await self._change_standing(behind)
        await self._acknowledge_in_turn(connection, live, wait_ms)

    async def _declare(self, live: LiveSession, hole: Hole) -> bool:
        """Whether the gap stands on the stream. If not in time, a later chunk's handler tries."""
        writer, tenure = self._gateway.writer, live.tenure
        writer.add(
            gap_record(
                live.session_id,
                self._standing.epoch,
                hole.after_sequence,
                hole.next_sequence,
                self._needs.now_ms(),
            )
        )
        try:
            async with asyncio.timeout(_DECLARED_WITHIN_S):
                await writer.wait_until_durable(live.session_id)
        except TimeoutError:
            writer.disown(live.session_id)
            return False
        return live.tenure == tenure

    def _turn(
        self, standing: StreamProgress, now_ms: int, *, again: bool = False
    ) -> tuple[StreamProgress, int | None]:
        """The standing when this handler acknowledges now (0), or promises to in so many
        milliseconds, or leaves it to another one (None)."""
        every_ms = self._needs.limits.ack_every_ms
        wait_ms = standing.ack_wait_ms(every_ms, now_ms, again=again)
        if wait_ms is None:
            return standing, None
        if wait_ms == 0:
            return standing.acknowledged(now_ms), 0
        return standing.promised(wait_ms, now_ms), wait_ms

    async def _acknowledge_in_turn(
        self, connection: Connection, live: LiveSession, wait_ms: int | None
    ) -> None:
        while wait_ms:
            await asyncio.sleep(wait_ms / 1000)
            await self._row.read()
            now_ms = self._needs.now_ms()

            def how(standing: StreamProgress, now_ms: int = now_ms) -> StreamProgress:
                nonlocal wait_ms
                standing, wait_ms = self._turn(standing, now_ms)
                return standing

            await self._change_standing(how)
        if wait_ms == 0:
            await self._acknowledge(connection, live)

    async def _acknowledge(self, connection: Connection, live: LiveSession) -> None:
        durable = self._standing.durable
        if durable < 0:
            return
        live.durable_sequence = durable
        if live.stream is not None:
            live.stream.clock_offset_ms = self._standing.clock_offset_ms
        # The row first: another handler may have ended the session or opened the stream anew, and
        # what was stored after that is not to be relied on.
        if await self._gateway.live.save_progress(live):
            connection.send(AudioAck(session_id=live.session_id, sequence=durable))

    async def _change_standing(self, how: Callable[[StreamProgress], StreamProgress]) -> None:
        def change(row: OpenConnection) -> OpenConnection:
            return row if row.standing is None else replace(row, standing=how(row.standing))

        await self._row.change(change)


def with_stream(row: OpenConnection, live: LiveSession) -> OpenConnection:
    """The row with a standing in the stream that was opened last: its own, or a new one."""
    stream_id, epoch = live.row.stream_id, live.row.epoch
    if stream_id is None:
        return row
    standing = row.standing
    if standing is not None and (standing.stream_id, standing.epoch) == (stream_id, epoch):
        return row
    standing = StreamProgress(
        epoch,
        stream_id,
        durable=live.row.durable_sequence,
        clock_offset_ms=live.row.clock_offset_ms,
    )
    return replace(row, speaking=Speaking(live.session_id, stream_id), standing=standing)
