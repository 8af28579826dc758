"""The listeners of one session, and how long a message takes to reach the last of them."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence

import msgspec

from benchmarks.gateway.histogram import Histogram
from benchmarks.gateway.wire import LightSocket, open_socket
from connectors.interfaces.errors import ConnectorError
from connectors.services.gateway_notifier import GatewayNotifier
from schemas.names import clip_key

LANGUAGES = ("es", "ca", "fr", "de", "it", "pt", "nl", "sv", "pl", "ja")
INLINE_AUDIO = base64.b64encode(bytes(range(256)) * 120).decode()
"""30 KB of audio as a message carries it."""
SIGNATURE = "x" * 300
"""As long as the query that signs a clip's address."""
_PATIENCE_S = 10.0
_BEAT_S = 20.0


class _Message(msgspec.Struct, rename="camel"):
    type: str
    sequence_number: int = -1


def message(number: int, language: str, session_id: str, audio: str | None) -> dict[str, object]:
    """An utterance as the job announces it."""
    text = "una frase de unas doce palabras como las que se dicen en tres segundos"
    at_ms = time.time_ns() // 1_000_000
    fields: dict[str, object] = {
        "type": "translatedAudio",
        "sessionId": session_id,
        "targetLanguage": language,
        "sequenceNumber": number,
        "previousSequenceNumber": number - 1,
        "url": f"http://127.0.0.1/{clip_key(session_id, language, at_ms)}?{SIGNATURE}",
        "timestamp": at_ms,
        "duration": 3.0,
        "transcript": text,
        "sourceTranscript": text,
        "sourceDuration": 3.0,
        "contentType": "audio/mpeg",
        "stages": {"capture": 256, "ingest": 20, "recognise": 500, "translate": 200},
    }
    return fields if audio is None else {**fields, "audio": audio}


class Listeners:
    """``lost`` counts messages that did not reach a listener in ten seconds."""

    def __init__(self, url: str, notifier: GatewayNotifier) -> None:
        self._url = url
        self._notifier = notifier
        self._sockets: list[LightSocket] = []
        self._session_id = ""
        self._number = -1
        self._missing = 0
        self._last_ns = 0
        self._all_there = asyncio.Event()
        self.lost = 0

    async def join(self, number: int, session_id: str, at_once: int = 20) -> None:
        self._session_id = session_id
        turn = asyncio.Semaphore(at_once)

        async def one(language: str) -> None:
            async with turn:
                self._sockets.append(await self._open(language))

        await asyncio.gather(*(one(LANGUAGES[at % len(LANGUAGES)]) for at in range(number)))

    async def only_connect(self, number: int) -> None:
        """For a server that has no listeners: as many connections."""
        for _ in range(number):
            self._sockets.append(await open_socket(self._url))

    async def _open(self, language: str) -> LightSocket:
        socket = await open_socket(self._url)
        joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_text(text: bytes) -> None:
            heard = msgspec.json.decode(text, type=_Message)
            if heard.type == "sessionJoined":
                joined.set_result(None)
            elif heard.type == "translatedAudio":
                self._arrived(heard.sequence_number)

        socket.on_text = on_text
        wish = {
            "action": "joinSession",
            "sessionId": self._session_id,
            "targetLanguage": language,
            "capabilities": ["inlineAudio"],
        }
        socket.send_text(msgspec.json.encode(wish))
        async with asyncio.timeout(_PATIENCE_S):
            await joined
        return socket

    async def announce(self, audio: str | None, times: Histogram) -> None:
        """One utterance in every language at once, timed until the last listener has it."""
        self._number += 1
        self._missing = len(self._sockets)
        self._all_there.clear()
        messages = [message(self._number, one, self._session_id, audio) for one in LANGUAGES]
        began_ns = time.monotonic_ns()
        try:
            async with asyncio.timeout(_PATIENCE_S), asyncio.TaskGroup() as group:
                for language, one in zip(LANGUAGES, messages, strict=True):
                    group.create_task(self._notifier.notify(self._session_id, language, one))
                await self._all_there.wait()
        except* (TimeoutError, ConnectorError):
            self.lost += self._missing
        else:
            times.add((self._last_ns - began_ns) / 1e6)

    async def announce_every(self, every_s: float, audio: str | None, times: Histogram) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await self.announce(audio, times)

    async def beat(self) -> None:
        """Heartbeats until cancelled, spread over their interval."""
        while self._sockets:
            for socket in self._sockets:
                await asyncio.sleep(_BEAT_S / len(self._sockets))
                if not socket.closed:
                    socket.send_text(b'{"action":"heartbeat"}')

    def _arrived(self, number: int) -> None:
        if number != self._number:
            return
        self._missing -= 1
        if self._missing == 0:
            self._last_ns = time.monotonic_ns()
            self._all_there.set()

    @property
    def sockets(self) -> Sequence[LightSocket]:
        return self._sockets

    @property
    def dropped(self) -> int:
        return sum(one.closed for one in self._sockets)
