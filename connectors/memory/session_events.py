"""Session events in memory, and a script of failures for tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from connectors.interfaces.session_events import SessionEvent

_KEPT = 1000


class MemorySessionEvents:
    """``published`` holds the newest. ``script`` sees (number of the call from 0, event) first and
    may raise."""

    def __init__(self, script: Callable[[int, SessionEvent], None] | None = None) -> None:
        self._script = script
        self.published: deque[SessionEvent] = deque(maxlen=_KEPT)
        self.calls = 0

    async def publish(self, event: SessionEvent) -> None:
        call = self.calls
        self.calls += 1
        if self._script is not None:
            self._script(call, event)
        self.published.append(event)

    async def close(self) -> None:
        pass
