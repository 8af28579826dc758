"""A sink in memory that can be told to fail as Kinesis does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.interfaces.record_sink import SinkRecord

Script = Callable[[int, Sequence[SinkRecord]], Sequence[str | None]]
"""(number of the call from 0, its records) -> a failure code or None for each; it may raise."""


def all_stored(_call: int, records: Sequence[SinkRecord]) -> Sequence[str | None]:
    return [None] * len(records)


class MemoryRecordSink:
    """``stored`` holds what became durable, in order; ``calls`` counts attempts."""

    def __init__(self, script: Script = all_stored) -> None:
        self.script = script
        self.stored: list[SinkRecord] = []
        self.calls = 0

    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        call = self.calls
        self.calls += 1
        answers = tuple(self.script(call, records))
        self.stored.extend(
            record for record, code in zip(records, answers, strict=True) if code is None
        )
        return answers

    async def close(self) -> None:
        pass
