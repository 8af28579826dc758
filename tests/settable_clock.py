"""A wall clock that stands still until a test sets it."""

from __future__ import annotations

T0_MS = 1_790_000_000_000


class SettableClock:
    """In place of a ``now_ms`` function."""

    def __init__(self, now_ms: int = T0_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms
