"""The sessions of one partition in this process, beside the log of them in Beam's state."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.coders import ValueCoder
from pipelines.core.session_log import LogHead, LogPage, Remembered, SessionLog

STANDSTILL_MS = 5_000
"""Without a tick for so long: the job, or its process, did not run."""

_PAGE = ValueCoder(LogPage)


class Following:
    """Made from the pages there are; ``write`` and ``save`` keep state and memory the same.

    The state may go back (a restart, a failed bundle): then its head is not ``head``, and this is
    to be made again.
    """

    def __init__(self, pages: Iterable[bytes]) -> None:
        self._log = SessionLog()
        for page in pages:
            self._log.apply(_PAGE.decode(page))
        self._writer = uuid.uuid4().hex
        self._number = self._saved_number = 0
        self._ticked_at_ms = self._watched_since_ms = 0

    @property
    def head(self) -> LogHead:
        return LogHead(self._writer, self._number)

    @property
    def sessions(self) -> Mapping[str, Remembered]:
        return self._log.sessions

    def tick(self, now_ms: int) -> None:
        """Time passes. After a standstill, what came meanwhile is still to be read."""
        if now_ms - self._ticked_at_ms > STANDSTILL_MS:
            self._watched_since_ms = now_ms
        self._ticked_at_ms = now_ms

    def idle_ms(self, session: Remembered, now_ms: int) -> int:
        """For how long nothing came for a session, as far as this process would know."""
        return now_ms - max(session.state.active_at_ms, self._watched_since_ms)

    def due(self, now_ms: int) -> list[str]:
        """The sessions that want to be looked at though nothing came for them."""
        return [
            session_id
            for session_id, session in self._log.sessions.items()
            if session.look_at_ms <= now_ms or 0 < session.hole_at_ms <= now_ms
        ]

    def write(self, page: LogPage, log: Any) -> None:
        """``log``: the bag of Beam's state."""
        self._log.apply(page)
        log.add(_PAGE.encode(page))
        self._number += 1

    def save(self, log: Any, head: Any) -> None:
        """At the end of every visit to the state."""
        if self._number == self._saved_number:
            return
        if self._log.is_mostly_over:
            log.clear()
            for page in self._log.rewritten():
                log.add(_PAGE.encode(page))
        head.write(self.head)
        self._saved_number = self._number
