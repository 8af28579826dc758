"""A hall: 500 listeners behind one address come in by the talk's link, beside guests of the same
address who have not the link, guess ids, and join by the id."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.gateway.abuse.honest import Place

LISTENERS = 500
WITHIN_S = 30.0
_INTRUDERS = 10
_AT_ONCE = 25
_LONGEST_S = 180.0


@dataclass(frozen=True, slots=True)
class Hall:
    seated: int
    seconds: float
    intruders_answers: int

    @property
    def problems(self) -> tuple[str, ...]:
        found: list[str] = []
        if self.seated < LISTENERS:
            found.append(f"{LISTENERS - self.seated} were not seated")
        if self.seconds > WITHIN_S:
            found.append(f"seated in {self.seconds:.0f} s")
        return tuple(found)


async def fill_hall(place: Place) -> Hall:
    answers = 0

    async def intrude(number: int) -> None:
        nonlocal answers
        while True:
            with contextlib.suppress(OSError, WebSocketException):
                async with connect(place.socket_url, proxy=None) as socket:
                    for turn in range(50):
                        guessed = f"calm-sea-{number}-{turn}" if turn % 5 else place.session_id
                        await _asked(socket, sessionId=guessed)
                        answers += 1
            await asyncio.sleep(0.1)

    intruders = [asyncio.create_task(intrude(number)) for number in range(_INTRUDERS)]
    turn = asyncio.Semaphore(_AT_ONCE)
    async with AsyncExitStack() as exits:

        async def seat() -> bool:
            async with turn:
                socket = await exits.enter_async_context(
                    connect(place.socket_url, proxy=None, open_timeout=60)
                )
                told = await _asked(socket, sessionId=place.session_id, key=place.key)
                while told.get("code") == "RATE_LIMITED":
                    await asyncio.sleep(told["retryAfterMs"] / 1000)
                    told = await _asked(socket, sessionId=place.session_id, key=place.key)
                return told["type"] == "sessionJoined"

        began_s = time.monotonic()
        try:
            async with asyncio.timeout(_LONGEST_S):
                seated = sum(await asyncio.gather(*(seat() for _ in range(LISTENERS))))
        except TimeoutError:
            seated = 0
        seconds = time.monotonic() - began_s
        for one in intruders:
            one.cancel()
        await asyncio.gather(*intruders, return_exceptions=True)
    return Hall(seated, seconds, answers)


async def _asked(socket: ClientConnection, **shown: Any) -> dict[str, Any]:
    await socket.send(json.dumps({"action": "joinSession", "targetLanguage": "es", **shown}))
    while True:
        told: dict[str, Any] = json.loads(await socket.recv())
        if told["type"] in ("sessionJoined", "error"):
            return told
