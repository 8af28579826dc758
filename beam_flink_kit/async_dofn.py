"""A slow call in a DoFn that never waits: an item begins it, a tick hands its answers on.

A DoFn that waits for a call of a second holds its bundle, every element after it, and the next
checkpoint. A timer per key collapses at a thousand keys. Here ``process`` puts the item into the
process's event loop and returns; what has been answered is handed on whenever a ``TICK`` flows
through. The README of this package says how to build a graph with it, and what it costs.

What to know before using it:

* *Every process that begins calls must get ticks*, and in the same stage. Make items and ticks come
  from the same step (a held tick, ``held_tick``), or send ticks by the keys that items have.
* *Answers wait in the process*, not in the DoFn: Beam keeps several instances of each and tears
  down those that are idle for a minute. Any instance hands on what any other began, and carries the
  timestamp and window of the tick. Settings with ``linger_s`` outlive an outage of the clock.
* *Nothing is kept in Beam's state*, so that Beam fuses the step with its neighbours. After a
  restart the calls in flight are gone: the source offers again what has no outcome, and the service
  that is called recognises what was done already. An item whose call is in flight or whose answers
  wait is not begun again (``call_id``).
* *No exception of a handler fails the bundle*; on Flink a failing bundle restarts the whole job.
* Ticks are a PCollection of their own, flattened into each step's input: outputs stay typed. (With
  ticks among the outputs, Beam's sampling of element sizes fails on the output's coder; the input
  has a type and a coder for both, ``typed_outputs.ItemOrTick``.)
* A handler that blocks (``time.sleep``, a synchronous client) blocks all calls of the process: use
  ``asyncio.to_thread``.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from beam_flink_kit.async_calls import Answer, CallHandler, CallPolicy, LostCall
from beam_flink_kit.call_scope import CallScope
from beam_flink_kit.loops import TimeMode
from beam_flink_kit.process_scope import ScopedDoFn, ScopeSettings
from beam_flink_kit.step_metrics import StepMetrics
from beam_flink_kit.ticks import TICK, Tick
from beam_flink_kit.typed_outputs import ItemOrTick, typed

_log = logging.getLogger(__name__)

DEAD_LETTERS = "dead_letters"


Route = type | Callable[[Any], bool]


class AsyncDoFn(ScopedDoFn[CallScope[Any]], beam.DoFn):
    """In: the handler's items, and ``TICK``. Out: its answers, after their ticks.

    ``tagged``: which answers go to which tagged output, by type or by a predicate; the first that
    holds counts, and the rest are the main output. ``dead_letter``: makes what goes to
    ``dead_letters`` of an item that has no outcome at all. All three travel to the workers: they
    are picklable.

    A bounded run (``TimeMode.INLINE``) has no ticks: ``process`` waits for its call.
    """

    def __init__(
        self,
        handler: CallHandler[Any, Any, Any],
        settings: ScopeSettings[CallScope[Any]],
        *,
        policy: CallPolicy | None = None,
        tagged: Mapping[str, Route] | None = None,
        dead_letter: Callable[[LostCall], Any] | None = None,
    ) -> None:
        self.settings = settings
        self.tags: tuple[str, ...] = tuple(dict.fromkeys([*(tagged or {}), DEAD_LETTERS]))
        self._handler = handler
        self._policy = policy or CallPolicy()
        self._tagged = tuple((tagged or {}).items())
        self._dead_letter = dead_letter
        self._step_id = uuid.uuid4().hex
        types = {tag: route for tag, route in self._tagged if isinstance(route, type)}
        lost = LostCall if dead_letter is None else Any
        self.tag_types: dict[str, Any] = {DEAD_LETTERS: lost, **types}

    def display_data(self) -> dict[str, Any]:
        return {
            "stage": self._handler.stage,
            "most_in_flight": self._policy.most_in_flight,
            "attempts": self._policy.attempts,
            "deadline_s": self._policy.deadline_s,
        }

    def setup(self) -> None:
        super().setup()
        scope, stage = self.scope, self._handler.stage
        self._is_inline = scope.time_mode is TimeMode.INLINE
        self._calls = scope.calls.of_step(
            self._step_id, self._handler, scope.call_site(), self._policy
        )
        self._metrics = StepMetrics(stage)
        self._hand_on_ms = Metrics.distribution(stage, "hand_on_ms")
        self._call_ms = Metrics.distribution(stage, "call_ms")
        self._waiting = Metrics.gauge(stage, "waiting")
        self._in_flight = Metrics.gauge(stage, "in_flight")
        self._unroutable = Metrics.counter(stage, "unroutable")

    def process(self, element: Any, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        if element is TICK:
            self.scope.loop.advance(timestamp.micros // 1000)
            yield from self._handed_on(self._calls.take())
        elif self._is_inline:
            self._metrics.taken()
            yield from self._handed_on(iter(self._calls.run(element)))
        else:
            self._metrics.taken()
            self._calls.begin(element)

    def finish_bundle(self) -> None:
        """Beam's metrics can be changed in a bundle's thread only: the loop counts for itself."""
        stage = self._handler.stage
        for name, count in self._calls.unreported():
            Metrics.counter(stage, name).inc(count)
        for call_ms in self._calls.take_call_ms():
            self._call_ms.update(call_ms)
        self._waiting.set(self._calls.waiting)
        self._in_flight.set(self._calls.in_flight)

    def _handed_on(self, answers: Iterator[Answer]) -> Iterator[Any]:
        now_s = self.scope.loop.now_s
        for answer in answers:
            try:
                routed = self._routed(answer)
            except Exception as error:  # of ``tagged`` or ``dead_letter``: a bug, but not the job's
                self._unroutable.inc()
                _log.error(
                    "%s: an answer has no output: %s", self._handler.stage, type(error).__name__
                )
                continue
            self._hand_on_ms.update(round((now_s() - answer.ready_s) * 1000))
            self._metrics.handed_on((now_s() - answer.taken_s) * 1000)
            yield routed

    def _routed(self, answer: Answer) -> Any:
        value = answer.value
        if answer.is_lost:
            letter = value if self._dead_letter is None else self._dead_letter(value)
            return TaggedOutput(DEAD_LETTERS, letter)
        for tag, route in self._tagged:
            if isinstance(value, route) if isinstance(route, type) else route(value):
                return TaggedOutput(tag, value)
        return value


class CallAsync(beam.PTransform[Any, Any]):
    """items -> ``main`` and the DoFn's tags, among them ``dead_letters``.

    ``output_type``: of ``main``, of which Beam takes the coder. ``ticks`` None: a bounded run.
    """

    def __init__(
        self, dofn: AsyncDoFn, output_type: Any, ticks: beam.PCollection[Tick] | None = None
    ) -> None:
        super().__init__()
        self._dofn = dofn
        self._output_type = output_type
        self._ticks = ticks

    def display_data(self) -> dict[str, Any]:
        return self._dofn.display_data()

    def expand(self, items: Any) -> Any:
        dofn, item_type = self._dofn, items.element_type
        if self._ticks is not None:
            items = (items, self._ticks) | "Items and ticks" >> beam.Flatten()
            items.element_type = ItemOrTick(item_type)
        call: Any = beam.ParDo(dofn)
        called = items | "Call" >> call.with_output_types(self._output_type).with_outputs(
            *dofn.tags, main="main"
        )
        # What goes to a tag by a predicate is of the same type as the main output.
        return typed(
            called, **{tag: dofn.tag_types.get(tag, self._output_type) for tag in dofn.tags}
        )
