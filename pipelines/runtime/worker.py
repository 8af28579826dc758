"""The one object a worker process keeps: its loop, its connections, its engines, its calls.

DoFns share it by their settings (``beam_flink_kit.process_scope``): Beam may run several DoFns, and
several instances of each, in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from beam_flink_kit.async_calls import AsyncCalls
from beam_flink_kit.held_tick import Bell
from beam_flink_kit.interpreter_settings import shorten_thread_switches, tune_garbage_collection
from beam_flink_kit.loops import TimeMode, WorkerLoop, loop_for
from connectors.registry import Connectors
from pipelines.log.shards import SavedMarks
from pipelines.runtime.engine import Engine
from pipelines.runtime.reading_engine import ReadingEngine
from pipelines.runtime.release_runs import ReleaseRuns
from pipelines.runtime.session_host import SessionHost
from pipelines.runtime.session_shell import SessionTools
from pipelines.runtime.speculation import SpeculativeDelivery
from pipelines.runtime.warm_up import WarmUp
from pipelines.sentences.settings import ReleaseSettings
from schemas.values import FixedOutcome

T = TypeVar("T")

LINGER_S = 120.0
"""Beam tears idle DoFns down after a minute; engines and calls of a live job outlive that."""


class ConnectorFactory(Protocol):
    """Picklable and hashable: it travels to the workers inside the DoFns."""

    def build(self) -> Connectors: ...


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What makes two DoFns share a worker: equal settings."""

    connectors: ConnectorFactory
    time: TimeMode = TimeMode.LIVE
    speculates: bool = False
    release: ReleaseSettings | None = None
    """None: each utterance is translated alone."""

    @property
    def linger_s(self) -> float:
        return LINGER_S if self.time is TimeMode.LIVE else 0.0

    def build(self) -> Worker:
        return Worker(self)


class Settled(Protocol):
    """Session, number, language, whether it was delivered; whether listeners were told anything;
    and what stands in the ledger, of what was not delivered."""

    def __call__(
        self,
        session_id: str,
        number: int,
        language: str,
        is_delivered: bool,
        /,
        *,
        is_announced: bool = True,
        stands: FixedOutcome | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class CallSite:
    """What the handlers of slow calls find around them. ``settled`` tells the session's owner that
    an outcome was delivered, or (False) that it could not be. ``releases``: where translations are
    released of sentences."""

    connectors: Connectors
    loop: WorkerLoop
    speculation: SpeculativeDelivery
    settled: Settled
    releases: ReleaseRuns | None = None

    def now_ms(self) -> int:
        return self.loop.now_ms()


@dataclass(slots=True)
class ServedPartition:
    """A host of panes' sessions, and what Beam's state was last given of it."""

    host: SessionHost
    saved: SavedMarks
    saved_at_s: float
    is_superseded_told: bool = False


class Worker:
    """``engines`` by reader's key, ``hosts`` by key of panes."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.time_mode = settings.time
        self.loop: WorkerLoop = loop_for(settings.time)
        self.bell = Bell(self.loop)
        self.calls = AsyncCalls(self.bell)
        self.connectors = settings.connectors.build()
        warming = WarmUp(self.loop, self.connectors)
        self.speculation = SpeculativeDelivery(
            self.loop, self.connectors, is_on=settings.speculates
        )
        self.releases = (
            None
            if settings.release is None
            else ReleaseRuns(self.loop, self.connectors, settings.release)
        )
        self.tools = SessionTools(
            self.loop,
            self.connectors,
            self.speculation,
            warming,
            settings.release,
            self.releases,
        )
        self.engines: dict[str, ReadingEngine] = {}
        self.hosts: dict[str, ServedPartition] = {}
        if settings.time is TimeMode.LIVE:
            shorten_thread_switches()
            warming.load()
            self.loop.call_later(20.0, tune_garbage_collection)

    def call_site(self) -> CallSite:
        return CallSite(self.connectors, self.loop, self.speculation, self._settled, self.releases)

    def in_loop(self, work: Callable[[], T]) -> T:
        """Do ``work``, which does not wait, in the loop, and wait for its result."""

        async def done() -> T:
            return work()

        return self.loop.wait(self.loop.start(done()))

    def close(self) -> None:
        self.in_loop(self._stop_all)
        self.calls.close()
        self.loop.wait(self.loop.start(self.speculation.close()), 10)
        if self.releases is not None:
            self.loop.wait(self.loop.start(self.releases.close()), 10)
        self.loop.wait(self.loop.start(self.connectors.close()), 10)
        self.loop.stop()

    def _stop_all(self) -> None:
        for engine in self.engines.values():
            engine.stop()
        for served in self.hosts.values():
            served.host.close()

    def _settled(
        self,
        session_id: str,
        number: int,
        language: str,
        is_delivered: bool,
        /,
        *,
        is_announced: bool = True,
        stands: FixedOutcome | None = None,
    ) -> None:
        """In the loop. Which owner has the session is not known here: few are asked."""
        if self.releases is not None and is_delivered:
            self.releases.settled(session_id, number, language)
        hosts = [each.host for each in self.hosts.values()]
        hosts += [
            each.host
            for each in self.engines.values()
            if isinstance(each, Engine) and each.host is not None
        ]
        for host in hosts:
            host.settled(
                session_id,
                number,
                language,
                is_delivered,
                is_announced=is_announced,
                stands=stands,
            )
