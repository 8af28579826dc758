"""Step x: what could not be done, and why, goes where somebody can look at it for a day."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

import apache_beam as beam

from connectors.policy import call
from pipelines.transforms.calls import CallOptions, RunCalls
from pipelines.worker.calls import CallSite
from schemas.values import DeadLetter

_log = logging.getLogger(__name__)

EVERY_TICKS = 8
"""Nobody waits for a dead letter."""


class SendDeadLetters(beam.PTransform[Any, Any]):
    """DeadLetter -> str, the keys that were sent."""

    def __init__(self, options: CallOptions, ticks: beam.PCollection[int] | None = None) -> None:
        super().__init__()
        self._options = options
        self._ticks = ticks

    def expand(self, letters: beam.PCollection[DeadLetter]) -> Any:
        calls: Any = letters | "Letter calls" >> RunCalls(
            SendDeadLetter(), DeadLetter, str, self._options, self._ticks, EVERY_TICKS
        )
        return calls.main


class SendDeadLetter:
    stage = "dead_letter"

    def call_id(self, item: DeadLetter) -> str:
        return f"{item.stage}/{item.key}/{item.at_ms}"

    async def answers(self, item: DeadLetter, at: CallSite) -> AsyncIterator[str]:
        await call(
            at.connectors.policies.dead_letter, lambda: at.connectors.dead_letters.send(item)
        )
        yield item.key

    def failed(self, item: DeadLetter, error: Exception, at: CallSite) -> Iterable[str]:
        _log.error("dead letter %s lost: %s", item.key, type(error).__name__)
        return ()
