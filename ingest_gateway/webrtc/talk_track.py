"""One Opus stream per session and language: encoded once, sent to each of its listeners."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import msgspec
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from connectors.audio.mp3 import decode_clip
from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError
from ingest_gateway.gateway import Gateway
from ingest_gateway.webrtc.playout import (
    FRAME_SAMPLES,
    RATE_HZ,
    Begun,
    ClipOrder,
    Frame,
    Playout,
    Samples,
    Turn,
)
from schemas.names import clip_key

FRAME_S = FRAME_SAMPLES / RATE_HZ
BIT_RATE = 40_000
_MOST_BEHIND_S = 0.5
"""A process that stood still for longer leaves frames out instead of sending them in a burst."""
_MOST_UNSENT = 50
AFTER_END_S = 20.0
"""The last words are still being translated when a session ends."""
_LOOK_EVERY = 25
_TIME_BASE = Fraction(1, RATE_HZ)

_log = logging.getLogger(__name__)


class _Message(msgspec.Struct, rename="camel"):
    """What is looked at in a message to a listener."""

    type: str
    sequence_number: int = -1
    previous_sequence_number: int | None = None
    timestamp: int = 0
    audio: str | None = None
    state: str = ""
    volume: float = 1.0


_decoder = msgspec.json.Decoder(_Message)


class ListenerTrack(MediaStreamTrack):
    """One listener's end: packets that are ready to send. ``begun``: told of each clip whose first
    packet is among them."""

    kind = "audio"

    def __init__(self, begun: Callable[[Begun], None]) -> None:
        super().__init__()
        self.begun = begun
        self._packets: deque[tuple[int, bytes]] = deque(maxlen=_MOST_UNSENT)
        self._came = asyncio.Event()

    def put(self, pts: int, payload: bytes) -> None:
        self._packets.append((pts, payload))
        self._came.set()

    async def recv(self) -> av.Packet[Any]:
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._came.clear()
            await self._came.wait()
        pts, payload = self._packets.popleft()
        packet = av.Packet(payload)
        packet.pts = pts
        packet.time_base = _TIME_BASE
        return packet

    def stop(self) -> None:
        super().stop()
        self._came.set()


class TalkTrack:
    """Runs from its first listener until ``stop``. Each of them passes on the messages it gets; a
    clip counts by its number, so it is played once however many pass it on."""

    def __init__(self, gateway: Gateway, session_id: str, language: str, volume: float) -> None:
        self.ended = asyncio.Event()
        """The session has ended and its last clip was played."""
        self._gateway = gateway
        self._session_id = session_id
        self._language = language
        self._volume = volume
        self._listeners: set[ListenerTrack] = set()
        self._order = ClipOrder(gateway.captions.newest(session_id, language))
        self._playout = Playout()
        self._seen: set[int] = set()
        self._loading: set[asyncio.Task[None]] = set()
        self._over_at_s: float | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    def add(self, listener: ListenerTrack) -> None:
        self._listeners.add(listener)
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="talk-track")

    def discard(self, listener: ListenerTrack) -> None:
        self._listeners.discard(listener)
        listener.stop()

    async def stop(self) -> None:
        tasks = [*self._loading, *([self._running] if self._running else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def take(self, text: str) -> None:
        """A message as the gateway sends it to a listener of this language."""
        try:
            message = _decoder.decode(text)
        except msgspec.DecodeError:
            return
        if message.type == "broadcastState":
            self._volume = message.volume
            if message.state == "ended" and self._over_at_s is None:
                self._over_at_s = asyncio.get_running_loop().time() + AFTER_END_S
        elif message.sequence_number in self._seen:
            return
        elif message.type == "skipped":
            self._seen.add(message.sequence_number)
            self._turn(Turn(message.sequence_number, message.previous_sequence_number, None))
        elif message.type == "translatedAudio":
            self._seen.add(message.sequence_number)
            self._order.expect(message.sequence_number)
            task = asyncio.create_task(self._load(message), name="load-clip")
            self._loading.add(task)
            task.add_done_callback(self._loading.discard)

    async def _load(self, message: _Message) -> None:
        samples: Samples | None = None
        try:
            body = await self._body(message)
            if body is not None:
                samples = await asyncio.to_thread(decode_clip, body)
        except (ConnectorError, av.FFmpegError, binascii.Error, IndexError, ValueError) as error:
            _log.warning(
                "session %s: clip %d in %s cannot be played: %s",
                self._session_id,
                message.sequence_number,
                self._language,
                type(error).__name__,
            )
        self._turn(Turn(message.sequence_number, message.previous_sequence_number, samples))

    async def _body(self, message: _Message) -> bytes | None:
        if message.audio is not None:
            return base64.b64decode(message.audio, validate=True)
        key = clip_key(self._session_id, self._language, message.timestamp)
        needs = self._gateway.needs
        return await call(needs.policies.directory, lambda: needs.clips.get(key))

    def _turn(self, turn: Turn) -> None:
        self._play(self._order.add(turn, self._gateway.needs.now_ms()))

    def _play(self, turns: list[Turn]) -> None:
        for turn in turns:
            if turn.samples is None or not len(turn.samples):
                continue
            left_out = self._playout.add(turn.number, turn.samples, self._volume)
            if left_out:
                _log.warning(
                    "session %s: %s is too far behind, %d clips left out",
                    self._session_id,
                    self._language,
                    left_out,
                )

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        encoder = _encoder()
        began_s = loop.time()
        number = 0
        while True:
            due_s = began_s + number * FRAME_S
            behind_s = loop.time() - due_s
            if behind_s > _MOST_BEHIND_S:
                number += int(behind_s / FRAME_S)
                continue
            await asyncio.sleep(max(0.0, -behind_s))
            if number % _LOOK_EVERY == 0:
                self._play(self._order.ready(self._gateway.needs.now_ms()))
                if self._over_at_s and loop.time() > self._over_at_s and self._playout.idle:
                    self.ended.set()
            for payload in _encoded(encoder, self._playout.next_frame(), number):
                for listener in self._listeners:
                    listener.put(number * FRAME_SAMPLES, payload)
            for clip in self._playout.take_begun():
                for listener in self._listeners:
                    listener.begun(clip)
            number += 1


def _encoder() -> av.AudioCodecContext:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = RATE_HZ
    encoder.layout = "mono"
    encoder.format = "s16"
    encoder.bit_rate = BIT_RATE
    encoder.time_base = _TIME_BASE
    encoder.options = {"application": "voip", "compression_level": "5"}
    return encoder


def _encoded(encoder: av.AudioCodecContext, samples: Frame, number: int) -> list[bytes]:
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = RATE_HZ
    frame.pts = number * FRAME_SAMPLES
    frame.time_base = _TIME_BASE
    return [bytes(packet) for packet in encoder.encode(frame)]
