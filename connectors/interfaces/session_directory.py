"""What the job asks about sessions: who speaks which language, and what is listened to."""

from __future__ import annotations

from typing import Protocol

from schemas.values import ListenerLanguages, SessionInfo


class SessionDirectory(Protocol):
    async def find(self, session_id: str) -> SessionInfo | None: ...

    async def listeners(self, session_id: str) -> ListenerLanguages:
        """The languages with at least one live listener now, with their counter's revision.

        The revision belongs to the same counter that ``listeners`` records in the stream carry.
        An unknown session has none, at revision -1.
        """
        ...

    async def close(self) -> None: ...
