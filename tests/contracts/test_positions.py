"""The suite that every table of positions passes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import pytest

from connectors.amazon_clients import AwsClients
from connectors.amazon_positions import AmazonPositions
from connectors.memory_positions import MemoryPositions
from connectors.positions import Positions, ShardPosition

pytestmark = pytest.mark.contract

FIRST = ShardPosition("shardId-000000000000", "4" * 56, 1_990_000_000_000)
SECOND = ShardPosition("shardId-000000000001", "5" * 56, 1_990_000_000_500)


class PositionsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def positions(self) -> Positions: ...

    async def test_a_job_that_never_ran_has_none(self, positions: Positions) -> None:
        await positions.save("another", (FIRST,))
        assert await positions.load("live") == {}

    async def test_what_is_saved_is_loaded(self, positions: Positions) -> None:
        await positions.save("live", (FIRST, SECOND))
        assert await positions.load("live") == {
            FIRST.shard_id: FIRST,
            SECOND.shard_id: SECOND,
        }

    async def test_a_later_save_moves_its_shards_only(self, positions: Positions) -> None:
        await positions.save("live", (FIRST, SECOND))
        later = replace(SECOND, sequence_number="6" * 56, read_through_ms=1_990_000_005_000)
        await positions.save("live", (later,))
        assert await positions.load("live") == {FIRST.shard_id: FIRST, SECOND.shard_id: later}

    async def test_saving_nothing_changes_nothing(self, positions: Positions) -> None:
        await positions.save("live", (FIRST,))
        await positions.save("live", ())
        assert await positions.load("live") == {FIRST.shard_id: FIRST}

    async def test_jobs_keep_apart(self, positions: Positions) -> None:
        other = replace(FIRST, sequence_number="9")
        await positions.save("live", (FIRST,))
        await positions.save("replay", (other,))
        assert await positions.load("live") == {FIRST.shard_id: FIRST}
        assert await positions.load("replay") == {FIRST.shard_id: other}


class TestMemoryPositions(PositionsContract):
    @pytest.fixture
    def positions(self) -> Positions:
        return MemoryPositions()


class TestAmazonPositions(PositionsContract):
    @pytest.fixture
    def positions(self, aws_clients: AwsClients) -> Positions:
        return AmazonPositions(aws_clients)
