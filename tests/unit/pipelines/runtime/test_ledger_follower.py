"""How far the ledger covers what a reader of panes has read, as it asks the ledger itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from beam_flink_kit.loops import VirtualLoop
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.ledger import Ledger
from connectors.memory.ledger import MemoryLedger
from connectors.testing.connectors import scripted_connectors
from pipelines.runtime import record_engine
from pipelines.runtime.record_engine import LedgerFollower
from pipelines.session.coverage import Coverage
from pipelines.session.outbox import coverage_of
from pipelines.session.records import Place, ReadRecord
from pipelines.session.takeover import fence
from schemas.values import ControlKind, EntryKind, LedgerEntry, LedgerHead, Route
from tests.unit.pipelines.session.records_of import SESSION, START_MS, LogOf

pytestmark = pytest.mark.unit

CHUNK = bytes(2 * 1_600)
"""100 ms."""
OTHER = "quiet-river-123"
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


@pytest.fixture(autouse=True)
def _ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setattr(record_engine, "ASK_EVERY_S", 0.0)


class Followed:
    """A follower at work, and the ledger that it asks."""

    def __init__(self, *, raw: bool = False, ledger: Ledger | None = None) -> None:
        made = scripted_connectors(lambda: START_MS)
        self._connectors = made if ledger is None else replace(made, ledger=ledger)
        self.ledger = self._connectors.ledger
        self.takeovers = 0
        self.follower = LedgerFollower(self._connectors, raw=raw, taken_over=self._taken_over)

    def _taken_over(self) -> None:
        self.takeovers += 1

    def read(self, *records: ReadRecord, session_id: str = SESSION) -> None:
        for record in records:
            self.follower.note(session_id, record)

    async def asked(self) -> list[Place]:
        """What is not covered, or not to be passed, once the ledger has been asked."""
        asking = asyncio.create_task(self.follower.run())
        await some_rounds()
        asking.cancel()
        return self.oldest()

    def oldest(self) -> list[Place]:
        return [*self.follower.oldest_open().values()]


async def some_rounds() -> None:
    for _ in range(40):
        await asyncio.sleep(0)


def open_after(entry: LedgerEntry, records: list[ReadRecord], *, raw: bool) -> list[Place]:
    """What is not covered once the follower has asked for what the ledger holds."""

    async def followed() -> list[Place]:
        at = Followed(raw=raw)
        await at.ledger.commit(entry)
        at.read(*records)
        assert at.oldest() == [records[0].place]
        return await at.asked()

    return asyncio.run(followed())


def test_chunks_are_covered_by_their_numbers(records: list[ReadRecord]) -> None:
    assert open_after(ENTRY, records, raw=False) == [records[2].place]


def test_raw_pcm_is_covered_by_its_place_in_the_log(records: list[ReadRecord]) -> None:
    entry = replace(ENTRY, resume_record=records[1].place.number)
    assert open_after(entry, records, raw=True) == [records[1].place]


def test_raw_pcm_of_version_1_is_covered_by_its_time_of_arrival(records: list[ReadRecord]) -> None:
    """A session that the first edition covered to its end keeps no mark back."""
    entry = replace(ENTRY, epoch=START_MS, version=1)
    assert open_after(entry, records, raw=True) == [records[2].place]
    assert open_after(entry, records[:2], raw=True) == []


def test_what_is_covered_while_a_talk_goes_on_counts_no_more() -> None:
    """Something of a session is open all the time; that is all that bounds what is read."""

    async def followed() -> None:
        log, at = LogOf(), Followed()
        at.read(log.chunk(0, 0, CHUNK), log.chunk(0, 1, CHUNK))
        for number in range(5):
            end = 2 * number + 2
            at.read(log.chunk(0, end, CHUNK), log.chunk(0, end + 1, CHUNK))
            await at.ledger.commit(
                replace(ENTRY, number=number, resume_sequence=end, captured_at_ms=number)
            )
            await at.asked()
            assert at.follower.size_bytes == 2 * len(CHUNK)

    asyncio.run(followed())


def test_a_record_that_is_read_again_counts_once(records: list[ReadRecord]) -> None:
    at = Followed()
    at.read(*records)
    at.read(*records)
    assert at.follower.size_bytes == 3 * len(CHUNK)


def test_a_head_that_cannot_be_read_harms_no_other_session(records: list[ReadRecord]) -> None:
    async def followed() -> None:
        at = Followed()
        await at.ledger.save_head(LedgerHead(SESSION, 0, "not a summary"))
        at.read(records[0])
        asking = asyncio.create_task(at.follower.run())
        await some_rounds()
        await at.ledger.commit(replace(ENTRY, session_id=OTHER))
        log = LogOf("shard-1")
        at.read(log.chunk(0, 0, CHUNK), log.chunk(0, 1, CHUNK), session_id=OTHER)
        await some_rounds()
        asking.cancel()
        assert at.oldest() == [records[0].place]

    asyncio.run(followed())


def test_a_ledger_that_is_away_for_a_moment_is_asked_again(
    records: list[ReadRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away(MemoryLedger):
        calls = 0

        async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
            self.calls += 1
            if self.calls == 1:
                raise RetryableError("scripted: away")
            return await super().after(session_id, number)

    monkeypatch.setattr(record_engine, "ASK_EVERY_S", 2.0)
    loop, at = VirtualLoop(), Followed(ledger=Away())
    loop.advance(START_MS)
    loop.wait(loop.start(at.ledger.commit(ENTRY)))
    at.read(*records[:2])
    following = loop.start(at.follower.run())
    loop.advance(START_MS + 3_900)
    assert at.oldest() == [], "within this round"
    following.cancel()
    loop.stop()


# What is owed -------------------------------------------------------------------------------------

ROUTED = replace(ENTRY, routes=(Route("es", None, True),))


def test_a_session_that_owes_an_outcome_keeps_its_newest_record() -> None:
    """All is covered, the end too; a job that is restarted there meets the session once more."""

    async def followed() -> None:
        log, at = LogOf(), Followed()
        at.read(log.chunk(0, 0, CHUNK), log.chunk(0, 1, CHUNK))
        end = log.control(ControlKind.END, 0, 1)
        at.read(end, log.control(ControlKind.LISTENERS, languages=("es",)))
        await at.ledger.commit(ROUTED)
        assert await at.asked() == [end.place]
        assert at.follower.size_bytes == 0
        coverage = coverage_of(Coverage(), [ROUTED])
        await at.ledger.save_head(LedgerHead(SESSION, 0, coverage.to_text()))
        assert await at.asked() == []
        assert len(at.follower) == 0

    asyncio.run(followed())


def test_a_session_with_an_open_sentence_keeps_its_newest_record(
    records: list[ReadRecord],
) -> None:
    async def followed() -> None:
        at = Followed()
        at.read(*records[:2])
        await at.ledger.commit(replace(ENTRY, sentence=0))
        assert await at.asked() == [records[1].place]
        closing = replace(ENTRY, number=1, sentence=0, ends_sentence=True, text="")
        await at.ledger.commit(closing)
        assert await at.asked() == []

    asyncio.run(followed())


def test_listeners_alone_are_not_followed() -> None:
    at = Followed()
    at.read(LogOf().control(ControlKind.LISTENERS, languages=("es",)))
    assert len(at.follower) == 0


# Who owns it --------------------------------------------------------------------------------------


def fence_after(number: int, writer: str) -> LedgerEntry:
    coverage = Coverage(last_number=number)
    return fence(SESSION, coverage, writer=writer, generation=1, now_ms=START_MS)


def test_a_session_that_another_process_takes_over_is_read_again(
    records: list[ReadRecord],
) -> None:
    """The panes that the former owner had not committed are nowhere but in the log."""

    async def followed() -> None:
        at = Followed()
        at.read(*records)
        await at.asked()
        await at.ledger.commit(fence_after(-1, "w"))
        await at.ledger.commit(replace(ENTRY, number=1, resume_sequence=1))
        await at.asked()
        assert at.takeovers == 0, "the first owner gets all of it"
        await at.ledger.commit(fence_after(1, "another"))
        await at.asked()
        assert at.takeovers == 1
        await at.ledger.commit(replace(ENTRY, number=3, writer="another"))
        await at.asked()
        assert at.takeovers == 1

    asyncio.run(followed())
