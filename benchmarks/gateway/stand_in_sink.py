"""In place of Kinesis: answers after a simulated time and notes how old each chunk then is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.gateway.chunk_stamp import sent_ns
from benchmarks.gateway.histogram import Histogram
from connectors.interfaces.record_sink import SinkRecord


class StandInSink:
    """``until_put``: from sent by the speaker until the call began; ``until_durable``: until its
    answer. Nothing is kept of the records, so that the memory seen is the program's."""

    def __init__(self, answer_ms: float) -> None:
        self._answer_s = answer_ms / 1000
        self.until_put = Histogram()
        self.until_durable = Histogram()
        self.calls = 0
        self.records = 0

    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        called_ns = time.monotonic_ns()
        self.calls += 1
        self.records += len(records)
        await asyncio.sleep(self._answer_s)
        answered_ns = time.monotonic_ns()
        for record in records:
            at_ns = sent_ns(record.data)
            if at_ns is not None:
                self.until_put.add((called_ns - at_ns) / 1e6)
                self.until_durable.add((answered_ns - at_ns) / 1e6)
        return (None,) * len(records)

    async def close(self) -> None:
        pass
