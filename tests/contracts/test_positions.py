"""The suite that every table of positions passes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.positions import AmazonPositions
from connectors.interfaces.positions import Positions, ShardPosition, SupersededError
from connectors.memory.positions import MemoryPositions
from tests.contracts import first_edition

pytestmark = pytest.mark.contract

FIRST = ShardPosition("shardId-000000000000", "4" * 56, 1_990_000_000_000)
SECOND = ShardPosition("shardId-000000000001", "5" * 56, 1_990_000_000_500)


class PositionsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def positions(self) -> Positions: ...

    async def test_a_job_that_never_ran_has_none(self, positions: Positions) -> None:
        await positions.save("another", (FIRST,), 1)
        assert await positions.load("live") == {}

    async def test_what_is_saved_is_loaded(self, positions: Positions) -> None:
        await positions.save("live", (FIRST, SECOND), 1)
        assert await positions.load("live") == {
            FIRST.shard_id: FIRST,
            SECOND.shard_id: SECOND,
        }

    async def test_a_later_save_moves_its_shards_only(self, positions: Positions) -> None:
        await positions.save("live", (FIRST, SECOND), 1)
        later = replace(SECOND, sequence_number="6" * 56, read_through_ms=1_990_000_005_000)
        await positions.save("live", (later,), 1)
        assert await positions.load("live") == {FIRST.shard_id: FIRST, SECOND.shard_id: later}

    async def test_saving_nothing_changes_nothing(self, positions: Positions) -> None:
        await positions.save("live", (FIRST,), 1)
        await positions.save("live", (), 1)
        assert await positions.load("live") == {FIRST.shard_id: FIRST}

    async def test_jobs_keep_apart(self, positions: Positions) -> None:
        other = replace(FIRST, sequence_number="9")
        await positions.save("live", (FIRST,), 1)
        await positions.save("replay", (other,), 1)
        assert await positions.load("live") == {FIRST.shard_id: FIRST}
        assert await positions.load("replay") == {FIRST.shard_id: other}

    async def test_generations_rise(self, positions: Positions) -> None:
        assert [await positions.claim("live") for _ in range(3)] == [1, 2, 3]
        assert await positions.claim("replay") == 1

    async def test_claims_at_once_are_different(self, positions: Positions) -> None:
        claimed = await asyncio.gather(*(positions.claim("live") for _ in range(10)))
        assert sorted(claimed) == list(range(1, 11))

    async def test_a_claim_is_no_position(self, positions: Positions) -> None:
        await positions.claim("live")
        assert await positions.load("live") == {}
        await positions.save("live", (FIRST,), 1)
        assert await positions.load("live") == {FIRST.shard_id: FIRST}
        assert await positions.claim("live") == 2

    async def test_an_older_generation_is_refused(self, positions: Positions) -> None:
        await positions.save("live", (FIRST,), 2)
        with pytest.raises(SupersededError):
            await positions.save("live", (replace(FIRST, sequence_number="9"),), 1)
        assert await positions.load("live") == {FIRST.shard_id: FIRST}

    async def test_equal_and_greater_generations_are_not(self, positions: Positions) -> None:
        await positions.save("live", (FIRST,), 2)
        for generation, sequence_number in ((2, "8"), (10, "9")):
            later = replace(FIRST, sequence_number=sequence_number)
            await positions.save("live", (later,), generation)
            assert await positions.load("live") == {FIRST.shard_id: later}
        with pytest.raises(SupersededError):
            await positions.save("live", (FIRST,), 9)

    async def test_rows_are_refused_each_for_itself(self, positions: Positions) -> None:
        await positions.save("live", (FIRST,), 2)
        late = replace(FIRST, sequence_number="9")
        with pytest.raises(SupersededError):
            await positions.save("live", (late, SECOND), 1)
        assert await positions.load("live") == {FIRST.shard_id: FIRST, SECOND.shard_id: SECOND}

    async def test_another_job_has_generations_of_its_own(self, positions: Positions) -> None:
        await positions.save("live", (FIRST,), 2)
        await positions.save("replay", (FIRST,), 1)
        assert await positions.load("replay") == {FIRST.shard_id: FIRST}

    async def test_what_is_forgotten_is_gone(self, positions: Positions) -> None:
        await positions.save("live", (FIRST, SECOND), 2)
        await positions.save("replay", (FIRST,), 1)
        await positions.forget("live", (FIRST.shard_id, "shardId-000000000009"))
        assert await positions.load("live") == {SECOND.shard_id: SECOND}
        assert await positions.load("replay") == {FIRST.shard_id: FIRST}
        await positions.save("live", (FIRST,), 1)  # nothing stands in its way any more
        assert await positions.load("live") == {FIRST.shard_id: FIRST, SECOND.shard_id: SECOND}

    async def test_forgetting_nothing_changes_nothing(self, positions: Positions) -> None:
        await positions.save("live", (FIRST,), 1)
        await positions.forget("live", ())
        await positions.forget("another", (FIRST.shard_id,))
        assert await positions.load("live") == {FIRST.shard_id: FIRST}

    async def test_forgetting_counts_on(self, positions: Positions) -> None:
        """Whatever is forgotten, no generation is handed out twice."""
        await positions.claim("live")
        await positions.save("live", (FIRST,), 1)
        await positions.forget("live", tuple(await positions.load("live")))
        assert await positions.claim("live") == 2


class TestMemoryPositions(PositionsContract):
    @pytest.fixture
    def positions(self) -> Positions:
        return MemoryPositions()


class Rows:
    """The table of positions as it lies in the local cloud."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._table = clients.settings.names.positions_table

    async def put(self, item: dict[str, Any]) -> None:
        dynamodb = await self._clients.dynamodb()
        await dynamodb.put_item(TableName=self._table, Item=item)

    async def of_job(self, job_name: str) -> dict[str, dict[str, Any]]:
        dynamodb = await self._clients.dynamodb()
        answer = await dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="jobName = :job",
            ExpressionAttributeValues={":job": {"S": job_name}},
        )
        return {item["shardId"]["S"]: dict(item) for item in answer["Items"]}


