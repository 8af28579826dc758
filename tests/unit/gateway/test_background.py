"""Work in the background goes on, whatever one turn of it, or one session, comes to."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from connectors.interfaces.session_tables import SessionRow
from ingest_gateway.access.auth import Identity
from ingest_gateway.audio_in.put_queue import PutQueue, Settled
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.operations.background import AGAIN_AFTER_S, Background
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.protocol.messages import JoinSession
from ingest_gateway.rooms.deletion import AGAIN_AFTER_MS
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.sweeper import SWEEP_EVERY_S
from schemas.values import AudioChunk, SessionControl
from tests.unit.gateway.two_gateways import SESSION, Faults, RunVirtual, Socket, Story, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.unit

OTHER = "calm-harbour-412"


def errors(metrics: Metrics, work: str) -> float:
    name = "gateway_unexpected_errors_total"
    return metrics.registry.get_sample_value(name, {"work": work}) or 0.0


def guest(name: str) -> Connection:
    return Connection(name, Peer("192.0.2.7", "", Identity(name)), Socket(), 0, 1 << 20)


def test_work_that_fails_goes_on_and_its_error_is_counted_without_its_words(
    run_virtual: RunVirtual, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        metrics, turns, words = Metrics(), 0, "what somebody said"

        async def work() -> None:
            nonlocal turns
            turns += 1
            await asyncio.sleep(1)
            raise ValueError(words)

        with caplog.at_level(logging.DEBUG):
            going_on = asyncio.create_task(Background(metrics).keep("sweeper", work))
            await asyncio.sleep(10 * (1 + AGAIN_AFTER_S))
            assert not going_on.done()
            going_on.cancel()
        assert turns >= 10
        assert errors(metrics, "sweeper") == 10
        assert "ValueError" in caplog.text
        assert words not in caplog.text

    run_virtual(run())


def test_a_deleted_talk_keeps_nobody_of_another_talk_counted(run_virtual: RunVirtual) -> None:
    """Its lost listeners are found gone with it; those of other talks are counted down."""

    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        info = replace(story.sessions[SESSION].info, session_id=OTHER)
        story.sessions[OTHER] = SessionRow(info)
        first, second = guest("first"), guest("second")
        await gateway.listeners.join(first, JoinSession(SESSION, "es"))
        await gateway.listeners.join(second, JoinSession(OTHER, "ca"))
        sweeping = asyncio.create_task(gateway.sweeper.run())
        await gateway.listeners.lose(first)
        gateway.live.tables.forget(SESSION)  # type: ignore[attr-defined] - of memory
        gateway.live.forget(SESSION)
        await asyncio.sleep(SWEEP_EVERY_S)
        await gateway.listeners.lose(second)
        await asyncio.sleep(2 * SWEEP_EVERY_S)
        assert not sweeping.done()
        assert (await gateway.live.tables.listener_counts(OTHER)).languages == ()
        sweeping.cancel()
        # And nothing of the deleted one was made anew.
        assert (await gateway.live.tables.listener_counts(SESSION)).revision == -1
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_a_session_that_cannot_be_swept_holds_up_no_other(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway

        async def broken() -> tuple[SessionRow, ...]:
            raise KeyError("sessionId")

        gateway.live.tables.live_sessions = broken  # type: ignore[method-assign]
        await gateway.deletions.erase(OTHER, 0)
        sweeping = asyncio.create_task(gateway.sweeper.run())
        await asyncio.sleep((AGAIN_AFTER_MS / 1000) + 2 * SWEEP_EVERY_S)
        assert not sweeping.done()
        assert await gateway.needs.rooms.deletions() == ()
        assert errors(gateway.metrics, "sweep") >= 6
        sweeping.cancel()
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_an_answer_that_one_session_cannot_take_reaches_the_others(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        told: list[str] = []

        def on_settled(settled: Settled) -> Sequence[SessionControl]:
            if settled.session_id == SESSION:
                raise ValueError("cannot be told")
            told.append(settled.session_id)
            return ()

        metrics = Metrics()
        writer = RecordWriter(
            Stream([], Faults()),
            PutQueue(deadline_ms=30_000, fraction=lambda: 0.0),
            on_settled,
            now_ms=lambda: 0,
            metrics=metrics,
            room_bytes=1 << 20,
        )
        writer.start()
        for session_id in (SESSION, OTHER):
            writer.add(AudioChunk(session_id, 0, 0, 1, 1, b"\0\0"))
        assert await writer.drain(5)
        await asyncio.sleep(1)
        assert told == [OTHER]
        assert errors(metrics, "record-writer") == 1
        await writer.close()

    run_virtual(run())
