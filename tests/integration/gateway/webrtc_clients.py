"""WebRTC clients for tests: aiortc as a browser or an encoder would use it, over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from ingest_gateway.audio_in.speaker_stream import SpeakerStream
from ingest_gateway.webrtc.ice import keep_to
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, AudioChunk
from tests.integration.gateway.conftest import WAIT_S, RunningGateway, plain_http, until

RATE_HZ = 48_000
FRAME_SAMPLES = 960


async def a_session(gateway: RunningGateway, subject: str = "ada") -> str:
    creator = await gateway.connect(gateway.token(subject))
    created = await creator.ask("createSession", "sessionCreated", sourceLanguage="en")
    return str(created["sessionId"])


def clock_errors_ms(chunks: Sequence[AudioChunk]) -> NDArray[np.int64]:
    """How far each chunk's time is from that which the chunks of an exact clock would have got,
    had they arrived when these did. A busy machine hands on late, which moves both alike."""
    exact, spoken_ms = SpeakerStream("exact", "s1", 0), 0
    errors: list[int] = []
    for one in chunks:
        taken = exact.take(None, spoken_ms, one.pcm, one.received_at_ms)
        assert taken is not None
        errors.append(one.captured_at_ms - taken.chunk.captured_at_ms)
        spoken_ms += len(one.pcm) * 1000 // (BYTES_PER_SAMPLE * SAMPLE_RATE_HZ)
    return np.array(errors)


class SampleTrack(MediaStreamTrack):
    """Plays samples (n,) in [-1, 1] at 48 kHz in real time, once, then silence."""

    kind = "audio"

    def __init__(self, samples: NDArray[np.float64]) -> None:
        super().__init__()
        self.done = asyncio.Event()
        self._samples = (samples * 32767).astype(np.int16)
        self._at = 0
        self._began_s: float | None = None

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        if self._began_s is None:
            self._began_s = loop.time()
        await asyncio.sleep(self._began_s + self._at / RATE_HZ - loop.time())
        part = self._samples[self._at : self._at + FRAME_SAMPLES]
        if len(part) < FRAME_SAMPLES:
            self.done.set()
            part = np.pad(part, (0, FRAME_SAMPLES - len(part)))
        both = np.repeat(part, 2)[None, :]  # aiortc makes mono into a softer stereo
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = RATE_HZ
        frame.pts = self._at
        frame.time_base = Fraction(1, RATE_HZ)
        self._at += FRAME_SAMPLES
        return frame


class WebRtcClient:
    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.answer: httpx.Response
        self._url = ""
        self._headers: dict[str, str] = {}
        self._listening: asyncio.Task[None] | None = None
        self._heard: list[NDArray[np.int16]] = []
        self._channel_open = asyncio.Event()
        self.told: list[str] = []

    def speak(self, samples: NDArray[np.float64]) -> SampleTrack:
        track = SampleTrack(samples)
        self.peer.addTransceiver(track, direction="sendonly")
        return track

    def listen(self) -> None:
        self.peer.addTransceiver("audio", direction="recvonly")
        self.peer.on("track", self._track_came)

    def open_channel(self) -> RTCDataChannel:
        channel = self.peer.createDataChannel("control")
        channel.on("open", self._channel_open.set)
        channel.on("message", self.told.append)
        return channel

    async def offer(self) -> str:
        keep_to(self.peer, "127.0.0.1")
        await self.peer.setLocalDescription()
        return self.peer.localDescription.sdp

    async def post(
        self, gateway_url: str, path: str, token: str | None = None, offer: str | None = None
    ) -> httpx.Response:
        """The answer; when it is 201, taken."""
        self._url = gateway_url
        self._headers = {"content-type": "application/sdp"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        async with plain_http(gateway_url) as http:
            self.answer = await http.post(
                path, content=offer or await self.offer(), headers=self._headers, timeout=WAIT_S
            )
        if self.answer.status_code == 201:
            await self.peer.setRemoteDescription(RTCSessionDescription(self.answer.text, "answer"))
        return self.answer

    async def connected(self) -> None:
        await until(lambda: self.peer.connectionState == "connected")

    async def closed(self) -> None:
        """By the other side."""
        await until(lambda: self.peer.connectionState == "closed")

    async def channel_open(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self._channel_open.wait()

    async def delete(self, **headers: str) -> httpx.Response:
        async with plain_http(self._url) as http:
            return await http.delete(
                self.answer.headers["location"], headers=headers or self._headers, timeout=WAIT_S
            )

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        await self.peer.close()

    def vanish(self) -> None:
        """As if the power went: no more is sent, nothing is answered, nobody is told."""
        connection: Any = self.peer.getTransceivers()[0].receiver.transport.transport._connection
        for protocol in connection._protocols:
            protocol.transport.abort()

    def heard(self) -> NDArray[np.float64]:
        """What came so far: mono samples (n,) at 48 kHz in [-1, 1]."""
        if not self._heard:
            return np.zeros(0)
        return np.concatenate(self._heard).astype(np.float64) / 32768

    def _track_came(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._record(track))

    async def _record(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            self._heard.append(frame.to_ndarray().reshape(-1, 2)[:, 0].copy())
