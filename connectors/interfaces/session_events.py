"""Tell those who follow sessions that one began or ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

SOURCE = "session-management.http-api"
DETAIL_TYPE = "Session Status Change"


class SessionEventType(StrEnum):
    CREATED = "SESSION_CREATED"
    ENDED = "SESSION_ENDED"


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """``status`` as in the session's row, after the change; ``at_ms``: when it changed."""

    session_id: str
    event_type: SessionEventType
    status: str
    source_language: str
    at_ms: int

    def detail(self) -> dict[str, object]:
        """As the event bus carries it."""
        return {
            "sessionId": self.session_id,
            "eventType": self.event_type.value,
            "status": self.status,
            "sourceLanguage": self.source_language,
            "timestamp": self.at_ms,
        }


def event_of(detail: dict[str, object]) -> SessionEvent:
    """What a consumer reads in ``detail``. Raises ValueError when it is not one of ours."""
    texts = [detail.get(name) for name in ("sessionId", "eventType", "status", "sourceLanguage")]
    at_ms = detail.get("timestamp")
    if not isinstance(at_ms, int) or not all(isinstance(one, str) for one in texts):
        raise ValueError("not a session's change of status")
    session_id, event_type, status, language = (str(one) for one in texts)
    return SessionEvent(session_id, SessionEventType(event_type), status, language, at_ms)


class SessionEvents(Protocol):
    async def publish(self, event: SessionEvent) -> None:
        """One attempt; raises ``errors.*``. Consumers may see an event twice, and an end before
        its beginning: the bus promises delivery, not order."""
        ...

    async def close(self) -> None: ...
