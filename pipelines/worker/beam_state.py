"""Two things that Beam's Python worker does slowly with state, done quickly (docs/decisions/0011).

At the end of a bundle it commits cell after cell, waiting for Flink's answer to each; with a
hundred sessions that was half of the time of every bundle. And it weighs every value that it caches
by first going through the globals of all loaded modules, which was 43 % of the worker's CPU.

Both are replaced in the running process, since Beam has no option for either. They hold for the
version in ``versions.toml``; tests say so if another one is different.
"""

from __future__ import annotations

import threading
from typing import Any

from apache_beam.runners.worker import bundle_processor, statecache

_PLAIN_BYTES = 32
_OBJECT_BYTES = 64
_SLOT_BYTES = 8


class _Asked(threading.local):
    """Requests of the bundle that this thread commits; None between bundles."""

    requests: list[Any] | None = None


_asked = _Asked()


def use_state_quickly() -> None:
    """Of this process, for good. May be repeated."""
    statecache.get_deep_size = weight_of
    bundle_processor.SynchronousBagRuntimeState.commit = _commit_cell
    bundle_processor.FnApiUserStateContext.commit = _commit_bundle


def weight_of(*values: Any) -> int:
    """About the bytes that ``values`` hold in memory: bytes and text by their length, the fields of
    slotted values and the members of lists and tuples; anything else counts as one object."""
    weight = 0
    left = list(values)
    while left:
        value = left.pop()
        kind = type(value)
        if kind is bytes or kind is str:
            weight += _PLAIN_BYTES + len(value)
        elif kind is int or value is None or kind is float or kind is bool:
            weight += _PLAIN_BYTES
        elif kind is list or kind is tuple:
            weight += _OBJECT_BYTES + _SLOT_BYTES * len(value)
            left.extend(value)
        elif kind is dict:
            weight += _OBJECT_BYTES + 2 * _SLOT_BYTES * len(value)
            left.extend(value)
            left.extend(value.values())
        elif isinstance(value, statecache.CacheAware):
            left.extend(value.get_referents_for_cache())
        else:
            slots = getattr(kind, "__slots__", ())
            weight += _OBJECT_BYTES + _SLOT_BYTES * len(slots)
            left.extend(getattr(value, slot, None) for slot in slots)
    return weight


def _commit_bundle(self: Any) -> None:
    """Ask for everything first, then wait: requests of a worker are answered in order."""
    _asked.requests = requests = []
    try:
        for state in self._all_states.values():
            state.commit()
    finally:
        _asked.requests = None
    for request in requests:
        request.get()


def _commit_cell(self: Any) -> None:
    """As Beam has it, but for who waits. A failed request raises when it is waited for."""
    handler, key = self._state_handler, self._state_key
    request = handler.clear(key) if self._cleared else None
    if self._added_elements:
        request = handler.extend(key, self._value_coder.get_impl(), self._added_elements)
    if request is None:
        return
    if _asked.requests is None:
        request.get()
    else:
        _asked.requests.append(request)
