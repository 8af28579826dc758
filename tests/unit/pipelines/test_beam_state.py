"""Beam's state, made quick, still does what it did; and this version of Beam still is so made."""

from __future__ import annotations

import pytest
from apache_beam.coders import BytesCoder
from apache_beam.coders.coders import GlobalWindowCoder
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker import bundle_processor, statecache
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindow

from pipelines.core.journal import JournalItem, JournalKind
from pipelines.core.session_log import LogPage
from pipelines.worker.beam_state import use_state_quickly, weight_of

pytestmark = pytest.mark.unit


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the length of a test."""
    for owner, name in (
        (statecache, "get_deep_size"),
        (bundle_processor.SynchronousBagRuntimeState, "commit"),
        (bundle_processor.FnApiUserStateContext, "commit"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    use_state_quickly()


def page_of(*pcm_bytes: int) -> LogPage:
    return LogPage(
        "talk",
        None,
        tuple(
            JournalItem(index, JournalKind.AUDIO, 1, index, pcm=bytes(size))
            for index, size in enumerate(pcm_bytes)
        ),
    )


def test_audio_counts_by_its_bytes() -> None:
    one, two = weight_of([page_of(8_192)]), weight_of([page_of(8_192, 8_192)])
    assert 8_192 < one < 8_192 + 1_200
    assert 2 * 8_192 < two < 2 * one


def test_every_part_counts() -> None:
    assert weight_of(b"x" * 1_000) > 1_000
    assert weight_of({"k" * 500: ["v" * 500]}) > 1_000
    assert weight_of(None, 1, 2.0, True) > 0
    assert weight_of(object()) > 0


def test_beam_asks_the_cache_aware_what_they_hold() -> None:
    class Aware(statecache.CacheAware):
        def get_referents_for_cache(self) -> list[bytes]:
            return [bytes(5_000)]

    assert weight_of(Aware()) > 5_000


def test_the_cache_of_this_version_of_beam_weighs_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick(monkeypatch)
    cache = statecache.StateCache(1 << 20)
    cache.put("key", [page_of(40_000)])
    assert 40_000 < cache._current_weight < 42_000


class Request:
    def __init__(self, log: list[str], name: str, error: str = "") -> None:
        self._log, self._name, self._error = log, name, error

    def get(self) -> None:
        self._log.append(f"waited for {self._name}")
        if self._error:
            raise RuntimeError(self._error)


class Flink:
    """The state handler's side that a commit uses; ``log`` says what it was asked, in order."""

    def __init__(self, error: str = "") -> None:
        self.log: list[str] = []
        self._error = error

    def clear(self, key: beam_fn_api_pb2.StateKey) -> Request:
        return self._asked("clear")

    def extend(
        self, key: beam_fn_api_pb2.StateKey, _coder: object, elements: list[bytes]
    ) -> Request:
        return self._asked(f"append {b'+'.join(elements).decode()}")

    def _asked(self, name: str) -> Request:
        self.log.append(name)
        return Request(self.log, name, self._error)


def context_of(flink: Flink) -> bundle_processor.FnApiUserStateContext:
    windows: GlobalWindowCoder = GlobalWindowCoder()
    return bundle_processor.FnApiUserStateContext(flink, "transform", BytesCoder(), windows)


BAG = BagStateSpec("bag", BytesCoder())
CELL = ReadModifyWriteStateSpec("cell", BytesCoder())


def touched(context: bundle_processor.FnApiUserStateContext) -> None:
    window = GlobalWindow()
    for key in (b"one", b"two"):
        context.get_state(BAG, key, window).add(key)
        context.get_state(CELL, key, window).write(key + b"!")


def test_a_bundle_asks_for_everything_and_then_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    flink = Flink()
    context = context_of(flink)
    touched(context)
    context.commit()
    asked = ["append one", "clear", "append one!", "append two", "clear", "append two!"]
    waited = [f"waited for {name}" for name in asked if name != "clear"]
    assert flink.log == asked + waited, "the answer to the last request of a cell is enough"


def test_a_failure_is_raised_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    context = context_of(Flink("state backend is gone"))
    touched(context)
    with pytest.raises(RuntimeError, match="state backend is gone"):
        context.commit()
    flink = Flink()
    alone = context_of(flink)
    touched(alone)
    next(iter(alone._all_states.values())).commit()
    assert flink.log == ["append one", "waited for append one"], "outside a bundle a cell waits"
