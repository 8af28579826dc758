"""A WHEP listener: counted and told as every listener; what it is told becomes its track.

A client may open a data channel: it is then told what a WebSocket would tell it (the join with the
last captions, then every message, without the audio that the track has), and when each clip begins
on the track (``playing``), so that it can say when it was ``heard``. Of a client without one, the
gateway knows no more than when a clip was sent: that counts as heard.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import lru_cache

import msgspec
from aiortc import RTCDataChannel

from connectors.interfaces.notifier import INLINE_AUDIO, PARTIAL_CAPTIONS
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.connection_protocol import (
    Audio,
    ConnectionProtocol,
    RecorderFragment,
    Refusal,
    Refused,
    action_of,
)
from ingest_gateway.protocol.messages import (
    Heard,
    Heartbeat,
    HeartbeatAck,
    JoinSession,
    Playing,
    encode,
)
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.ids import new_connection_id
from ingest_gateway.webrtc.channel_socket import ChannelSocket
from ingest_gateway.webrtc.datagrams import OF_LISTENERS
from ingest_gateway.webrtc.ice import IceSettings
from ingest_gateway.webrtc.offers import prepared
from ingest_gateway.webrtc.peer_connection import PeerConnection
from ingest_gateway.webrtc.playout import Begun
from ingest_gateway.webrtc.talk_track import ListenerTrack, TalkTrack

_MOST_WAITING = 100
"""Messages for a data channel that is still being opened."""

_log = logging.getLogger(__name__)


class TalkTracks:
    """The streams that are listened to here, by session and language."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._tracks: dict[tuple[str, str], TalkTrack] = {}

    def get(self, session_id: str, language: str, volume: float) -> TalkTrack:
        key = (session_id, language)
        if key not in self._tracks:
            self._tracks[key] = TalkTrack(self._gateway, session_id, language, volume)
        return self._tracks[key]

    async def leave(self, session_id: str, language: str, listener: ListenerTrack) -> None:
        track = self._tracks.get((session_id, language))
        if track is None:
            return
        track.discard(listener)
        if not track.has_listeners:
            del self._tracks[session_id, language]
            await track.stop()


class WhepListener:
    def __init__(
        self,
        gateway: Gateway,
        tracks: TalkTracks,
        ice: IceSettings,
        peer: Peer,
        wanted: JoinSession,
    ) -> None:
        now_ms = gateway.needs.now_ms()
        self._gateway = gateway
        self._tracks = tracks
        self._session_id = wanted.session_id
        self._language = wanted.target_language
        self._wanted = wanted
        self._ice = ice
        self._line = PeerConnection(
            ice, OF_LISTENERS, lambda: gateway.security.report("media_flood", address=peer.address)
        )
        self._socket = _TrackSocket(self._line, self._receive)
        self._mine = ListenerTrack(self._begun)
        self._reads_along = False
        self._protocol = ConnectionProtocol(gateway.needs.limits, "", now_ms)
        self._connection = Connection(
            connection_id=new_connection_id(),
            peer=peer,
            socket=self._socket,
            connected_at_ms=now_ms,
            outbox_limit_bytes=gateway.needs.limits.outbox_bytes_per_connection,
            last_active_at_ms=now_ms,
        )

    @property
    def resource_id(self) -> str:
        return self._connection.connection_id

    @property
    def path(self) -> str:
        """Of its resource; with the language that was chosen, once it has answered."""
        return f"{self._session_id}/{self._language}"

    @property
    def peer(self) -> Peer:
        return self._connection.peer

    async def answer(self, offer: str) -> str:
        """Our SDP. Raises OfferError, and Refusal as ``joinSession`` does."""
        wanted_media = prepared(offer, we="send", may_reach=self._ice.may_reach)
        self._reads_along = wanted_media.has_channel
        capabilities = (INLINE_AUDIO, *((PARTIAL_CAPTIONS,) if self._reads_along else ()))
        wanted = msgspec.structs.replace(self._wanted, capabilities=capabilities)
        try:
            joined = await self._gateway.listeners.join(self._connection, wanted)
            self._language = joined.target_language
            self._protocol.became_listener(self._session_id, self._language)
            self._socket.waiting.appendleft(encode(joined))
            self._gateway.hub.add(self._connection)
            sdp = await self._line.answer(
                wanted_media, send=self._mine, on_channel=self._socket.channel_opened
            )
        except BaseException:
            await self._leave()
            raise
        self._socket.track = self._tracks.get(self._session_id, self._language, joined.volume)
        self._socket.track.add(self._mine)
        return sdp

    async def run(self) -> None:
        """Until the line is closed, by whichever side, or the session is over."""
        tasks = [
            asyncio.create_task(self._connection.write(), name="whep-write"),
            asyncio.create_task(self._line.watch(), name="whep-watch"),
        ]
        if self._socket.track is not None:
            tasks.append(asyncio.create_task(self._until_over(self._socket.track)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    _log.error("session %s: WHEP failed: %r", self._session_id, result)
            await self._line.close()
            await self._tracks.leave(self._session_id, self._language, self._mine)
            await self._leave()

    async def close(self) -> None:
        await self._line.close()

    def _begun(self, clip: Begun) -> None:
        session_id, language = self._session_id, self._language
        if self._reads_along:
            self._connection.send(Playing(session_id, language, clip.number, clip.duration_s))
        else:
            self._gateway.captions.record_playback(session_id, language, clip.number)

    def _receive(self, text: str) -> None:
        """A message over the data channel."""
        now_ms = self._gateway.needs.now_ms()
        self._connection.last_active_at_ms = now_ms
        for event in self._protocol.receive_text(text, now_ms):
            match event:
                case Heard():
                    number = event.sequence_number
                    self._gateway.captions.record_playback(self._session_id, self._language, number)
                case Heartbeat():
                    self._connection.send(HeartbeatAck())
                case Refused():
                    self._connection.send(event.error)
                case Audio() | RecorderFragment():
                    raise AssertionError("who listens has no stream")
                case _:
                    refusal = Refusal("FORBIDDEN", "a track stays as it is: open another one")
                    self._connection.send(refusal.answer(action_of(event)))

    async def _until_over(self, track: TalkTrack) -> None:
        await track.ended.wait()

    async def _leave(self) -> None:
        self._gateway.hub.drop(self._connection)
        await self._gateway.conversation(self._connection).closed()


class _TrackSocket(ChannelSocket):
    """What the outbox takes for a socket: messages go to the track, and on to a data channel."""

    def __init__(self, line: PeerConnection, receive: Callable[[str], None]) -> None:
        super().__init__(line)
        self._receive = receive
        self.track: TalkTrack | None = None
        self.waiting: deque[str] = deque(maxlen=_MOST_WAITING)

    def channel_opened(self, channel: RTCDataChannel) -> None:
        self.channel = channel

        def message(data: str | bytes) -> None:
            if isinstance(data, str):
                self._receive(data)

        channel.on("message", message)
        while self.waiting:
            channel.send(self.waiting.popleft())

    async def send_text(self, data: str) -> None:
        if self.track is not None:
            self.track.take(data)
        if self.channel is None:
            self.waiting.append(without_audio(data))
        else:
            await super().send_text(without_audio(data))


@lru_cache(maxsize=16)
def without_audio(text: str) -> str:
    """A message as text; all listeners of a language are sent the same one."""
    if '"audio":' not in text:
        return text
    message: dict[str, object] = msgspec.json.decode(text)
    message.pop("audio", None)
    return msgspec.json.encode(message).decode()
