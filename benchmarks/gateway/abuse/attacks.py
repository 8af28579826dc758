"""What strangers send. Each attack is bounded in connections, bytes a second and time."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.gateway.abuse.bombs import RECORDERS_BOMBS
from benchmarks.gateway.abuse.honest import Place
from benchmarks.gateway.abuse.malformed import EACH, MALFORMED, frame

RATE_BYTES_PER_S = 2_000_000
"""15 Mbit/s for an attack, whatever the number of its connections."""
_LATE_S = 20.0
_WRITE_BYTES = 32 * 1024
_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n"
)
_NO_MASK = bytes(4)
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=recvonly\r\n"
)


@dataclass(frozen=True, slots=True)
class Attack:
    """``events``: one of these kinds must be counted; empty: the attack is no more than load."""

    name: str
    events: tuple[str, ...]
    run: Callable[[Place, float], Awaitable[None]]
    at_least_s: float = 0.0


async def _open(place: Place, head: bytes = b"") -> tuple[asyncio.StreamReader, Any]:
    at = urlsplit(place.url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    if head:
        writer.write(head)
        await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _flood(
    place: Place, until_s: float, data: bytes, sockets: int, once: bytes = b"", head: bytes = b""
) -> None:
    """``once``, then ``data`` again and again, on so many sockets; each that is cut off comes
    again. ``head``: lines of the handshake."""

    async def one() -> None:
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                _, writer = await _open(place, _HANDSHAKE % head)
                writer.write(once)
                part = data * max(1, _WRITE_BYTES // len(data))
                while time.monotonic() < until_s and not writer.is_closing():
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(len(part) * sockets / RATE_BYTES_PER_S)
                writer.close()
            await asyncio.sleep(0.05)

    await asyncio.gather(*(one() for _ in range(sockets)))


async def _held(
    place: Place, until_s: float, count: int, sent: bytes, drip: bytes = b"", head: bytes = b""
) -> None:
    """So many connections that send ``sent`` and then ``drip`` every second; ``head`` before that,
    and its answer is waited for."""
    writers: list[Any] = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            _, writer = await _open(place, head)
            writer.write(sent)
            writers.append(writer)
        if time.monotonic() > until_s:
            break
    while time.monotonic() < until_s:
        for writer in writers:
            if drip and not writer.is_closing():
                writer.write(drip)
        await asyncio.sleep(min(1.0, max(0.0, until_s - time.monotonic())))
    for writer in writers:
        writer.close()


async def fill(place: Place, seconds: float) -> None:
    """Open as many sockets as the gateway takes, once: what its allocator then keeps is no
    growth."""
    await _held(place, time.monotonic() + seconds, 1_500, _HANDSHAKE % b"")


def attack(name: str, place: Place, seconds: float, begun: Event) -> None:
    """In a process of its own: what it takes of a core is not the honest ones'."""
    (chosen,) = (one for one in ATTACKS if one.name == name)
    begun.set()
    asyncio.run(_within(chosen.run(place, time.monotonic() + seconds), seconds))


async def _within(attacking: Awaitable[None], seconds: float) -> None:
    with contextlib.suppress(OSError, TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(seconds + _LATE_S):
            await attacking


async def _asked(
    until_s: float, ask: Callable[[int], Awaitable[object]], at_once: int = 8, each_s: float = 0.02
) -> None:
    """``ask`` with a number, over and over."""

    async def one(first: int) -> None:
        number = first
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError, httpx.HTTPError, asyncio.IncompleteReadError):
                await ask(number)
            number += at_once
            await asyncio.sleep(each_s)

    await asyncio.gather(*(one(first) for first in range(at_once)))


def _text(message: object) -> bytes:
    return frame(0x81, json.dumps(message).encode())


