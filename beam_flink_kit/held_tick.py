"""How a step hands on what gets ready between two ticks: it keeps the tick for a while.

In a graph whose clock ticks every 100 ms, an answer waits 50 ms in the mean for the next tick, at
each step that it passes. Ticking every 25 ms instead costs a quarter of a core to half a core on
Flink, for every tick is a bundle. A *held tick* costs nearly nothing: the step that speaks for the
process (the one that reads a stream, say) stays in ``process`` for 60 to 80 ms of the 100, and each
time something is ready it hands on its own results and a ``TICK`` for the steps after it. An
answer is then handed on about 10 ms after it came.

What to know before holding one:

* Elements that a DoFn yields pass through the steps of its own *fused* stage at once. What leaves
  the stage waits until the bundle ends. Hold where the steps after are fused, and keep nothing in
  Beam's state there, or Beam ends the stage.
* Flink takes a checkpoint between bundles: it waits for a held tick, so for ``hold_ms`` at most.
* Small bundles are needed anyway: ``--max_bundle_size`` and ``--max_bundle_time_mills`` of some
  10 ms, or Flink collects ticks and delivers a second's worth together.
* After an outage ticks come in a burst. A late tick is not held, so that the burst is over soon.
* Several keys of one tick arrive one after the other at the same instance: only the last of them
  may be held, and it speaks for all (``is_last_key``).
* Several instances of a DoFn can live in one process. Each hears every ring; none takes it from
  another.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from beam_flink_kit.loops import WorkerLoop

COALESCE_S = 0.005


class Bell:
    """Rung when something is ready to be handed on; several rings within 5 ms are one, since each
    costs a thread switch and a pass through the graph."""

    def __init__(self, loop: WorkerLoop) -> None:
        self.loop = loop
        self._rung = threading.Condition()
        self._rings = 0
        self._is_due = False

    @property
    def rings(self) -> int:
        """How often it has rung: the listeners remember what they have heard."""
        return self._rings

    def ring(self) -> None:
        """From any thread, after what is ready can be taken."""
        if self._is_due:
            return
        if self.loop.is_virtual:
            self._ring()
            return
        self._is_due = True
        self.loop.call_later(COALESCE_S, self._ring)

    def _ring(self) -> None:
        self._is_due = False  # before listeners wake: what gets ready from now on rings again
        with self._rung:
            self._rings += 1
            self._rung.notify_all()

    def wait(self, heard: int, timeout_s: float) -> None:
        """Until it has rung more often than ``heard``."""
        with self._rung:
            self._rung.wait_for(lambda: self._rings != heard, timeout_s)


class HeldTick:
    """Of one DoFn instance: made in ``setup``. ``tick_ms`` is the clock's period.

    ::

        def process(self, element, timestamp=beam.DoFn.TimestampParam):
            key, tick = element
            ...
            if self._held.is_last_key(key, tick):
                for _ in self._held.until_due(timestamp.micros // 1000):
                    yield from self._ready()           # of all keys of this instance
                    yield TaggedOutput("ticks", TICK)  # for the AsyncDoFns after this step
    """

    def __init__(
        self, bell: Bell, *, tick_ms: int = 100, hold_ms: int = 70, late_ms: int = 40
    ) -> None:
        if hold_ms >= tick_ms:
            raise ValueError(
                f"hold_ms {hold_ms} must be less than tick_ms {tick_ms}: ticks pile up"
            )
        self._bell = bell
        self._hold_s = hold_ms / 1000
        self._latest_ms = tick_ms + late_ms
        self._heard = -1  # the first tick hands on whatever there is
        self._tick_of_key: dict[str, int] = {}

    def is_last_key(self, key: str, tick: int) -> bool:
        """Whether all keys that came with recent ticks have come with this one. A key that stays
        away for three ticks (Flink has given it to another worker) is forgotten."""
        ticks = self._tick_of_key
        ticks[key] = tick
        for other in [each for each, last in ticks.items() if last < tick - 3]:
            del ticks[other]
        return all(last >= tick for last in ticks.values())

    def until_due(self, tick_at_ms: int) -> Iterator[None]:
        """Once for what is ready already, then each time that something gets ready, until the tick
        has been held for long enough. ``tick_at_ms``: the tick's own (event) time.

        In virtual time nothing is held: what is due by the tick happens first, and it is repeated
        until nothing more gets ready, so that a chain of steps is passed within one tick.
        """
        loop = self._bell.loop
        loop.advance(tick_at_ms)
        if loop.is_virtual:
            while self._is_rung():
                yield
            return
        late_s = (loop.now_ms() - tick_at_ms) / 1000
        until_s = loop.now_s() + min(self._hold_s, self._latest_ms / 1000 - late_s)
        if self._is_rung():
            yield
        while (left_s := until_s - loop.now_s()) > 0:
            self._bell.wait(self._heard, left_s)
            if self._is_rung():
                yield

    def _is_rung(self) -> bool:
        rings = self._bell.rings
        is_new = rings != self._heard
        self._heard = rings
        return is_new
