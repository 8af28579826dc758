"""What becomes of sessions, told to those who follow a bus."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from connectors.calls.policy import Policies, call
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.session_events import SessionEvent, SessionEvents, SessionEventType
from connectors.interfaces.session_tables import SessionRow

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EventPublisher:
    bus: SessionEvents
    policies: Policies

    async def publish(self, kind: SessionEventType, row: SessionRow, at_ms: int) -> None:
        """A talk goes on without a bus."""
        info = row.info
        event = SessionEvent(row.session_id, kind, info.status, info.source_language, at_ms)
        try:
            await call(self.policies.notify, lambda: self.bus.publish(event))
        except ConnectorError as error:
            _log.warning("session %s: %s was not published: %s", row.session_id, kind, error)
