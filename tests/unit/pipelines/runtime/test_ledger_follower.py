"""How far the ledger covers what a reader of panes has read, as it asks the ledger itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from connectors.memory.ledger import MemoryLedger
from pipelines.runtime import record_engine
from pipelines.runtime.record_engine import LedgerFollower
from pipelines.session.records import Place, ReadRecord
from schemas.values import EntryKind, LedgerEntry
from tests.unit.pipelines.session.records_of import SESSION, START_MS, LogOf

pytestmark = pytest.mark.unit

CHUNK = bytes(2 * 1_600)
"""100 ms."""
ENTRY = LedgerEntry(
    session_id=SESSION,
    number=0,
    epoch=0,
    kind=EntryKind.SPEECH,
    first_sample=0,
    end_sample=3_200,
    text="so",
    language="en",
    captured_at_ms=START_MS,
    committed_at_ms=START_MS + 500,
    writer="w",
    resume_sample=3_200,
    resume_sequence=2,
    resume_sequence_sample=3_200,
)


@pytest.fixture
def records() -> list[ReadRecord]:
    log = LogOf()
    return [log.chunk(0, at, CHUNK, at_ms=START_MS + 100 * at) for at in range(3)]


def open_after(
    entry: LedgerEntry, records: list[ReadRecord], monkeypatch: pytest.MonkeyPatch, *, raw: bool
) -> list[Place]:
    """What is not covered once the follower has asked for what the ledger holds."""
    monkeypatch.setattr(record_engine, "ASK_EVERY_S", 0.0)

    async def followed() -> list[Place]:
        ledger = MemoryLedger()
        await ledger.commit(entry)
        follower = LedgerFollower(ledger, raw=raw)
        for record in records:
            follower.note(SESSION, record)
        assert [*follower.oldest_open().values()] == [records[0].place]
        asking = asyncio.create_task(follower.run())
        for _ in range(5):
            await asyncio.sleep(0)
        asking.cancel()
        return [*follower.oldest_open().values()]

    return asyncio.run(followed())


def test_chunks_are_covered_by_their_numbers(
    records: list[ReadRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_after(ENTRY, records, monkeypatch, raw=False) == [records[2].place]


def test_raw_pcm_is_covered_by_its_place_in_the_log(
    records: list[ReadRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = replace(ENTRY, resume_record=records[1].place.number)
    assert open_after(entry, records, monkeypatch, raw=True) == [records[1].place]


def test_raw_pcm_of_version_1_is_covered_by_its_time_of_arrival(
    records: list[ReadRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that the first edition covered to its end keeps no mark back."""
    entry = replace(ENTRY, epoch=START_MS, version=1)
    assert open_after(entry, records, monkeypatch, raw=True) == [records[2].place]
    assert open_after(entry, records[:2], monkeypatch, raw=True) == []
