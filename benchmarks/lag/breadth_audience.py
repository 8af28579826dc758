"""Many listeners of one session, as light as can be: what each was told and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from benchmarks.gateway.wire import LightSocket, open_socket
from connectors.interfaces.notifier import INLINE_AUDIO
from ingest_gateway.client.account import socket_url

_JOIN_WITHIN_S = 20.0
_JOINS_AT_ONCE = 20
_BEAT_EVERY_S = 20.0


class ReceivedMessage(msgspec.Struct, rename="camel", frozen=True):
    """A message as it arrived, without its sound. ``audio`` is only there or not."""

    type: str
    sequence_number: int = -1
    timestamp: float = 0.0
    source_transcript: str = ""
    duration: float = 0.0
    stages: dict[str, float] = {}
    audio: msgspec.Raw = msgspec.Raw()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one listener: an utterance as a clip, or skipped."""

    at_ms: float
    number: int
    is_clip: bool
    is_inline: bool
    words: tuple[str, ...]
    first_sample_at_ms: float
    clip_s: float
    stages_ms: dict[str, float]


@dataclass(slots=True)
class Listener:
    language: str
    socket: LightSocket
    outcomes: list[Outcome] = field(default_factory=list[Outcome])

    def take(self, text: bytes) -> None:
        at_ms = time.time_ns() / 1e6
        told = msgspec.json.decode(text, type=ReceivedMessage)
        if told.type not in ("translatedAudio", "skipped"):
            return
        self.outcomes.append(
            Outcome(
                at_ms,
                told.sequence_number,
                told.type == "translatedAudio",
                bool(bytes(told.audio)),
                tuple(told.source_transcript.split()),
                told.timestamp,
                told.duration,
                told.stages,
            )
        )


class Audience:
    """Listeners that have joined; heartbeats keep them there until they ``leave``."""

    def __init__(self, listeners: list[Listener]) -> None:
        self.listeners = listeners
        self._beating = asyncio.create_task(self._beat())

    @classmethod
    async def join(
        cls, url: str, session_id: str, languages: Sequence[str], listeners: int
    ) -> Audience:
        """So many, in the languages by turns, all of whom take clips inside messages.

        TimeoutError: the gateway does not let one join.
        """
        turn = asyncio.Semaphore(_JOINS_AT_ONCE)

        async def one(number: int) -> Listener:
            async with turn:
                return await _join(url, session_id, languages[number % len(languages)])

        return cls(list(await asyncio.gather(*(one(number) for number in range(listeners)))))

    @property
    def newest_ms(self) -> float:
        """When anybody was last told anything."""
        return max((one.outcomes[-1].at_ms for one in self.listeners if one.outcomes), default=0.0)

    @property
    def dropped(self) -> int:
        """How many connections the gateway ended."""
        return sum(one.socket.closed for one in self.listeners)

    def leave(self) -> None:
        self._beating.cancel()
        for one in self.listeners:
            one.socket.close()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_EVERY_S)
            for one in self.listeners:
                if not one.socket.closed:
                    one.socket.send_text(b'{"action":"heartbeat"}')


async def _join(url: str, session_id: str, language: str) -> Listener:
    listener = Listener(language, await open_socket(socket_url(url)))
    joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_text(text: bytes) -> None:
        if (
            not joined.done()
            and msgspec.json.decode(text, type=ReceivedMessage).type == "sessionJoined"
        ):
            joined.set_result(None)
            return
        listener.take(text)

    listener.socket.on_text = on_text
    wish = {
        "action": "joinSession",
        "sessionId": session_id,
        "targetLanguage": language,
        "capabilities": [INLINE_AUDIO],
    }
    listener.socket.send_text(msgspec.json.encode(wish))
    async with asyncio.timeout(_JOIN_WITHIN_S):
        await joined
    return listener
