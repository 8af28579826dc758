"""Writes whose answer is lost on the way back: through a proxy that cuts the connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from connectors.amazon_clients import AwsClients
from connectors.amazon_ledger import AmazonLedger
from connectors.errors import RetryableError
from schemas.values import EntryKind, LedgerEntry

pytestmark = pytest.mark.integration

ENTRY = LedgerEntry(
    session_id="joyful-mountain-789",
    number=0,
    epoch=0,
    kind=EntryKind.SPEECH,
    first_sample=0,
    end_sample=48_000,
    text="so it is",
    language="en",
    captured_at_ms=1_990_000_000_000,
    committed_at_ms=1_990_000_004_000,
    writer="own",
    resume_sample=40_000,
    resume_sequence=10,
    resume_sequence_sample=40_000,
)


@dataclass(slots=True)
class Wire:
    """Between client and local cloud. ``lose_answers``/``lose_requests``: how many of the next
    requests have their connection cut, behind or before the cloud has done them."""

    cloud_port: int
    endpoint_url: str = ""
    lose_answers: int = 0
    lose_requests: int = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_cloud = await asyncio.open_connection("127.0.0.1", self.cloud_port)
        ways = {
            asyncio.create_task(self._requests(reader, to_cloud)),
            asyncio.create_task(self._answers(upstream, writer)),
        }
        _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in left:
            way.cancel()
        for end in (writer, to_cloud):
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()

    async def _requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if self.lose_requests:
                self.lose_requests -= 1
                return
            sink.write(data)

    async def _answers(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            if self.lose_answers:
                self.lose_answers -= 1
                return
            sink.write(data)


@pytest.fixture
async def wire(aws_clients: AwsClients) -> AsyncIterator[Wire]:
    wire = Wire(int(str(aws_clients.settings.endpoint_url).rpartition(":")[2]))
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    wire.endpoint_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield wire


@pytest.fixture
async def ledger(aws_clients: AwsClients, wire: Wire) -> AsyncIterator[AmazonLedger]:
    clients = AwsClients(replace(aws_clients.settings, endpoint_url=wire.endpoint_url))
    yield AmazonLedger(clients)
    await clients.close()


async def test_a_commit_whose_answer_is_lost_is_read_back(ledger: AmazonLedger, wire: Wire) -> None:
    wire.lose_answers = 1
    assert await ledger.commit(ENTRY) == ENTRY
    assert wire.lose_answers == 0
    assert await ledger.after(ENTRY.session_id, -1) == (ENTRY,)


async def test_it_loses_to_a_winner_all_the_same(ledger: AmazonLedger, wire: Wire) -> None:
    winner = replace(ENTRY, writer="other", text="so be it")
    await ledger.commit(winner)
    wire.lose_answers = 1
    assert await ledger.commit(ENTRY) == winner


async def test_a_commit_that_never_arrived_may_be_tried_again(
    ledger: AmazonLedger, wire: Wire
) -> None:
    wire.lose_requests = 1
    with pytest.raises(RetryableError):
        await ledger.commit(ENTRY)
    assert await ledger.commit(ENTRY) == ENTRY


async def test_while_nothing_can_be_known_nothing_is_claimed(
    ledger: AmazonLedger, wire: Wire
) -> None:
    """The write stands, its answer and the reading back are lost: a retry finds it as its own."""
    wire.lose_answers = 2
    with pytest.raises(RetryableError):
        await ledger.commit(ENTRY)
    assert await ledger.commit(replace(ENTRY, writer="late")) == ENTRY
