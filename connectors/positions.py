"""How far a named job has read each shard, outside Flink's state.

A job that starts without its state resumes from here. The job writes positions that are old
enough for everything before them to be in the ledger (docs/decisions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ShardPosition:
    """Everything up to ``sequence_number`` is done (``@`` and a time in ms: reading began there
    and no record is done); ``read_through_ms``: arrival time up to which
    the shard was read when this was written (equal to the writing time at the tip)."""

    shard_id: str
    sequence_number: str
    read_through_ms: int


class Positions(Protocol):
    async def load(self, job_name: str) -> dict[str, ShardPosition]:
        """By shard id; empty when the job never ran."""
        ...

    async def save(self, job_name: str, positions: tuple[ShardPosition, ...]) -> None: ...

    async def close(self) -> None: ...
