"""A peer over its budget is cut off at once; its neighbours notice nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from ingest_gateway.access.auth import Identity
from ingest_gateway.hosts.server.guard import GuardLimits
from ingest_gateway.rooms.messages import EventWish, RoomWish

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = pytest.mark.integration

ONE_BYTE_FRAME = bytes.fromhex("81810000000078")
BEGUN = bytes.fromhex("01810000000078")
EMPTY_CONTINUATION = bytes.fromhex("008000000000")
PING = bytes.fromhex("898000000000")
TOO_LARGE = bytes.fromhex("01fe1001") + bytes(4)
"""Begins a message of more than 4 KB."""


class Stranger:
    """A TCP connection that sends what no client would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, gateway: RunningGateway, *, upgrade: bool = True) -> Stranger:
        stranger = cls(*await asyncio.open_connection("127.0.0.1", gateway.port))
        if upgrade:
            stranger.writer.write(
                b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            await stranger.reader.readuntil(b"\r\n\r\n")
        return stranger

    async def cut_off(self) -> None:
        """Until the gateway has closed the connection."""
        async with asyncio.timeout(60):
            with suppress(ConnectionError):
                while await self.reader.read(65_536):
                    pass
        self.writer.close()


def events(gateway: RunningGateway, kind: str) -> float:
    name = "gateway_security_events_total"
    return gateway.gateway.metrics.registry.get_sample_value(name, {"kind": kind}) or 0.0


@pytest.fixture
async def tight(gateway: RunningGateway) -> AsyncIterator[RunningGateway]:
    """With room for 24 connections, of which 8 are kept, and little patience."""
    gateway.guard.limits = GuardLimits(
        connections=24, kept_for_known=8, request_s=0.5, message_s=0.5
    )
    sweeping = asyncio.create_task(gateway.guard.run())
    yield gateway
    sweeping.cancel()


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (ONE_BYTE_FRAME * 20_000, "small_frames"),
        (BEGUN + EMPTY_CONTINUATION.replace(b"\x80", b"\x00", 1) * 20_000, "small_frames"),
        (PING * 20_000, "control_frames"),
        (TOO_LARGE, "message_too_large"),
    ],
    ids=["frames of a byte", "empty continuations", "pings", "a large message"],
)
async def test_a_flood_is_cut_off_and_a_speaker_goes_on(
    gateway: RunningGateway, sent: bytes, kind: str
) -> None:
    page, _ = await gateway.speaker()
    stranger = await Stranger.connect(gateway)
    stranger.writer.write(sent)
    await stranger.cut_off()
    assert events(gateway, kind) == 1
    for number in range(5):
        await page.frame(number)
    await page.acknowledged(4)
    await gateway.until(lambda: gateway.guard.connections == 1)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("818300000000fffefd", 1007),
        ("c1810000000078", 1002),
        ("83810000000078", 1002),
        ("09810000000078", 1002),
        ("810178", 1002),
        ("80810000000078", 1002),
    ],
    ids=["no UTF-8", "a reserved bit", "an opcode", "a ping in two", "no mask", "a continuation"],
)
async def test_a_frame_that_breaks_the_protocol_ends_its_connection_alone(
    gateway: RunningGateway, caplog: pytest.LogCaptureFixture, sent: str, code: int
) -> None:
    page, _ = await gateway.speaker()
    stranger = await Stranger.connect(gateway)
    stranger.writer.write(bytes.fromhex(sent))
    head = await stranger.reader.readexactly(4)
    assert (head[0], int.from_bytes(head[2:])) == (0x88, code)
    await stranger.cut_off()
    assert events(gateway, "malformed_frame") == 1
    assert [record for record in caplog.records if record.exc_info] == []
    await page.frame(0)
    await page.acknowledged(0)


async def test_an_honest_burst_is_taken(gateway: RunningGateway) -> None:
    """Chunks that waited half a minute for a network, and all that a page says meanwhile."""
    page, _ = await gateway.speaker()
    for number in range(120):
        await page.frame(number)
        await page.send("heartbeat")
    await page.acknowledged(119)


