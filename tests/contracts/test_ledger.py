"""The suite every ledger passes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import replace

import pytest

from connectors.amazon_clients import AwsClients
from connectors.amazon_ledger import AmazonLedger
from connectors.errors import PermanentError
from connectors.ledger import Ledger
from connectors.memory_ledger import MemoryLedger
from schemas.values import EntryKind, LedgerEntry, Route

pytestmark = pytest.mark.contract

SESSION = "joyful-mountain-789"


def entry(number: int, *, session_id: str = SESSION, writer: str = "first") -> LedgerEntry:
    return LedgerEntry(
        session_id=session_id,
        number=number,
        epoch=2,
        kind=EntryKind.SPEECH,
        first_sample=48_000 * number,
        end_sample=48_000 * (number + 1),
        text="así es",
        language="en",
        captured_at_ms=1_790_000_000_000 + 3_000 * number,
        committed_at_ms=1_790_000_004_000 + 3_000 * number,
        writer=writer,
        resume_sample=48_000 * number + 40_000,
        resume_sequence=12 * number + 10,
        resume_sequence_sample=48_000 * number + 39_000,
    )


class LedgerContract(ABC):
    @pytest.fixture
    @abstractmethod
    def ledger(self) -> Ledger: ...

    async def test_a_free_number_is_the_writers(self, ledger: Ledger) -> None:
        assert await ledger.commit(entry(0)) == entry(0)
        assert await ledger.after(SESSION, -1) == (entry(0),)

    async def test_a_taken_number_keeps_the_first_write(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0, writer="first"))
        late = replace(entry(0, writer="second"), text="other", end_sample=16_000)
        assert await ledger.commit(late) == entry(0, writer="first")
        assert await ledger.last(SESSION) == entry(0, writer="first")

    async def test_committing_again_is_no_loss(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0))
        assert await ledger.commit(entry(0)) == entry(0)

    async def test_of_writers_at_once_exactly_one_wins(self, ledger: Ledger) -> None:
        writers = [f"writer-{index}" for index in range(20)]
        stands = await asyncio.gather(
            *(ledger.commit(entry(5, writer=writer)) for writer in writers)
        )
        winners = {stood.writer for stood in stands}
        assert len(winners) == 1
        assert winners <= set(writers)
        assert (await ledger.after(SESSION, -1))[0].writer in winners

    async def test_everything_of_an_entry_comes_back(self, ledger: Ledger) -> None:
        routed = replace(entry(1), routes=(Route("es", None), Route("ca", 0)))
        silence = replace(entry(2), kind=EntryKind.SILENCE, text="", routes=())
        gap = replace(
            entry(3),
            kind=EntryKind.GAP,
            text="",
            end_sample=entry(3).first_sample,
            gap_from_sequence=36,
            gap_until_sequence=40,
        )
        for written in (routed, silence, gap):
            await ledger.commit(written)
        assert await ledger.after(SESSION, 0) == (routed, silence, gap)

    async def test_entries_come_in_the_order_of_their_numbers(self, ledger: Ledger) -> None:
        for number in (10, 2, 0, 9, 1):
            await ledger.commit(entry(number))
        await ledger.commit(entry(3, session_id="other-river-1"))
        assert [found.number for found in await ledger.after(SESSION, 1)] == [2, 9, 10]
        assert await ledger.last(SESSION) == entry(10)

    async def test_a_long_session_comes_whole(self, ledger: Ledger) -> None:
        """More than one page: DynamoDB answers with 1 MB at a time."""
        long_text = "x" * 30_000
        written = tuple(replace(entry(number), text=long_text) for number in range(60))
        await asyncio.gather(*(ledger.commit(one) for one in written))
        assert await ledger.after(SESSION, -1) == written

    async def test_an_unknown_session_is_empty(self, ledger: Ledger) -> None:
        assert await ledger.after("nobody-1", -1) == ()
        assert await ledger.last("nobody-1") is None

    async def test_routes_are_set_once(self, ledger: Ledger) -> None:
        await ledger.commit(entry(4))
        first = (Route("es", 2), Route("fr", None))
        assert await ledger.set_routes(SESSION, 4, first) == first
        assert await ledger.set_routes(SESSION, 4, (Route("ca", 3),)) == first
        assert await ledger.last(SESSION) == replace(entry(4), routes=first)

    async def test_no_routes_are_a_decision_too(self, ledger: Ledger) -> None:
        await ledger.commit(entry(4))
        assert await ledger.set_routes(SESSION, 4, ()) == ()
        assert await ledger.set_routes(SESSION, 4, (Route("ca", 3),)) == ()

    async def test_routes_need_an_entry(self, ledger: Ledger) -> None:
        with pytest.raises(PermanentError):
            await ledger.set_routes(SESSION, 7, (Route("es", None),))
        assert await ledger.after(SESSION, -1) == ()


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> Ledger:
        return MemoryLedger()


class TestAmazonLedger(LedgerContract):
    @pytest.fixture
    def ledger(self, aws_clients: AwsClients) -> Ledger:
        return AmazonLedger(aws_clients)

    async def test_a_row_expires_a_day_after_its_words(
        self, ledger: Ledger, aws_clients: AwsClients
    ) -> None:
        await ledger.commit(entry(0))
        dynamodb = await aws_clients.dynamodb()
        row = await dynamodb.get_item(
            TableName=aws_clients.settings.names.utterances_table,
            Key={"sessionId": {"S": SESSION}, "sequenceNumber": {"N": "0"}},
        )
        assert row.get("Item", {}).get("expiresAt") == {"N": str(1_790_000_004 + 86_400)}