class TestAmazonPositions(PositionsContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("positions_table",)

    @pytest.fixture
    def positions(self, aws_clients: AwsClients) -> Positions:
        return AmazonPositions(aws_clients)

    @pytest.fixture
    def rows(self, aws_clients: AwsClients) -> Rows:
        return Rows(aws_clients)

    async def test_positions_expire_and_the_counter_does_not(
        self, positions: Positions, rows: Rows
    ) -> None:
        await positions.claim("live")
        await positions.save("live", (FIRST,), 1)
        found = await rows.of_job("live")
        assert found[FIRST.shard_id]["expiresAt"] == {"N": str(1_990_000_000 + 8 * 86_400)}
        assert set(found) == {FIRST.shard_id, "generation"}
        assert "expiresAt" not in found["generation"]

    async def test_rows_of_9bc5d6e_are_of_no_generation(
        self, positions: Positions, rows: Rows
    ) -> None:
        await rows.put(first_edition.written_position("live", FIRST))
        assert await positions.load("live") == {FIRST.shard_id: FIRST}
        later = replace(FIRST, sequence_number="9")
        await positions.save("live", (later,), 0)
        assert await positions.load("live") == {FIRST.shard_id: later}

    async def test_9bc5d6e_goes_on_from_rows_of_today(
        self, positions: Positions, rows: Rows
    ) -> None:
        """After a rollback: it reads every row and is not led astray by the one that counts."""
        mine = replace(FIRST, shard_id=f"{FIRST.shard_id}/3")
        await positions.claim("live")
        await positions.save("live", (mine,), 1)
        read = {
            name: first_edition.read_position(row)
            for name, row in (await rows.of_job("live")).items()
        }
        assert set(read) == {mine.shard_id, "generation"}
        assert first_edition.saved_position(read, FIRST.shard_id) == mine.sequence_number
        assert first_edition.saved_position(read, SECOND.shard_id) == ""
        assert first_edition.read_through(read, 3) == mine.read_through_ms

    async def test_after_a_rollback_generations_go_on(
        self, positions: Positions, rows: Rows
    ) -> None:
        """The job of 9bc5d6e overwrote the row and its generation; the counter stands."""
        assert await positions.claim("live") == 1
        await positions.save("live", (FIRST,), 1)
        await rows.put(first_edition.written_position("live", replace(FIRST, sequence_number="8")))
        assert await positions.claim("live") == 2
        later = replace(FIRST, sequence_number="9")
        await positions.save("live", (later,), 2)
        assert await positions.load("live") == {FIRST.shard_id: later}
