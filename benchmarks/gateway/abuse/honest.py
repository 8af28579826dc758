"""Who must notice nothing: a speaker, a listener, an operator, and the job that posts captions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from ingest_gateway.protocol.frames import AudioFrame, encode_frame
from schemas.values import SAMPLE_RATE_HZ

CHUNK_S = 0.25
_PCM = bytes(2 * int(SAMPLE_RATE_HZ * CHUNK_S))
_POST_EVERY_S = 0.5
_ASK_EVERY_S = 1.0
_END_S = 15.0
JOB_TOKEN = "the job of make abuse"  # noqa: S105 - of a gateway of this machine
"""Only the job may tell listeners anything, also from this machine."""


@dataclass(slots=True)
class Seen:
    """What the honest saw in one run. Times are in milliseconds."""

    ack_ms: list[float] = field(default_factory=list[float])
    chunks_sent: int = 0
    chunks_missing: int = 0
    chunks_repeated: int = 0
    posted: int = 0
    heard: int = 0
    asked: int = 0
    answered: int = 0
    broken: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Place:
    """A session of the gateway at ``url`` with its link's secret, and tokens for it."""

    url: str
    session_id: str
    key: str
    speaker: str
    operator: str

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws"


async def open_place(url: str) -> Place:
    async with httpx.AsyncClient(base_url=url, timeout=_END_S) as http:
        subject = f"speaker-{secrets.token_hex(4)}"  # each may create a few sessions a minute
        speaker = (await http.post("/tokens", json={"subject": subject})).json()["token"]
        operator = (await http.get("/operators-token")).text
        created = await http.post(
            "/sessions", json={"sourceLanguage": "en"}, headers=_bearer(speaker)
        )
        made = created.json()
        return Place(url, made["sessionId"], made["listeningKey"], speaker, operator)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def listen_and_speak(place: Place, seconds: float) -> Seen:
    """For so long, and then until what was sent is acknowledged."""
    seen = Seen()
    until_s = time.monotonic() + seconds
    await asyncio.gather(
        _noted(seen, "speaker", _speak(place, seen, until_s)),
        _noted(seen, "listener", _listen(place, seen, until_s)),
        _noted(seen, "operator", _operate(place, seen, until_s)),
    )
    async with httpx.AsyncClient(base_url=place.url, timeout=_END_S) as http:
        stored = (await http.get(f"/chunks/{place.session_id}")).json()
    seen.chunks_missing = stored["missing"] + max(0, seen.chunks_sent - 1 - stored["highest"])
    seen.chunks_repeated = stored["repeated"]
    return seen


async def _noted(seen: Seen, who: str, doing: Any) -> None:
    try:
        await doing
    except (OSError, WebSocketException, httpx.HTTPError, TimeoutError) as error:
        seen.broken.append(f"{who}: {type(error).__name__}")


async def _speak(place: Place, seen: Seen, until_s: float) -> None:
    protocols: Any = ["live-translation", f"token.{place.speaker}"]
    async with connect(place.socket_url, subprotocols=protocols, proxy=None) as socket:
        wanted = {"sessionId": place.session_id, "streamId": "s1", "nextSequence": 0}
        await socket.send(json.dumps({"action": "joinAsSpeaker", **wanted}))
        sent_at_s: dict[int, float] = {}
        all_sent = asyncio.Event()
        acknowledging = asyncio.create_task(_acknowledged(socket, seen, sent_at_s, all_sent))
        next_s, number = time.monotonic(), 0
        while next_s < until_s:
            await asyncio.sleep(next_s - time.monotonic())
            next_s += CHUNK_S
            sent_at_s[number] = time.monotonic()
            at_ms = round((time.time() - CHUNK_S) * 1000)
            await socket.send(encode_frame(AudioFrame(number, at_ms, _PCM)))
            number += 1
            seen.chunks_sent = number
        all_sent.set()
        async with asyncio.timeout(_END_S):
            await acknowledging


async def _acknowledged(
    socket: ClientConnection, seen: Seen, sent_at_s: dict[int, float], all_sent: asyncio.Event
) -> None:
    acked = -1
    while not (all_sent.is_set() and acked >= len(sent_at_s) - 1):
        message = json.loads(await socket.recv())
        if message["type"] != "audioAck":
            continue
        for number in range(acked + 1, message["sequence"] + 1):
            seen.ack_ms.append((time.monotonic() - sent_at_s[number]) * 1000)
        acked = max(acked, message["sequence"])


async def _listen(place: Place, seen: Seen, until_s: float) -> None:
    async with connect(place.socket_url, proxy=None) as socket:
        wanted = {"sessionId": place.session_id, "targetLanguage": "es", "key": place.key}
        await socket.send(json.dumps({"action": "joinSession", **wanted}))
        while json.loads(await socket.recv())["type"] != "sessionJoined":
            pass
        posting = asyncio.create_task(_post(place, seen, until_s))
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + _until(until_s)):
            numbers: set[int] = set()
            while not (posting.done() and seen.heard >= seen.posted):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POST_EVERY_S):
                        message = json.loads(await socket.recv())
                        if message["type"] == "caption":
                            numbers.add(message["sequenceNumber"])
                            seen.heard = len(numbers)


def _until(until_s: float) -> float:
    return max(0.0, until_s - time.monotonic()) + _END_S


async def _post(place: Place, seen: Seen, until_s: float) -> None:
    headers = {"x-job-token": JOB_TOKEN}
    async with httpx.AsyncClient(base_url=place.url, timeout=_END_S) as http:
        while time.monotonic() < until_s - 2 * _POST_EVERY_S:
            caption = {"type": "caption", "sequenceNumber": seen.posted}
            seen.posted += 1
            await http.post(f"/notify/{place.session_id}/es", json=caption, headers=headers)
            await asyncio.sleep(_POST_EVERY_S)


async def _operate(place: Place, seen: Seen, until_s: float) -> None:
    while time.monotonic() < until_s:
        seen.asked += 1  # a new connection each time, as an operator who comes to look
        async with httpx.AsyncClient(base_url=place.url, timeout=_END_S) as http:
            answer = await http.get("/operations", headers=_bearer(place.operator))
        seen.answered += answer.status_code == 200
        await asyncio.sleep(_ASK_EVERY_S)
