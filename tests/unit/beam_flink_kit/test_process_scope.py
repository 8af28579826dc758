"""One object per process and settings: shared, counted, closed once, and not while it is needed."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import apache_beam as beam
import pytest

from beam_flink_kit.process_scope import ProcessScopes, ScopedDoFn, held

pytestmark = pytest.mark.unit

BUILT: list[Pool] = []


@dataclass
class Pool:
    name: str
    closed: int = 0

    def close(self) -> None:
        self.closed += 1


@dataclass(frozen=True)
class PoolSettings:
    name: str = "pool"
    linger_s: float = 0.0
    build_s: float = 0.0
    fails: bool = False

    def build(self) -> Pool:
        if self.fails:
            raise ConnectionError("scripted")
        time.sleep(self.build_s)
        BUILT.append(Pool(self.name))
        return BUILT[-1]


@dataclass
class Timers:
    """``after`` of the scopes: the test says when the time has come."""

    set: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    cancelled: int = 0

    def __call__(self, delay_s: float, work: Callable[[], None]) -> Timers:
        self.set.append((delay_s, work))
        return self

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture(autouse=True)
def _none_built() -> None:  # pyright: ignore[reportUnusedFunction]
    BUILT.clear()


def test_equal_settings_share_one_object_which_the_last_user_closes() -> None:
    scopes = ProcessScopes()
    one, same = scopes.acquire(PoolSettings()), scopes.acquire(PoolSettings())
    other = scopes.acquire(PoolSettings("other"))
    assert one is same
    assert other is not one
    scopes.release(PoolSettings())
    assert one.closed == 0
    scopes.release(PoolSettings())
    assert (one.closed, other.closed) == (1, 0)
    assert scopes.acquire(PoolSettings()) is not one


def test_many_threads_get_one_object() -> None:
    scopes = ProcessScopes()
    found: list[Pool] = []
    settings = PoolSettings(build_s=0.05)
    threads = [
        threading.Thread(target=lambda: found.append(scopes.acquire(settings))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(BUILT) == 1
    assert found == BUILT * 8


def test_what_cannot_be_built_leaves_nothing_behind() -> None:
    scopes = ProcessScopes()
    for _ in range(2):
        with pytest.raises(ConnectionError):
            scopes.acquire(PoolSettings(fails=True))
    with pytest.raises(KeyError):
        scopes.release(PoolSettings(fails=True))


def test_an_idle_object_lingers_and_the_next_user_finds_it() -> None:
    timers = Timers()
    scopes, settings = ProcessScopes(timers), PoolSettings(linger_s=600)
    first = scopes.acquire(settings)
    scopes.release(settings)
    assert [delay_s for delay_s, _ in timers.set] == [600]
    assert first.closed == 0
    assert scopes.acquire(settings) is first
    assert timers.cancelled == 1
    timers.set[0][1]()  # it could not be cancelled any more
    assert first.closed == 0
    scopes.release(settings)
    timers.set[1][1]()
    assert first.closed == 1
    timers.set[1][1]()
    assert first.closed == 1
    assert scopes.acquire(settings) is not first


def test_at_the_end_of_the_process_what_lingers_is_closed() -> None:
    scopes = ProcessScopes(Timers())
    idle, used = PoolSettings("idle", linger_s=600), PoolSettings("used", linger_s=600)
    pools = scopes.acquire(idle), scopes.acquire(used)
    scopes.release(idle)
    scopes.close_idle()
    assert [pool.closed for pool in pools] == [1, 0]


class Ask(ScopedDoFn[Pool], beam.DoFn):
    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings

    def setup(self) -> None:
        super().setup()
        self.lock = threading.Lock()  # which no pickle takes


def test_a_dofn_has_its_object_from_setup_to_teardown_and_travels_without_it() -> None:
    settings = PoolSettings()
    with held(settings) as pool:
        dofn = Ask(settings)
        dofn.setup()
        assert dofn.scope is pool
        copy = pickle.loads(pickle.dumps(dofn))  # noqa: S301 - our own bytes
        assert set(copy.__dict__) == {"settings"}
        copy.setup()
        assert copy.scope is pool
        copy.teardown()
        copy.teardown()  # Beam repeats it after an error
        dofn.teardown()
        assert pool.closed == 0
    assert pool.closed == 1


def test_a_dofn_can_be_set_up_again() -> None:
    dofn = Ask(PoolSettings())
    dofn.setup()
    first = dofn.scope
    dofn.teardown()
    assert "scope" not in dofn.__dict__
    dofn.setup()
    assert dofn.scope is not first
    dofn.teardown()
    assert [pool.closed for pool in BUILT] == [1, 1]
