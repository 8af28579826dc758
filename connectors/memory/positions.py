"""Positions in memory, for tests and bounded runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.interfaces.positions import ShardPosition, SupersededError


@dataclass(slots=True)
class _Job:
    """``rows``: by key, each with the generation that wrote it."""

    claimed: int = 0
    rows: dict[str, tuple[ShardPosition, int]] = field(
        default_factory=dict[str, tuple[ShardPosition, int]]
    )


class MemoryPositions:
    """Holds positions as long as the object lives."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}

    async def claim(self, job_name: str) -> int:
        job = self._jobs.setdefault(job_name, _Job())
        job.claimed += 1
        return job.claimed

    async def load(self, job_name: str) -> dict[str, ShardPosition]:
        job = self._jobs.get(job_name, _Job())
        return {key: position for key, (position, _) in job.rows.items()}

    async def save(
        self, job_name: str, positions: tuple[ShardPosition, ...], generation: int
    ) -> None:
        rows = self._jobs.setdefault(job_name, _Job()).rows
        refused: list[str] = []
        for position in positions:
            standing = rows.get(position.shard_id)
            if standing is not None and standing[1] > generation:
                refused.append(position.shard_id)
            else:
                rows[position.shard_id] = (position, generation)
        if refused:
            raise SupersededError(f"generation {generation} is not the newest of {refused[0]}")

    async def forget(self, job_name: str, shard_ids: tuple[str, ...]) -> None:
        job = self._jobs.get(job_name, _Job())
        for shard_id in shard_ids:
            job.rows.pop(shard_id, None)

    async def close(self) -> None:
        """Nothing is held open."""
