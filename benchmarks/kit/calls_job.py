"""A job that makes calls of one second, for ``benchmarks.kit.latency``: by the kit, and without it.

Every item is one call; the file says when it was made, answered and handed on.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from beam_flink_kit.async_calls import CallPolicy
from beam_flink_kit.async_dofn import AsyncDoFn, CallAsync
from beam_flink_kit.call_scope import PlainCallScope
from beam_flink_kit.clock import LIVE_OPTIONS, LiveClock
from beam_flink_kit.held_tick import HeldTick
from beam_flink_kit.loops import TimeMode
from beam_flink_kit.process_scope import ScopedDoFn
from beam_flink_kit.ticks import TICK, as_tick

CALL_S = 1.0
WARM_UP_S = 22.0
"""The pool has its next worker import Beam 15 s after it gave one away."""
PAUSE_S = 3.0
"""Between two rates: the calls of the first end meanwhile."""
TICK_MS = 100
MAKE_EVERY_S = 0.01


class Way(StrEnum):
    """How the calls are made."""

    HELD_TICK = "AsyncDoFn, held tick"
    PLAIN_TICK = "AsyncDoFn, plain tick"
    THREADS = "threads, the bundle waits"
    BLOCKING = "one after the other"


class Item(NamedTuple):
    rate: int
    number: int
    made_s: float


class Answer(NamedTuple):
    rate: int
    made_s: float
    ready_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """``rates``: calls a second, one after the other, each for ``each_s``."""

    way: Way
    rates: tuple[int, ...]
    each_s: float
    file: str
    linger_s: float = 300.0

    def build(self) -> Feed:
        return Feed(self)

    def to_text(self) -> str:
        return json.dumps(asdict(self))


def plan_of(text: str) -> Plan:
    found = json.loads(text)
    rates = tuple(int(rate) for rate in found["rates"])
    return Plan(Way(found["way"]), rates, found["each_s"], found["file"])


class Feed(PlainCallScope):
    """Makes the items, as something outside would: evenly, whatever the job does with them."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(TimeMode.LIVE)
        self.items: deque[Item] = deque()
        self._plan = plan
        self.loop.start(self._make())

    async def _make(self) -> None:
        await asyncio.sleep(WARM_UP_S)
        for rate in self._plan.rates:
            began_s, made = time.monotonic(), 0
            while made < rate * self._plan.each_s:
                due = min(int((time.monotonic() - began_s) * rate), int(rate * self._plan.each_s))
                if due > made:
                    now_s = time.time()
                    self.items.extend(Item(rate, number, now_s) for number in range(made, due))
                    made = due
                    self.bell.ring()
                await asyncio.sleep(MAKE_EVERY_S)
            await asyncio.sleep(PAUSE_S)


class Source(ScopedDoFn[Feed], beam.DoFn):
    def __init__(self, plan: Plan) -> None:
        self.settings = plan
        self._hold_ms = 70 if plan.way is Way.HELD_TICK else 0

    def setup(self) -> None:
        super().setup()
        self._held = HeldTick(self.scope.bell, hold_ms=self._hold_ms)

    def process(self, element: int, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        items = self.scope.items
        for _ in self._held.until_due(timestamp.micros // 1000):
            for _ in range(len(items)):
                yield items.popleft()
            yield TaggedOutput("ticks", TICK)


@dataclass(frozen=True)
class Wait:
    stage: str = "wait"

    def call_id(self, item: Item) -> str:
        return f"{item.rate}/{item.number}"

    async def answers(self, item: Item, at: Feed) -> AsyncIterator[Answer]:
        await asyncio.sleep(CALL_S)
        yield Answer(item.rate, item.made_s, time.time())

    def failed(self, item: Item, error: Exception, at: Feed) -> tuple[Answer, ...]:
        return ()


def wait_here(item: Item) -> Answer:
    """The same call, made by a client that blocks."""
    time.sleep(CALL_S)
    return Answer(item.rate, item.made_s, time.time())


class WaitInThreads(beam.DoFn):
    """What one does first: calls run together, and the bundle ends when all of them have."""

    def setup(self) -> None:
        self._threads = ThreadPoolExecutor(1_000)

    def start_bundle(self) -> None:
        self._calls: list[tuple[Future[Answer], Any]] = []

    def process(self, element: Item, timestamp: Any = beam.DoFn.TimestampParam) -> None:
        self._calls.append((self._threads.submit(wait_here, element), timestamp))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for call, timestamp in self._calls:
            yield WindowedValue(call.result(), timestamp, (GlobalWindow(),))

    def teardown(self) -> None:
        self._threads.shutdown(wait=False)


class Write(beam.DoFn):
    """A line for each answer: rate, when it was made, when it was ready, when it got here."""

    def __init__(self, file: str) -> None:
        self._file = file

    def start_bundle(self) -> None:
        self._lines: list[str] = []
        self._written_s = time.monotonic()

    def process(self, element: Answer) -> None:
        self._lines.append(f"{element.rate} {element.made_s} {element.ready_s} {time.time()}\n")
        if time.monotonic() - self._written_s > 0.5:
            self.finish_bundle()

    def finish_bundle(self) -> None:
        if self._lines:
            with Path(self._file).open("a") as file:
                file.writelines(self._lines)
            self._lines, self._written_s = [], time.monotonic()


def main(expansion_service: str, plan_text: str, *beams_own: str) -> None:
    plan = plan_of(plan_text)
    pipeline = beam.Pipeline(options=PipelineOptions([*LIVE_OPTIONS, *beams_own]))
    clock = pipeline | "Clock" >> LiveClock(expansion_service, tick_ms=TICK_MS)
    source: Any = beam.ParDo(Source(plan)).with_output_types(Item)
    made = clock | "Make" >> source.with_outputs("ticks", main="items")
    if plan.way in (Way.HELD_TICK, Way.PLAIN_TICK):
        dofn = AsyncDoFn(Wait(), plan, policy=CallPolicy(most_in_flight=5_000))
        ticks = made.ticks | "Ticks" >> beam.Map(as_tick)
        answers = (made.items | "Call" >> CallAsync(dofn, Answer, ticks)).main
    elif plan.way is Way.THREADS:
        answers = made.items | "Call" >> beam.ParDo(WaitInThreads()).with_output_types(Answer)
    else:
        answers = made.items | "Call" >> beam.Map(wait_here).with_output_types(Answer)
    _ = answers | "Write" >> beam.ParDo(Write(plan.file))
    pipeline.run()
