"""Writes whose answer is lost on the way back: through a proxy that cuts the connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from connectors.amazon.positions import AmazonPositions
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.positions import ShardPosition
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, LedgerHead

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
OUTCOME = FixedOutcome("es", "así es", None, 1_990_000_004_500)
POSITION = ShardPosition("shardId-000000000000/0", "4" * 56, 1_990_000_000_000)


@dataclass(slots=True)
class Wire:
    """Between client and local cloud. ``lose_answers``/``lose_requests``: how many of the next
    requests have their connection cut, after or before the cloud has done them;
    ``keep_answers``: how many answers come through before any is lost."""

    cloud_port: int
    endpoint_url: str = ""
    lose_answers: int = 0
    lose_requests: int = 0
    keep_answers: int = 0

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
            begins = data.startswith(b"HTTP/")  # the rest of an answer may come apart from it
            if begins and self.keep_answers:
                self.keep_answers -= 1
            elif begins and self.lose_answers:
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
async def wired(aws_clients: AwsClients, wire: Wire) -> AsyncIterator[AwsClients]:
    clients = AwsClients(replace(aws_clients.settings, endpoint_url=wire.endpoint_url))
    yield clients
    await clients.close()


@pytest.fixture
def ledger(wired: AwsClients) -> AmazonLedger:
    return AmazonLedger(wired)


@pytest.fixture
def positions(wired: AwsClients) -> AmazonPositions:
    return AmazonPositions(wired)


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


async def test_an_outcome_whose_answer_is_lost_stands_for_the_retry(
    ledger: AmazonLedger, wire: Wire
) -> None:
    await ledger.commit(ENTRY)
    wire.lose_answers = 1
    with pytest.raises(RetryableError):
        await ledger.fix(ENTRY.session_id, 0, OUTCOME)
    assert wire.lose_answers == 0
    assert (await ledger.after(ENTRY.session_id, -1))[0].outcomes == (OUTCOME,)
    retried = replace(OUTCOME, text="eso es", fixed_at_ms=OUTCOME.fixed_at_ms + 3_000)
    assert await ledger.fix(ENTRY.session_id, 0, retried) == OUTCOME


@pytest.mark.parametrize("answers_before", [0, 1])
async def test_of_version_1_either_of_two_answers_may_be_lost(
    ledger: AmazonLedger, wire: Wire, answers_before: int
) -> None:
    """The first says that there are no outcomes to add to, the second that they are written."""
    await ledger.commit(replace(ENTRY, version=1))
    wire.keep_answers, wire.lose_answers = answers_before, 1
    with pytest.raises(RetryableError):
        await ledger.fix(ENTRY.session_id, 0, OUTCOME)
    written = (await ledger.after(ENTRY.session_id, -1))[0].outcomes
    assert written == ((OUTCOME,) if answers_before else ())
    retried = replace(OUTCOME, text="eso es")
    assert await ledger.fix(ENTRY.session_id, 0, retried) == (OUTCOME if written else retried)


async def test_an_outcome_that_never_arrived_may_be_fixed_again(
    ledger: AmazonLedger, wire: Wire
) -> None:
    await ledger.commit(ENTRY)
    wire.lose_requests = 1
    with pytest.raises(RetryableError):
        await ledger.fix(ENTRY.session_id, 0, OUTCOME)
    assert await ledger.after(ENTRY.session_id, -1) == (ENTRY,)
    late = replace(OUTCOME, text="eso es")
    assert await ledger.fix(ENTRY.session_id, 0, late) == late


@pytest.mark.parametrize("is_written", [False, True])
async def test_a_head_whose_answer_is_lost_may_be_saved_again(
    ledger: AmazonLedger, wire: Wire, is_written: bool
) -> None:
    earlier = LedgerHead(ENTRY.session_id, 3, "earlier")
    later = LedgerHead(ENTRY.session_id, 5, "later")
    await ledger.save_head(earlier)
    wire.lose_answers, wire.lose_requests = int(is_written), int(not is_written)
    with pytest.raises(RetryableError):
        await ledger.save_head(later)
    assert await ledger.head(ENTRY.session_id) == (later if is_written else earlier)
    await ledger.save_head(later)
    assert await ledger.head(ENTRY.session_id) == later


async def test_a_claim_whose_answer_is_lost_is_handed_out_to_nobody(
    positions: AmazonPositions, wire: Wire
) -> None:
    wire.lose_answers = 1
    with pytest.raises(RetryableError):
        await positions.claim("live")
    assert await positions.claim("live") == 2


async def test_a_position_whose_answer_is_lost_may_be_saved_again(
    positions: AmazonPositions, wire: Wire
) -> None:
    wire.lose_answers = 1
    with pytest.raises(RetryableError):
        await positions.save("live", (POSITION,), 1)
    assert await positions.load("live") == {POSITION.shard_id: POSITION}
    await positions.save("live", (POSITION,), 1)
    assert await positions.load("live") == {POSITION.shard_id: POSITION}
