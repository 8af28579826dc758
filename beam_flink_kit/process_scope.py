"""One object per process that all DoFns with equal settings share: loops, clients, work in flight.

A worker process runs several DoFns and several instances of each, in several threads. What is
costly (connections, models) or has to be found again by another instance (answers that wait)
belongs to the process. DoFns acquire it in ``setup`` and release it in ``teardown``; after the last
one it is closed.

*Beam drops idle DoFns.* A DoFn whose steps had nothing to do for a minute is torn down
(``DEFAULT_BUNDLE_PROCESSOR_CACHE_SHUTDOWN_THRESHOLD_S``) although its job lives. Settings therefore
say for how long the object outlives its last user (``linger_s``): long in a live job, so that an
outage of the clock loses no answers; not at all in tests.

*DirectRunner sets up and tears down at every bundle.* ``held`` keeps the object for a whole run.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

_log = logging.getLogger(__name__)


class Closeable(Protocol):
    def close(self) -> None: ...


S = TypeVar("S", bound=Closeable)
S_co = TypeVar("S_co", bound=Closeable, covariant=True)


class ScopeSettings(Protocol[S_co]):
    """Picklable and hashable, such as a frozen dataclass: it travels to the workers inside the
    DoFns, and DoFns whose settings are equal share one object."""

    @property
    def linger_s(self) -> float:
        """How long the object outlives its last user."""
        ...

    def build(self) -> S_co: ...


class Cancellable(Protocol):
    def cancel(self) -> None: ...


def _daemon_timer(delay_s: float, work: Callable[[], None]) -> Cancellable:
    timer = threading.Timer(delay_s, work)
    timer.daemon = True
    timer.start()
    return timer


@dataclass(slots=True)
class _Held:
    scope: Any
    users: int = 0
    closing: Cancellable | None = None


class ProcessScopes:
    """Counts who uses which object. Every process has one of these; tests make their own."""

    def __init__(
        self, after: Callable[[float, Callable[[], None]], Cancellable] = _daemon_timer
    ) -> None:
        self._after = after
        self._lock = threading.Lock()
        self._held: dict[Any, _Held] = {}

    def acquire(self, settings: ScopeSettings[S]) -> S:
        """The object of these settings; built by the first. The others wait for it meanwhile."""
        with self._lock:
            held = self._held.get(settings)
            if held is None:
                held = self._held[settings] = _Held(settings.build())
            if held.closing is not None:
                held.closing.cancel()
                held.closing = None
            held.users += 1
            return held.scope

    def release(self, settings: ScopeSettings[Any]) -> None:
        with self._lock:
            held = self._held[settings]
            held.users -= 1
            if held.users:
                return
            if settings.linger_s > 0:
                held.closing = self._after(settings.linger_s, lambda: self._close(settings, held))
                return
            del self._held[settings]
        held.scope.close()

    def _close(self, settings: ScopeSettings[Any], held: _Held) -> None:
        with self._lock:
            if held.users or self._held.get(settings) is not held:
                return  # acquired again just before
            del self._held[settings]
        held.scope.close()

    def close_idle(self) -> None:
        """Close at once what lingers: at the end of the process."""
        with self._lock:
            idle = [(settings, held) for settings, held in self._held.items() if not held.users]
            for settings, held in idle:
                del self._held[settings]
                if held.closing is not None:
                    held.closing.cancel()
        for _, held in idle:
            try:
                held.scope.close()
            except Exception:  # the process ends, and the others are to be closed too
                _log.exception("a scope did not close")


_SCOPES = ProcessScopes()
atexit.register(_SCOPES.close_idle)


@contextmanager
def held(settings: ScopeSettings[S]) -> Generator[S]:
    """Keep the object of ``settings`` for the length of a run, and give it to the caller."""
    scope = _SCOPES.acquire(settings)
    try:
        yield scope
    finally:
        _SCOPES.release(settings)


class ScopedDoFn(Generic[S]):
    """Mixin of a DoFn (before ``beam.DoFn``) that uses the process's object of ``settings``:
    ``self.scope`` is there from ``setup`` to ``teardown``.

    What a DoFn makes of it in its own ``setup`` is of the process too: it goes at ``teardown``, and
    does not travel when Beam pickles a DoFn that it has used already.
    """

    settings: ScopeSettings[S]
    scope: S

    def setup(self) -> None:
        self._travels = frozenset(self.__dict__)
        self.scope = _SCOPES.acquire(self.settings)

    def teardown(self) -> None:
        if "scope" in self.__dict__:
            for name in self.__dict__.keys() - self._travels:
                delattr(self, name)
            _SCOPES.release(self.settings)

    def __getstate__(self) -> dict[str, Any]:
        travels = self.__dict__.get("_travels", self.__dict__.keys())
        return {key: value for key, value in self.__dict__.items() if key in travels}
