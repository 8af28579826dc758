"""What an attack leaves behind: counted as metrics, and told in logs of bounded volume.

A line is one JSON object. Never in it: what was said, tokens, tickets, names of people, session ids
(who knows one may listen), or addresses in clear. ``source`` is the address by a key of this
process, so that lines of one source can be told from others until the next start.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Literal

from ingest_gateway.operations.metrics import Metrics

EventKind = Literal[
    "token_refused",
    "ticket_refused",
    "unauthorized",
    "foreign_session",
    "unknown_session",
    "access_code",
    "wrong_edge",
    "kept_out",
    "rate_limited",
    "no_room",
    "small_frames",
    "control_frames",
    "malformed_frame",
    "unread_answers",
    "unread_response",
    "media_flood",
    "message_too_large",
    "slow_request",
    "slow_body",
    "slow_message",
    "not_joined",
    "internal_error",
]
LINES_PER_MINUTE = 10
"""Of each kind; the next minute's first line says how many more there were."""
_MINUTE_MS = 60_000
OF_REFUSALS: Mapping[str, EventKind] = {
    "UNAUTHORIZED": "unauthorized",
    "FORBIDDEN": "foreign_session",
    "NO_SESSION": "unknown_session",
    "ACCESS_CODE": "access_code",
    "LOCKED": "kept_out",
    "REMOVED": "kept_out",
    "RATE_LIMITED": "rate_limited",
}
"""Error codes of refusals that are worth an event."""

_log = logging.getLogger("ingest_gateway.security")


class SecurityEvents:
    def __init__(self, metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self._metrics = metrics
        self._now_ms = now_ms
        self._key = secrets.token_bytes(16)
        self._minute = 0
        self._lines: dict[EventKind, int] = {}
        self._untold: dict[EventKind, int] = {}

    def report(self, kind: EventKind, *, address: str, **more: str) -> None:
        """``more`` goes into the log as it is: names of actions and of routes, error ids."""
        self._metrics.security_events.labels(kind).inc()
        minute = self._now_ms() // _MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._lines.clear()
        lines = self._lines.get(kind, 0)
        if lines >= LINES_PER_MINUTE:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return
        self._lines[kind] = lines + 1
        line: dict[str, object] = {"event": kind, "source": self.source(address), **more}
        untold = self._untold.pop(kind, 0)
        if untold:
            line["untold"] = untold
        _log.warning("%s", json.dumps(line))

    def refused(self, code: str, *, address: str, action: str) -> None:
        """A refusal was answered; only some are worth an event."""
        kind = OF_REFUSALS.get(code)
        if kind is not None:
            self.report(kind, address=address, action=action)

    def source(self, address: str) -> str:
        return hashlib.blake2b(address.encode(), key=self._key, digest_size=6).hexdigest()
