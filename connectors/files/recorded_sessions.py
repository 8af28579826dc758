"""Sessions of a bounded run: recordings that all are in one language and heard in the same ones."""

from __future__ import annotations

from schemas.session_info import SessionInfo
from schemas.values import ListenerLanguages


class RecordedSessions:
    """A session directory that knows every session, as the command line describes them.

    Nobody joins or leaves a recording: its listeners are there from the first word on.
    """

    def __init__(self, source_language: str, languages: tuple[str, ...]) -> None:
        self._source_language = source_language
        self._languages = languages

    async def find(self, session_id: str) -> SessionInfo | None:
        return SessionInfo(
            session_id=session_id,
            speaker_id="recording",
            source_language=self._source_language,
            target_languages=self._languages,
            quality_tier="standard",
            status="active",
            created_at_ms=0,
        )

    async def listeners(self, session_id: str) -> ListenerLanguages:
        return ListenerLanguages(self._languages, 1)

    async def close(self) -> None:
        """Nothing is held open."""
