"""Positions in memory, for tests and bounded runs."""

from __future__ import annotations

from connectors.positions import ShardPosition


class MemoryPositions:
    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, ShardPosition]] = {}

    async def load(self, job_name: str) -> dict[str, ShardPosition]:
        return dict(self._jobs.get(job_name, {}))

    async def save(self, job_name: str, positions: tuple[ShardPosition, ...]) -> None:
        job = self._jobs.setdefault(job_name, {})
        for position in positions:
            job[position.shard_id] = position

    async def close(self) -> None:
        """Nothing is held open."""
