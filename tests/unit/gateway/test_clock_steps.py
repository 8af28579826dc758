"""The machine's clock is put back by an hour: nobody waits for that hour to pass again."""

from __future__ import annotations

import pytest

from connectors.calls.policy import Policies
from connectors.interfaces.session_tables import SessionChange, SessionRow
from connectors.memory.document_store import MemoryDocumentStore
from connectors.memory.session_tables import MemorySessionTables
from ingest_gateway.access.auth import Identity
from ingest_gateway.access.revocation import Revocations
from ingest_gateway.audio_in.acknowledgements import Acknowledgements
from ingest_gateway.protocol.limits import Limits, TokenBucket
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.live_sessions import LiveSession, LiveSessions
from schemas.session_info import SessionInfo
from tests.unit.gateway.two_gateways import RunVirtual, Socket

pytestmark = pytest.mark.unit

HOUR_MS = 3_600_000
ROW = SessionRow(SessionInfo("s", "ada", "en", (), "standard", "active", 0))


class Clock:
    def __init__(self) -> None:
        self.now_ms = 10 * HOUR_MS

    def __call__(self) -> int:
        return self.now_ms


def test_frames_are_taken_on() -> None:
    bucket = TokenBucket(20.0, 2, 10 * HOUR_MS)
    assert [bucket.take(10 * HOUR_MS) for _ in range(3)] == [0, 0, 50]
    assert bucket.take(9 * HOUR_MS) == 50
    assert bucket.take(9 * HOUR_MS + 50) == 0


def test_processes_whose_clocks_differ_a_little_give_no_more() -> None:
    bucket = TokenBucket(20.0, 1, 10 * HOUR_MS)
    assert bucket.take(10 * HOUR_MS) == 0
    for _ in range(100):  # one is a tenth of a second behind the other
        assert bucket.take(10 * HOUR_MS - 100) > 0
        assert bucket.take(10 * HOUR_MS) > 0


def test_audio_is_acknowledged_on(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        clock, socket = Clock(), Socket()
        sessions = LiveSessions(MemorySessionTables(clock), Policies(), clock)
        speaker = Connection("c", Peer("a", "", None), socket, 0, 1 << 20)
        live = LiveSession(ROW, speaker=speaker, durable_sequence=7)
        acknowledgements = Acknowledgements(sessions, Limits(), clock)
        for step_ms in (0, -HOUR_MS):
            clock.now_ms += step_ms
            live.ack_due = True
            acknowledgements.acknowledge(live)
        await speaker.flush()
        assert [one["sequence"] for one in socket.sent] == [7, 7]

    run_virtual(run())


def test_what_an_owner_says_elsewhere_and_who_signs_out_are_seen(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        clock, store = Clock(), MemoryDocumentStore(lambda: 0)
        tables = MemorySessionTables(clock)
        await tables.create(ROW)
        sessions = LiveSessions(tables, Policies(), clock)
        here = Revocations(store, Policies(), clock)
        elsewhere = Revocations(store, Policies(), clock)
        await sessions.find_fresh("s", 2000)
        assert not await here.look("token")
        clock.now_ms -= HOUR_MS
        await elsewhere.revoke(Identity("ada", None, frozenset(), "token", 20 * HOUR_MS))
        await tables.change("s", SessionChange(extra={"locked": "true"}))
        assert (await sessions.find_fresh("s", 2000)).row.info.extra["locked"] == "true"
        assert await here.look("token")

    run_virtual(run())
