"""From where a named job has to read each shard, outside Flink's state.

A position is a *low-water mark*: everything up to it is in the ledger, by whichever engine. That
stays true for ever, so that of two positions the further one may be taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from connectors.interfaces.errors import PermanentError


class SupersededError(PermanentError):
    """A newer run of the job owns the row: the caller has been replaced, and is to stop."""


@dataclass(frozen=True, slots=True)
class ShardPosition:
    """Everything up to ``sequence_number`` is in the ledger (``@`` and a time in ms: reading began
    at that time of arrival, and no record is covered; empty: at the shard's beginning).
    ``shard_id``: the row's key, a shard and the reader that read it. ``read_through_ms``: arrival
    time up to which the shard had been read when this was written, for people who look."""

    shard_id: str
    sequence_number: str
    read_through_ms: int


class Positions(Protocol):
    async def claim(self, job_name: str) -> int:
        """A generation for a reader that begins without state: greater than all that were handed
        out for this job name before, from 1."""
        ...

    async def load(self, job_name: str) -> dict[str, ShardPosition]:
        """By row key; empty when the job never ran."""
        ...

    async def save(
        self, job_name: str, positions: tuple[ShardPosition, ...], generation: int
    ) -> None:
        """SupersededError: a row was written by a greater generation; the others are written."""
        ...

    async def forget(self, job_name: str, shard_ids: tuple[str, ...]) -> None:
        """Delete rows, such as those of readers and shards that are no more."""
        ...

    async def close(self) -> None: ...
