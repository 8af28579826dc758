"""A WHIP speaker: RTP in, numbered chunks into the intake that all speakers use.

Inside, it is a connection of the hub with a conversation of its own, so that take-over, limits,
gaps and acknowledgements are the same as over a WebSocket. A client may open a data channel: it
carries the protocol's JSON messages both ways (mute, pause, status, own captions, errors), just as
a WebSocket would. A client without one is controlled by ``PATCH /sessions/{sessionId}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass

from aiortc import RTCDataChannel

from connectors.interfaces.session_tables import PAUSED
from ingest_gateway.audio_in.packet_decoders import PacketError
from ingest_gateway.audio_in.speech_cutter import SpeechCutter, TimedPcm
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.frames import AudioFrame, encode_frame
from ingest_gateway.protocol.limits import TokenBucket
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.ids import new_connection_id
from ingest_gateway.webrtc.channel_socket import ChannelSocket
from ingest_gateway.webrtc.datagrams import OF_SPEAKERS
from ingest_gateway.webrtc.ice import IceSettings
from ingest_gateway.webrtc.offers import prepared
from ingest_gateway.webrtc.peer_connection import PeerConnection
from ingest_gateway.webrtc.reorder import OpusPacket, Reorder, RtpAudio

LONGEST_INBOX = 120
"""Chunks (30 s of audio) and messages that wait for a slow stream. RTP cannot be slowed down, so
what comes on top is lost, and declared to be."""
_CHUNKS_PER_S, _CHUNK_BURST = 8.0, 480
"""Twice what a voice makes, beyond two minutes: a packet of a few bytes may stand for two seconds
of silence before it, which have to be made."""
_LAST_WORDS_S = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """``lost_before``: chunks that found no room since the one before it."""

    audio: TimedPcm
    lost_before: int


class WhipSpeaker:
    def __init__(self, gateway: Gateway, ice: IceSettings, peer: Peer, session_id: str) -> None:
        now_ms = gateway.needs.now_ms()
        self._gateway = gateway
        self._ice = ice
        self._session_id = session_id
        self._line = PeerConnection(ice, OF_SPEAKERS, self._report_flood)
        self._socket = ChannelSocket(self._line)
        self._connection = Connection(
            connection_id=new_connection_id(),
            peer=peer,
            socket=self._socket,
            connected_at_ms=now_ms,
            outbox_limit_bytes=gateway.needs.limits.outbox_bytes_per_connection,
            last_active_at_ms=now_ms,
            outlives_token=True,
        )
        self._conversation = gateway.conversation(self._connection)
        self._reorder = Reorder()
        self._cutter = SpeechCutter()
        self._inbox: deque[_Chunk | str] = deque()
        self._arrived = asyncio.Event()
        self._lost_chunks = 0
        self._sequence = 0
        self._broken = 0
        self._counted: dict[str, int] = {}
        self._sound = TokenBucket(_CHUNKS_PER_S, _CHUNK_BURST, now_ms)

    @property
    def resource_id(self) -> str:
        return self._connection.connection_id

    @property
    def path(self) -> str:
        """Of its resource."""
        return self._session_id

    @property
    def peer(self) -> Peer:
        return self._connection.peer

    async def answer(self, offer: str) -> str:
        """Our SDP. Raises OfferError, and Refusal as ``joinAsSpeaker`` does."""
        await self._gateway.speakers.check_speaker(self.peer, self._session_id)
        await self._gateway.request_limits.check_offer(self.peer)
        sdp = await self._line.answer(
            prepared(offer, we="receive", may_reach=self._ice.may_reach),
            on_packet=self._packet,
            on_channel=self._channel_opened,
        )
        await self._join("whip-")
        return sdp

    async def run(self) -> None:
        """Until the line is closed, by whichever side; then leave as a speaker leaves."""
        tasks = [
            asyncio.create_task(self._talk(), name="whip-talk"),
            asyncio.create_task(self._connection.write(), name="whip-write"),
            asyncio.create_task(self._line.watch(), name="whip-watch"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    _log.error("session %s: WHIP failed: %r", self._session_id, result)
            await self._line.close()
            await self._last_words()
            self._gateway.hub.drop(self._connection)
            await self._conversation.closed()
            self._count()
            _log.info("session %s: WHIP ended, packets %s", self._session_id, self._counted)

    async def close(self) -> None:
        await self._line.close()

    async def _join(self, stream_prefix: str) -> None:
        """Raises Refusal as ``joinAsSpeaker`` does; the line is closed then."""
        stream_id = f"{stream_prefix}{self.resource_id}"
        try:
            await self._gateway.speakers.join(self._connection, self._session_id, stream_id)
        except BaseException:
            await self._line.close()
            raise
        self._conversation.protocol.became_speaker(self._session_id, stream_id)
        self._gateway.hub.add(self._connection)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        self._socket.channel = channel

        def message(data: str | bytes) -> None:
            if isinstance(data, bytes):
                return  # audio comes as RTP
            if len(self._inbox) < LONGEST_INBOX:
                self._put(data)

        channel.on("message", message)

    def _packet(self, packet: RtpAudio) -> None:
        self._connection.last_active_at_ms = self._gateway.needs.now_ms()
        self._cut(self._reorder.push(packet))

    def _cut(self, packets: list[OpusPacket]) -> None:
        now_ms = self._gateway.needs.now_ms()
        for packet in packets:
            try:
                chunks = self._cutter.add(packet.at_sample, packet.payload, now_ms)
            except PacketError:
                self._broken += 1
                continue
            for chunk in chunks:
                self._queue(chunk)
            if chunks and self._sound.take(now_ms, len(chunks)):
                self._line.cut_off()
                return

    def _report_flood(self) -> None:
        self._gateway.security.report("media_flood", address=self.peer.address)

    def _queue(self, chunk: TimedPcm) -> None:
        self._count()
        if len(self._inbox) >= LONGEST_INBOX:
            self._lost_chunks += 1
            return
        self._put(_Chunk(chunk, self._lost_chunks))
        self._lost_chunks = 0

    def _put(self, item: _Chunk | str) -> None:
        self._inbox.append(item)
        self._arrived.set()

    async def _talk(self) -> None:
        while True:
            await self._empty_inbox()
            await self._arrived.wait()
            self._arrived.clear()

    async def _empty_inbox(self) -> None:
        while self._inbox:
            item = self._inbox.popleft()
            try:
                if isinstance(item, str):
                    await self._conversation.receive(item)
                else:
                    await self._speak(item)
            except Exception:  # a fault of ours costs this message only
                _log.exception("session %s: a WHIP message failed", self._session_id)

    async def _speak(self, chunk: _Chunk) -> None:
        """While paused, samples get no number: nothing is missing behind a pause."""
        live = self._gateway.live.loaded(self._session_id)
        if live is None or live.ended:
            await self._line.close()
            return
        if live.row.info.status == PAUSED:
            return
        self._sequence += chunk.lost_before
        frame = AudioFrame(self._sequence, chunk.audio.timestamp_ms, chunk.audio.pcm)
        self._sequence += 1
        await self._conversation.receive(encode_frame(frame))

    async def _last_words(self) -> None:
        """What waited for order, for a full chunk, or for the stream."""
        self._cut(self._reorder.flush())
        for chunk in self._cutter.flush():
            self._queue(chunk)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._empty_inbox()

    def _count(self) -> None:
        now = {
            "received": self._reorder.received,
            "lost": self._reorder.lost,
            "late": self._reorder.late,
            "broken": self._broken,
        }
        for fate, count in now.items():
            before = self._counted.get(fate, 0)
            self._gateway.metrics.rtp_packets.labels(fate).inc(count - before)
        self._counted = now
