"""Steps 5 to 7 as one slow call: each language is translated, voiced and published by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines.transforms.calls import CallOptions, RunCalls
from pipelines.transforms.publish import PublishClip
from pipelines.transforms.synthesize import SynthesizeTranslation
from pipelines.transforms.translate import TranslateUtterance
from pipelines.worker.calls import CallHandler, CallSite, answered
from schemas.values import DeadLetter, Outcome, RoutedUtterance


class Deliver(beam.PTransform[Any, Any]):
    """RoutedUtterance -> main: Outcome, one per language; dead_letters. In a bounded run: live it
    is part of ``serve_sessions``."""

    def __init__(self, options: CallOptions) -> None:
        super().__init__()
        self._options = options

    def expand(self, routed: beam.PCollection[RoutedUtterance]) -> Any:
        return routed | "Delivery calls" >> RunCalls(
            delivery(), RoutedUtterance, Outcome, self._options, None
        )


def delivery() -> Chained:
    """The ``CallHandler`` of all three: of a RoutedUtterance, to an Outcome per language."""
    return Chained(TranslateUtterance(), Chained(SynthesizeTranslation(), PublishClip()))


@dataclass(frozen=True, slots=True)
class Chained:
    """A ``CallHandler``: what ``first`` answers with is an item of ``then``, each at once.

    Dead letters of either are answers. A call counts as one until all of it is done: a job that is
    restarted begins it again at its beginning.
    """

    first: CallHandler[Any, Any]
    then: CallHandler[Any, Any]

    @property
    def stage(self) -> str:
        return self.first.stage

    def call_id(self, item: Any) -> str:
        return self.first.call_id(item)

    async def answers(self, item: Any, at: CallSite) -> AsyncIterator[Any]:
        out: asyncio.Queue[tuple[Any] | None] = asyncio.Queue()
        running = asyncio.create_task(self._run(item, at, out))
        try:
            while (answer := await out.get()) is not None:
                yield answer[0]
            await running
        finally:
            running.cancel()

    def failed(self, item: Any, error: Exception, at: CallSite) -> Iterable[Any]:
        return [one for one in self.first.failed(item, error, at) if isinstance(one, DeadLetter)]

    async def _run(self, item: Any, at: CallSite, out: asyncio.Queue[tuple[Any] | None]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                async for value in answered(self.first, item, at):
                    if isinstance(value, DeadLetter):
                        out.put_nowait((value,))
                    else:
                        group.create_task(self._go_on(value, at, out))
        finally:
            out.put_nowait(None)

    async def _go_on(self, value: Any, at: CallSite, out: asyncio.Queue[tuple[Any] | None]) -> None:
        async for answer in answered(self.then, value, at):
            out.put_nowait((answer,))
