"""How a step makes slow calls without holding its bundle.

Live, calls run beside the bundles. The step's keys are a fixed number of partitions; a partition's
state remembers the items in flight, the worker's registry holds their running calls, and a tick
collects the answers. Bounded runs wait for each call instead. (docs/decisions/0005)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec

from pipelines.coders import ValueCoder
from pipelines.core.partitions import partition_of, ticked_partitions
from pipelines.worker.calls import CallHandler, CallSite, run_to_end
from pipelines.worker.process import Worker, WorkerDoFn, WorkerSettings
from schemas.values import DeadLetter

DEAD_LETTERS = "dead_letters"
RECONCILE_EVERY_MS = 2_000


@dataclass(frozen=True, slots=True)
class CallOptions:
    """``partitions``: keys of the live form, fixed for the life of the state."""

    settings: WorkerSettings
    partitions: int = 4


class RunCalls(beam.PTransform[Any, Any]):
    """items -> main: the handler's answers; dead_letters: those that are DeadLetter.

    ``ticks`` None: the bounded form. ``every_ticks``: how often answers are looked for.
    """

    def __init__(
        self,
        handler: CallHandler[Any, Any],
        item_type: type,
        output_type: type,
        options: CallOptions,
        ticks: beam.PCollection[int] | None,
        every_ticks: int = 1,
    ) -> None:
        super().__init__()
        self._handler = handler
        self._item_coder = ValueCoder(item_type)
        self._output_type = output_type
        self._options = options
        self._ticks = ticks
        self._every_ticks = every_ticks

    def expand(self, items: Any) -> Any:
        if self._ticks is None:
            dofn: Any = CallAndWait(self._handler, self._options.settings)
            return items | "Call" >> beam.ParDo(dofn).with_output_types(
                self._output_type
            ).with_outputs(DEAD_LETTERS, main="main")
        handler, coder, partitions = self._handler, self._item_coder, self._options.partitions

        def keyed(item: Any) -> tuple[str, bytes]:
            return partition_of(handler.call_id(item), partitions), coder.encode(item)

        every_ticks = self._every_ticks

        def ticked(tick: int) -> Iterator[tuple[str, bytes]]:
            for partition in ticked_partitions(tick, every_ticks, partitions):
                yield partition, b""

        keyed_items = items | "Partition items" >> beam.Map(keyed).with_output_types(
            tuple[str, bytes]
        )
        ticks = self._ticks | "Partition ticks" >> beam.FlatMap(ticked).with_output_types(
            tuple[str, bytes]
        )
        return (
            (keyed_items, ticks)
            | "Items and ticks" >> beam.Flatten()
            | "Call"
            >> beam.ParDo(DrainCalls(handler, coder, self._options.settings))
            .with_output_types(self._output_type)
            .with_outputs(DEAD_LETTERS, main="main")
        )


class CallAndWait(WorkerDoFn, beam.DoFn):
    def __init__(self, handler: CallHandler[Any, Any], settings: WorkerSettings) -> None:
        self.settings = settings
        self._handler = handler

    def process(self, element: Any) -> Iterator[Any]:
        loop = self.worker.loop
        at = CallSite(self.worker.connectors, loop, self.worker.ahead)
        for value in loop.wait(loop.start(run_to_end(self._handler, element, at))):
            yield _tagged(value)


class CallsInFlight:
    """The slow calls of one step, for a DoFn whose state remembers them: ``in_flight`` is that bag,
    of encoded items, under the same key."""

    def __init__(self, handler: CallHandler[Any, Any], coder: ValueCoder, worker: Worker) -> None:
        self._handler = handler
        self._coder = coder
        self._worker = worker
        self._at = CallSite(worker.connectors, worker.loop, worker.ahead)
        self._reconciled_at_ms: dict[str, int] = {}

    def begin(self, partition: str, item: Any, in_flight: Any) -> None:
        in_flight.add(self._coder.encode(item))
        self._submit(partition, item)

    def tick(self, partition: str, in_flight: Any) -> Iterator[Any]:
        """The answers that have come; dead letters are tagged."""
        if self._worker.calls.has_answers(self._slot(partition)):
            yield from self._collect(partition, in_flight)
        self._reconcile(partition, in_flight)

    def _slot(self, partition: str) -> tuple[str, str]:
        return self._handler.stage, partition

    def _submit(self, partition: str, item: Any) -> None:
        self._worker.calls.submit(self._slot(partition), self._handler, item, self._at)

    def _collect(self, partition: str, in_flight: Any) -> Iterator[Any]:
        remembered = self._remembered(in_flight)
        finished: set[str] = set()
        for answer in self._worker.calls.collect(self._slot(partition)):
            if answer.call_id not in remembered:
                continue  # of a past that the job has gone back behind
            if answer.finished:
                finished.add(answer.call_id)
            else:
                yield _tagged(answer.value)
        if finished:
            in_flight.clear()
            for call_id, encoded in remembered.items():
                if call_id not in finished:
                    in_flight.add(encoded)

    def _reconcile(self, partition: str, in_flight: Any) -> None:
        """Make the registry run what the state remembers, and nothing else."""
        now_ms = self._worker.loop.now_ms()
        if now_ms - self._reconciled_at_ms.get(partition, 0) < RECONCILE_EVERY_MS:
            return
        self._reconciled_at_ms[partition] = now_ms
        remembered = self._remembered(in_flight)
        known = self._worker.calls.known(self._slot(partition))
        self._worker.calls.drop(self._slot(partition), known - remembered.keys())
        for call_id, encoded in remembered.items():
            if call_id not in known:
                self._submit(partition, self._coder.decode(encoded))

    def _remembered(self, in_flight: Any) -> dict[str, bytes]:
        return {
            self._handler.call_id(self._coder.decode(encoded)): encoded
            for encoded in in_flight.read()
        }


class DrainCalls(WorkerDoFn, beam.DoFn):
    """Elements are (partition, encoded item) or (partition, empty): a tick."""

    IN_FLIGHT = BagStateSpec("in_flight", BytesCoder())

    def __init__(
        self, handler: CallHandler[Any, Any], coder: ValueCoder, settings: WorkerSettings
    ) -> None:
        self.settings = settings
        self._handler = handler
        self._coder = coder

    def setup(self) -> None:
        super().setup()
        self._calls = CallsInFlight(self._handler, self._coder, self.worker)

    def process(
        self,
        element: tuple[str, bytes],
        timestamp: Any = beam.DoFn.TimestampParam,
        in_flight: Any = beam.DoFn.StateParam(IN_FLIGHT),
    ) -> Iterator[Any]:
        partition, encoded = element
        if encoded:
            self._calls.begin(partition, self._coder.decode(encoded), in_flight)
        else:
            self.worker.loop.advance(timestamp.micros // 1000)
            yield from self._calls.tick(partition, in_flight)


def _tagged(value: Any) -> Any:
    return TaggedOutput(DEAD_LETTERS, value) if isinstance(value, DeadLetter) else value
