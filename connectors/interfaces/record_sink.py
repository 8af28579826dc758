"""Where the gateway puts records so that they are durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_RECORDS_PER_CALL = 500
MAX_BYTES_PER_CALL = 5_000_000
"""Kinesis takes 5 MiB of data and partition keys; a little is left for keys of many bytes."""
MAX_RECORD_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class SinkRecord:
    partition_key: str
    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data) + len(self.partition_key.encode())


class RecordSink(Protocol):
    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        """One attempt; for each record None when it is durable, or the code of its failure.

        A record may be durable though the call raised RetryableError: its answer was lost.
        UnsentError, ThrottledError: nothing was taken. PermanentError: these records can never be
        put.
        """
        ...

    async def close(self) -> None: ...