async def _malformed(place: Place, until_s: float) -> None:
    """So many frames of each kind, or as many as the time and the gateway's cutting off allow."""

    async def of_kind(data: bytes) -> None:
        left = EACH
        while left > 0 and time.monotonic() < until_s:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                _, writer = await _open(place, _HANDSHAKE % b"")
                while left > 0 and time.monotonic() < until_s and not writer.is_closing():
                    count = min(left, max(1, _WRITE_BYTES // 8 // len(data)))
                    writer.write(data * count)
                    left -= count
                    await writer.drain()
                    await asyncio.sleep(count * len(data) * len(MALFORMED) / RATE_BYTES_PER_S)
                writer.close()
            await asyncio.sleep(0.05)

    await asyncio.gather(*(of_kind(data) for data in MALFORMED.values()))


async def _never_read(place: Place, until_s: float) -> None:
    """Answers of a hundred kilobytes are asked for on many connections, and none is read."""
    await _held(place, until_s, 200, b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 20)


async def _strange(place: Place, until_s: float) -> None:
    """A stranger with a token of another session tries everything on this one; the matrix of roles
    and operations is ``tests/integration/gateway/test_role_matrix.py``."""
    async with httpx.AsyncClient(base_url=place.url, timeout=10) as http:
        token = (await http.post("/tokens", json={"subject": "eve"})).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        of = f"/sessions/{place.session_id}"
        tries: tuple[tuple[str, str, Any], ...] = (
            ("DELETE", of, None),
            ("PATCH", of, {"muted": True}),
            ("PATCH", of, {"listening": "link", "newListeningKey": True}),
            ("GET", f"{of}/listeners", None),
            ("DELETE", f"{of}/listeners/{'a' * 16}", None),
            ("POST", f"{of}/signaling-keys", None),
            ("POST", f"/whip/{place.session_id}", "v=0"),
            ("GET", "/operations", None),
            ("POST", f"/notify/{place.session_id}/es", {"type": "caption"}),
        )

        async def once(number: int) -> None:
            method, path, body = tries[number % len(tries)]
            given: dict[str, Any] = {"content": body} if isinstance(body, str) else {"json": body}
            await http.request(method, path, headers=headers, **given)

        await _asked(until_s, once)


def _flooding(name: str, kind: str, data: bytes, sockets: int, once: bytes = b"") -> Attack:
    return Attack(name, (kind,), lambda place, until_s: _flood(place, until_s, data, sockets, once))


def _holding(
    name: str, kinds: tuple[str, ...], count: int, sent: bytes, drip: bytes, head: bytes = b""
) -> Attack:
    is_long = not {"slow_body", "slow_message"}.isdisjoint(kinds)
    longest_s = 26.0 if is_long else 12.0  # longer than the gateway waits
    return Attack(
        name,
        kinds,
        lambda place, until_s: _held(place, until_s, count, sent, drip, head),
        longest_s,
    )


async def _reconnect(place: Place, until_s: float) -> None:
    async def once(_: int) -> None:
        _reader, writer = await _open(place, _HANDSHAKE % b"")
        writer.close()

    await _asked(until_s, once, at_once=20, each_s=0.01)


def _joining(name: str, kinds: tuple[str, ...], wanted: Callable[[Place, int], Any]) -> Attack:
    async def run(place: Place, until_s: float) -> None:
        async def once(number: int) -> None:
            reader, writer = await _open(place, _HANDSHAKE % b"")
            writer.write(_text({"action": "joinSession", **wanted(place, number)}))
            async with asyncio.timeout(2):
                await reader.read(200)
            writer.close()

        await _asked(until_s, once, at_once=10)

    return Attack(name, kinds, run)


def _posting(name: str, kinds: tuple[str, ...], post: Callable[[Any, Place], Any]) -> Attack:
    async def run(place: Place, until_s: float) -> None:
        async with httpx.AsyncClient(base_url=place.url, timeout=10) as http:
            await _asked(until_s, lambda _: post(http, place))

    return Attack(name, kinds, run)


async def _forge(place: Place, until_s: float) -> None:
    forged = place.speaker[:-8] + "AAAAAAAA"
    token = f"sec-websocket-protocol: live-translation, token.{forged}\r\n".encode()

    async def once(_: int) -> None:
        _reader, writer = await _open(place, _HANDSHAKE % token)
        writer.close()

    await _asked(until_s, once)


async def _replay(place: Place, until_s: float) -> None:
    async with httpx.AsyncClient(base_url=place.url, timeout=10) as http:
        headers = {"authorization": f"Bearer {place.speaker}"}
        ticket = (await http.post("/tickets", headers=headers)).json()["ticket"]
    line = f"sec-websocket-protocol: live-translation, ticket.{ticket}\r\n".encode()

    async def once(_: int) -> None:
        _reader, writer = await _open(place, _HANDSHAKE % line)
        writer.close()

    await _asked(until_s, once)


async def _recorder_bombs(place: Place, until_s: float, bomb: bytes) -> None:
    """Of a speaker, into a session of its own."""
    async with httpx.AsyncClient(base_url=place.url, timeout=10) as http:
        token = (await http.post("/tokens", json={"subject": "mallory"})).json()["token"]
        created = await http.post(
            "/sessions",
            json={"sourceLanguage": "en"},
            headers={"authorization": f"Bearer {token}"},
        )
    session = {"sessionId": created.json()["sessionId"], "streamId": "s1"}
    chunk = {
        "action": "audioChunk",
        **session,
        "format": "webm",
        "sampleRate": 16_000,
        "channels": 1,
        "encoding": "s16le",
        "timestamp": 1_790_000_000_000,
        "audioData": base64.b64encode(bomb).decode(),
    }
    join = _text({"action": "joinAsSpeaker", **session, "nextSequence": 0})
    line = f"sec-websocket-protocol: live-translation, token.{token}\r\n".encode()
    await _flood(place, until_s, _text(chunk), 4, join, line)


def _bomb(http: Any, place: Place) -> Any:
    lines = "".join(f"a=fmtp:111 x={number}\r\n" for number in range(3_000))
    headers = {"content-type": "application/sdp"}
    path = f"/whep/{place.session_id}/es"
    return http.post(path, content=(_SDP + lines).replace("opus", "speex"), headers=headers)


def _nested(http: Any, place: Place) -> Any:
    body = b'{"x": ' + b"[" * 8_000 + b"]" * 8_000 + b"}"
    return http.post(
        "/sessions", content=body, headers={"authorization": f"Bearer {place.speaker}"}
    )


_BYTE, _EMPTY = bytes.fromhex("81810000000078"), bytes.fromhex("008000000000")
_SLOW = ("slow_request", "no_room")
ATTACKS = (
    _flooding("frames of a byte, 1 socket", "small_frames", _BYTE, 1),
    _flooding("frames of a byte, 20 sockets", "small_frames", _BYTE, 20),
    _flooding("empty continuations", "small_frames", _EMPTY, 4, bytes.fromhex("01810000000078")),
    _flooding("pings never read", "control_frames", bytes.fromhex("898000000000"), 8),
    _flooding(
        "unfinished messages",
        "message_too_large",
        bytes(32_768),
        50,
        bytes.fromhex("01ff00000000000f4240") + _NO_MASK,
    ),
    Attack("20,000 malformed frames of each kind", ("malformed_frame",), _malformed, 20.0),
    _holding("slow heads", _SLOW, 300, b"GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n"),
    _holding(
        "slow bodies",
        ("slow_body", "no_room"),
        300,
        b"POST /tokens HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\n",
        b"x",
    ),
    _holding("slow request lines", _SLOW, 300, b"GE", b"T"),
    _holding("slow handshakes", _SLOW, 300, _HANDSHAKE[:60], b"a"),
    _holding(
        "slow bodies in chunks",
        ("slow_body", "no_room"),
        300,
        b"POST /tokens HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
    ),
    _holding(
        "slow offers",
        ("slow_body", "no_room"),
        300,
        b"POST /whep/calm-sea-1/es HTTP/1.1\r\nhost: x\r\ncontent-type: application/sdp\r\n"
        b"content-length: 9000\r\n\r\n",
        b"v",
    ),
    _holding(
        "slow frames",
        ("slow_message",),
        300,
        bytes.fromhex("81fe0f00") + _NO_MASK,
        b"x",
        _HANDSHAKE % b"",
    ),
    Attack("answers never read", (), _never_read, 12.0),
    _holding("idle connections", _SLOW, 3_000, b"", b""),
    _holding("idle sockets", ("not_joined", "no_room"), 1_500, _HANDSHAKE % b"", b""),
    Attack("reconnect storm", (), _reconnect),
    _joining(
        "guessed ids",
        ("unknown_session", "rate_limited"),
        lambda _, number: {"sessionId": f"calm-sea-{number}", "targetLanguage": "es"},
    ),
    _joining(
        "join flood", (), lambda place, _: {"sessionId": place.session_id, "targetLanguage": "es"}
    ),
    _joining(
        "language flood",
        (),
        lambda place, number: {
            "sessionId": place.session_id,
            "targetLanguage": f"x{chr(97 + number % 26)}",
        },
    ),
    Attack("forged tokens", ("token_refused",), _forge),
    Attack("replayed tickets", ("ticket_refused",), _replay),
    Attack("a stranger tries every operation", ("foreign_session",), _strange),
    _posting("SDP bombs", (), _bomb),
    *(
        Attack(name, (), lambda place, until_s, bomb=bomb: _recorder_bombs(place, until_s, bomb))
        for name, bomb in RECORDERS_BOMBS.items()
    ),
    _posting("nested lists", (), _nested),
)
