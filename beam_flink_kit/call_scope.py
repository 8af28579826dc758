"""What a worker process keeps for its slow calls, and what a job adds to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from beam_flink_kit.async_calls import AsyncCalls
from beam_flink_kit.held_tick import Bell
from beam_flink_kit.loops import TimeMode, WorkerLoop, loop_for

At_co = TypeVar("At_co", covariant=True)


class CallScope(Protocol[At_co]):
    """What ``AsyncDoFn`` needs of its process's object (``process_scope``)."""

    @property
    def time_mode(self) -> TimeMode: ...

    @property
    def loop(self) -> WorkerLoop: ...

    @property
    def calls(self) -> AsyncCalls: ...

    def call_site(self) -> At_co:
        """What handlers are given as ``at``: clients, clocks, caches of the process."""
        ...

    def close(self) -> None: ...


class PlainCallScope:
    """A loop and calls, for handlers that need nothing else. A job that keeps clients has a class
    of its own with these four attributes, and closes its clients between calls and loop."""

    def __init__(self, time_mode: TimeMode) -> None:
        self.time_mode = time_mode
        self.loop = loop_for(time_mode)
        self.bell = Bell(self.loop)
        self.calls = AsyncCalls(self.bell)

    def call_site(self) -> PlainCallScope:
        return self

    def close(self) -> None:
        self.calls.close()
        self.loop.stop()


@dataclass(frozen=True, slots=True)
class PlainScopeSettings:
    time_mode: TimeMode = TimeMode.LIVE
    linger_s: float = 0.0
    name: str = ""
    """Makes equal settings two: a process of its own for each test, say."""

    def build(self) -> PlainCallScope:
        return PlainCallScope(self.time_mode)
