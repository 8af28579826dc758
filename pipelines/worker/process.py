"""The one object a worker process keeps: its loop, its connections, its work in flight.

DoFns acquire it in ``setup`` and release it in ``teardown``; the last one out closes it. Beam may
run several DoFns, and several instances of each, in one process, so they are counted.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from beam_flink_kit.loops import LiveLoop, TimeMode, VirtualLoop, WorkerLoop
from connectors.positions import ShardPosition
from connectors.registry import Connectors
from pipelines.worker.ahead import Ahead
from pipelines.worker.beam_bundles import report_own_metrics_only
from pipelines.worker.beam_state import use_state_quickly
from pipelines.worker.calls import CallRegistry
from pipelines.worker.following import Following
from pipelines.worker.lookups import Lookups
from pipelines.worker.reading import ReaderRegistry
from pipelines.worker.transcribing import TranscriberRegistry
from pipelines.worker.warming import Warming
from schemas.values import ListenerLanguages

SWITCH_INTERVAL_S = 0.0005
"""Beam's worker hands every request from thread to thread, and each that waits for Python's lock
waits for so long; Python's default of 5 ms is for programs with few threads (docs/decisions/0011).
"""


class ConnectorFactory(Protocol):
    """Picklable and hashable: it travels to the workers inside the DoFns."""

    def build(self) -> Connectors: ...


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What makes two DoFns share a worker: equal settings."""

    connectors: ConnectorFactory
    time: TimeMode = TimeMode.LIVE
    head_start: bool = False


class Worker:
    def __init__(self, settings: WorkerSettings) -> None:
        self.loop: WorkerLoop = VirtualLoop() if settings.time is TimeMode.VIRTUAL else LiveLoop()
        self.connectors = settings.connectors.build()
        self.calls = CallRegistry(self.loop)
        self.readers = ReaderRegistry(self.loop, self.connectors)
        policies = self.connectors.policies
        self.listener_lookups = Lookups(
            self.loop, policies.directory, self.connectors.directory.listeners
        )
        self.position_lookups = Lookups(self.loop, policies.positions, self._positions_of_job)
        self.warming = Warming(self.loop, self.connectors)
        if settings.time is TimeMode.LIVE:
            use_state_quickly()
            report_own_metrics_only()
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            self.warming.load()
        self.ahead = Ahead(self.loop, self.connectors, is_on=settings.head_start)
        self.transcribers = TranscriberRegistry(self.loop, self.connectors, self.ahead)
        self.following: dict[str, Following] = {}

    def heard(self, session_id: str, listeners: ListenerLanguages) -> None:
        """Who listens to a session, for what is done beside the graph."""
        self.ahead.listeners(session_id, listeners.languages)
        self.transcribers.listeners(session_id, listeners)

    async def _positions_of_job(self, question: tuple[str, str]) -> dict[str, ShardPosition]:
        """Of (job, session): how far the job has read each shard."""
        return await self.connectors.positions.load(question[0])

    def close(self) -> None:
        self.readers.close()
        self.transcribers.close()
        self.calls.close()
        self.loop.wait(self.loop.start(self.ahead.close()), 10)
        self.loop.wait(self.loop.start(self.connectors.close()), 10)
        self.loop.stop()


class _Holder:
    """Counts who uses which worker of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: dict[WorkerSettings, tuple[Worker, int]] = {}

    def acquire(self, settings: WorkerSettings) -> Worker:
        with self._lock:
            worker, users = self._workers.get(settings) or (Worker(settings), 0)
            self._workers[settings] = (worker, users + 1)
            return worker

    def release(self, settings: WorkerSettings) -> None:
        with self._lock:
            worker, users = self._workers.pop(settings)
            if users > 1:
                self._workers[settings] = (worker, users - 1)
                return
        worker.close()


_HOLDER = _Holder()


@contextmanager
def held_worker(settings: WorkerSettings) -> Generator[Worker]:
    """Keep a worker for the length of a run: DirectRunner sets up and tears down at every bundle,
    and with the last DoFn everything in flight would go."""
    try:
        yield _HOLDER.acquire(settings)
    finally:
        _HOLDER.release(settings)


class WorkerDoFn:
    """Mixin of every DoFn that uses the worker: ``self.worker`` is there from ``setup`` on. What a
    DoFn makes of it in its own ``setup`` is of the process too: it goes at ``teardown``, and does
    not travel."""

    settings: WorkerSettings
    worker: Worker

    def setup(self) -> None:
        self._travels = frozenset(self.__dict__)
        self.worker = _HOLDER.acquire(self.settings)

    def teardown(self) -> None:
        if "worker" in self.__dict__:
            for name in self.__dict__.keys() - self._travels:
                delattr(self, name)
            _HOLDER.release(self.settings)

    def __getstate__(self) -> dict[str, Any]:
        travels = self.__dict__.get("_travels", self.__dict__.keys())
        return {key: value for key, value in self.__dict__.items() if key in travels}
