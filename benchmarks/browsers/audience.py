"""Five hundred listeners of one session with captions on: how soon each has what was said."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import msgspec
import psutil

from benchmarks.gateway.histogram import Histogram
from benchmarks.gateway.listeners import INLINE_AUDIO, message
from benchmarks.gateway.servers import served
from benchmarks.gateway.wire import LightSocket, open_socket
from connectors.interfaces.notifier import Audience
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.client import create_session, fetch_token
from ingest_gateway.client.account import socket_url
from local_stack.processes import Processes

LANGUAGES = ("es", "ca", "fr", "pt")
PARTIAL_EVERY_S = 0.25
CLIP_EVERY_S = 3.0
_AT_ONCE = 25
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """From the post to the gateway until a listener has it. ``cpu_share``: of one core, while
    captions and clips go out; ``connect_p99_ms``: from dialling until joined."""

    listeners: int
    messages: int
    lost: int
    connect_p99_ms: float
    caption_p50_ms: float
    caption_p99_ms: float
    clip_p50_ms: float
    clip_p99_ms: float
    cpu_share: float


class _Message(msgspec.Struct, rename="camel"):
    type: str
    sequence_number: int = -1
    text: str = ""


class _Crowd:
    def __init__(self, url: str, session_id: str) -> None:
        self._url = url
        self._session_id = session_id
        self._sockets: list[LightSocket] = []
        self._posted_s: dict[tuple[str, str], float] = {}
        self._expected: int | None = None
        self._all_there = asyncio.Event()
        self.connect, self.captions, self.clips = Histogram(), Histogram(), Histogram()

    async def join(self, number: int) -> None:
        turn = asyncio.Semaphore(_AT_ONCE)

        async def one(language: str) -> None:
            async with turn:
                began_s = time.monotonic()
                self._sockets.append(await self._joined(language))
                self.connect.add((time.monotonic() - began_s) * 1000)

        await asyncio.gather(*(one(LANGUAGES[at % len(LANGUAGES)]) for at in range(number)))

    def posted(self, kind: str, name: str) -> None:
        self._posted_s[kind, name] = time.monotonic()

    async def has(self, messages: int) -> None:
        """Until so many came in all, or patience is over."""
        self._expected = messages
        self._look()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self._all_there.wait()

    def leave(self) -> None:
        for socket in self._sockets:
            socket.close()

    async def _joined(self, language: str) -> LightSocket:
        socket = await open_socket(socket_url(self._url))
        joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_text(text: bytes) -> None:
            told = msgspec.json.decode(text, type=_Message)
            if told.type == "sessionJoined":
                joined.set_result(None)
            elif told.type == "partialCaption":
                self._came(self.captions, "caption", told.text)
            elif told.type == "translatedAudio":
                self._came(self.clips, "clip", f"{language} {told.sequence_number}")

        socket.on_text = on_text
        wish = {
            "action": "joinSession",
            "sessionId": self._session_id,
            "targetLanguage": language,
            "capabilities": ["inlineAudio", "partialCaptions"],
        }
        socket.send_text(msgspec.json.encode(wish))
        async with asyncio.timeout(_PATIENCE_S):
            await joined
        return socket

    def _came(self, times: Histogram, kind: str, name: str) -> None:
        times.add((time.monotonic() - self._posted_s[kind, name]) * 1000)
        self._look()

    def _look(self) -> None:
        if self.captions.count + self.clips.count == self._expected:
            self._all_there.set()


async def measure(listeners: int, seconds: float, processes: Processes) -> Delivered:
    """A gateway of its own over tables in memory. Raises ProcessError when it does not start."""
    async with served(processes, "gateway-of-500") as (url, server):
        return await _measure(url, server.pid, listeners, seconds)


async def _measure(url: str, pid: int, listeners: int, seconds: float) -> Delivered:
    session_id = await create_session(url, token=await fetch_token(url))
    crowd = _Crowd(url, session_id)
    await crowd.join(listeners)
    notifier = GatewayNotifier(GatewayNotifierSettings(url))
    process = psutil.Process(pid)
    before, began_s = process.cpu_times(), time.monotonic()
    captions = round(seconds / PARTIAL_EVERY_S)
    clips = 0
    for number in range(captions):
        due_s = began_s + number * PARTIAL_EVERY_S
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        is_clips_turn = number % round(CLIP_EVERY_S / PARTIAL_EVERY_S) == 0
        async with asyncio.TaskGroup() as group:
            for language in LANGUAGES:
                group.create_task(_caption(crowd, notifier, session_id, language, number))
                if is_clips_turn:
                    group.create_task(_clip(crowd, notifier, session_id, language, clips))
        clips += is_clips_turn
    expected = (captions + clips) * listeners
    await crowd.has(expected)
    after, took_s = process.cpu_times(), time.monotonic() - began_s
    crowd.leave()
    await notifier.close()
    return Delivered(
        listeners=listeners,
        messages=expected,
        lost=expected - crowd.captions.count - crowd.clips.count,
        connect_p99_ms=crowd.connect.percentile(0.99),
        caption_p50_ms=crowd.captions.percentile(0.5),
        caption_p99_ms=crowd.captions.percentile(0.99),
        clip_p50_ms=crowd.clips.percentile(0.5),
        clip_p99_ms=crowd.clips.percentile(0.99),
        cpu_share=(after.user + after.system - before.user - before.system) / took_s,
    )


async def _caption(
    crowd: _Crowd, notifier: GatewayNotifier, session_id: str, language: str, number: int
) -> None:
    text = f"{language} {number} so far somebody has said about as much as this"
    partial: dict[str, object] = {
        "type": "partialCaption",
        "sequenceNumber": number,
        "text": text,
        "language": "en",
    }
    crowd.posted("caption", text)
    await notifier.notify(session_id, language, partial, audience=Audience.PARTIALS)


async def _clip(
    crowd: _Crowd, notifier: GatewayNotifier, session_id: str, language: str, number: int
) -> None:
    crowd.posted("clip", f"{language} {number}")
    await notifier.notify(session_id, language, message(number, language, session_id, INLINE_AUDIO))
