"""A watch over web servers: a job that asks each of them, every few seconds, whether it is up.

A server that hangs delays neither the others' reports nor a checkpoint, and is not asked again
before it has answered: its name is the call's id. This package's README says how to start it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import TaggedOutput

from beam_flink_kit.async_calls import CallPolicy
from beam_flink_kit.async_dofn import AsyncDoFn, CallAsync
from beam_flink_kit.call_scope import PlainCallScope, PlainScopeSettings
from beam_flink_kit.clock import LIVE_OPTIONS, LiveClock
from beam_flink_kit.held_tick import HeldTick
from beam_flink_kit.process_scope import ScopedDoFn
from beam_flink_kit.ticks import TICK, Tick
from beam_flink_kit.typed_outputs import typed


class Report(NamedTuple):
    site: str
    at_ms: int
    status: str  # HTTP's, or the name of what went wrong


async def http_status(site: str) -> int:
    reader, writer = await asyncio.open_connection(*site.rsplit(":", 1))
    writer.write(f"HEAD / HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


@dataclass(frozen=True)
class AskSite:
    status: Callable[[str], Awaitable[int]] = http_status
    stage: str = "ask_site"

    def call_id(self, item: str) -> str:
        return item

    async def answers(self, item: str, at: PlainCallScope) -> AsyncIterator[Report]:
        status = await self.status(item)
        yield Report(item, at.loop.now_ms(), str(status))

    def failed(self, item: str, error: Exception, at: PlainCallScope) -> Iterator[Report]:
        yield Report(item, at.loop.now_ms(), type(error).__name__)


class NameSites(ScopedDoFn[PlainCallScope], beam.DoFn):
    """A tick in; the sites, whenever they are due, and ticks for the step that asks them."""

    def __init__(self, sites: Sequence[str], every_ticks: int, settings: PlainScopeSettings):
        self.settings, self._sites, self._every_ticks = settings, tuple(sites), every_ticks

    def setup(self) -> None:
        super().setup()
        self._held = HeldTick(self.scope.bell)

    def process(self, element: int, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        if element % self._every_ticks == 0:
            yield from self._sites
        for _ in self._held.until_due(timestamp.micros // 1000):
            yield TaggedOutput("ticks", TICK)


def watch(clock: Any, name: NameSites, ask: AskSite) -> beam.PCollection[Report]:
    naming: Any = beam.ParDo(name)
    named = clock | "Name" >> naming.with_output_types(str).with_outputs("ticks", main="m")
    typed(named, ticks=Tick)
    asking = AsyncDoFn(ask, name.settings, policy=CallPolicy(deadline_s=10, expected=(OSError,)))
    return (named.m | "Ask" >> CallAsync(asking, Report, named.ticks)).main


def append(report: Report, file: str) -> None:
    with Path(file).open("a") as lines:
        lines.write(f"{report.at_ms} {report.site} {report.status}\n")


def main(expansion_service: str, file: str, sites: str, *beams_own: str) -> None:
    pipeline = beam.Pipeline(options=PipelineOptions([*LIVE_OPTIONS, *beams_own]))
    clock = pipeline | "Clock" >> LiveClock(expansion_service, tick_ms=100)
    name = NameSites(sites.split(","), every_ticks=20, settings=PlainScopeSettings(linger_s=300))
    _ = watch(clock, name, AskSite()) | "Write" >> beam.Map(append, file)
    pipeline.run()


if __name__ == "__main__":
    from beam_flink_kit.examples import site_watch  # workers know its classes by this name

    site_watch.main(*sys.argv[1:])