async def test_idle_connections_make_room_for_speakers_listeners_and_requests(
    tight: RunningGateway,
) -> None:
    idle = [await Stranger.connect(tight, upgrade=False) for _ in range(60)]
    page, session_id = await tight.speaker()
    listener = await tight.listener(session_id)
    async with tight.http() as http:
        token = {"authorization": f"Bearer {tight.token('olga')}"}
        assert (await http.get("/operations", headers=token)).status_code == 403
    await page.frame(0)
    await page.acknowledged(0)
    assert tight.guard.connections <= 24
    await listener.ask("heartbeat", "heartbeatAck")
    for one in idle:
        await one.cut_off()
    assert events(tight, "no_room") + events(tight, "slow_request") >= 60


async def test_who_does_not_come_to_an_end_is_cut_off(tight: RunningGateway) -> None:
    head = await Stranger.connect(tight, upgrade=False)
    head.writer.write(b"POST /sessions HTTP/1.1\r\nhost: x\r\n")
    message = await Stranger.connect(tight)
    message.writer.write(bytes.fromhex("01fe0100") + bytes(4) + b"{")
    await head.cut_off()
    await message.cut_off()
    assert (events(tight, "slow_request"), events(tight, "slow_message")) == (1, 1)


async def test_a_body_that_was_refused_before_it_came_is_not_waited_for(
    gateway: RunningGateway,
) -> None:
    stranger = await Stranger.connect(gateway, upgrade=False)
    stranger.writer.write(b"POST /sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 9000\r\n\r\nx")
    await stranger.cut_off()


async def test_no_body_is_read_to_an_end_that_no_route_takes(gateway: RunningGateway) -> None:
    async with gateway.http() as http:
        ada = {"authorization": f"Bearer {gateway.token()}"}
        answer = await http.post("/sessions", content=bytes(2_000_000), headers=ada)
    assert answer.status_code == 413


async def test_what_strangers_try_is_counted(gateway: RunningGateway) -> None:
    page, session_id = await gateway.speaker()
    forged = await gateway.connect("eyJhbGciOiJub25lIn0.e30.")
    assert (await forged.closed())[0] == 4401
    async with gateway.http() as http:
        eve = {"authorization": f"Bearer {gateway.token('eve')}"}
        ticket = (await http.post("/tickets", headers=eve)).json()["ticket"]
        await gateway.connect(ticket=ticket)
        replayed = await gateway.connect(ticket=ticket)
        assert (await replayed.closed())[0] == 4401
        assert (await http.delete(f"/sessions/{session_id}", headers=eve)).status_code == 403
    guest = await gateway.connect()
    await guest.ask("joinSession", "error", sessionId="no-such-1", targetLanguage="es")
    kinds = ("token_refused", "ticket_refused", "foreign_session", "unknown_session")
    assert [events(gateway, kind) for kind in kinds] == [1, 1, 1, 1]
    await page.frame(0)
    await page.acknowledged(0)


async def test_who_waits_in_a_room_for_its_talk_stays(gateway: RunningGateway) -> None:
    """Also for longer than a guest may stay without joining."""
    olga, organiser = Identity("olga"), gateway.gateway.organiser
    event = await organiser.create_event(olga, EventWish("Tides"))
    room = await organiser.create_room(olga, RoomWish(event.event_id, "Hall"))
    waiting, idle = await gateway.connect(), await gateway.connect()
    await waiting.ask("joinRoom", "talkState", roomId=room.room_id, key=room.secret)
    await idle.ask("heartbeat", "heartbeatAck")
    gateway.guard.limits = GuardLimits(join_s=0.0)
    gateway.guard.sweep()
    await gateway.until(lambda: gateway.guard.connections == 1)
    assert events(gateway, "not_joined") == 1
    await waiting.ask("heartbeat", "heartbeatAck")


async def test_who_takes_no_answers_has_no_place_for_ever(gateway: RunningGateway) -> None:
    stranger = await Stranger.connect(gateway, upgrade=False)
    stranger.writer.transport.pause_reading()  # type: ignore[attr-defined] - of a socket
    stranger.writer.write(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * 400)
    page, _ = await gateway.speaker()
    gateway.guard.limits = GuardLimits(unread_s=0.0)

    def is_cut_off() -> bool:
        gateway.guard.sweep()
        return events(gateway, "unread_response") == 1

    await gateway.until(is_cut_off)
    await page.frame(0)
    await page.acknowledged(0)
    stranger.writer.transport.abort()
