"""Removes what the stores in memory hold of a session."""

from __future__ import annotations

from connectors.interfaces.erasure import Erased
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.dead_letters import MemoryDeadLetters
from connectors.memory.ledger import MemoryLedger
from connectors.memory.session_tables import MemorySessionTables
from schemas.names import session_prefix


class MemoryErasure:
    def __init__(
        self,
        tables: MemorySessionTables,
        ledger: MemoryLedger,
        clips: MemoryClipStore,
        letters: MemoryDeadLetters,
    ) -> None:
        self._tables = tables
        self._ledger = ledger
        self._clips = clips
        self._letters = letters

    async def erase(self, session_id: str, since_ms: int) -> Erased:
        prefix = session_prefix(session_id)
        keys = [key for key in self._clips.clips if key.startswith(prefix)]
        for key in keys:
            del self._clips.clips[key]
        own = [letter for letter in self._letters.letters if letter.session_id == session_id]
        for letter in own:
            self._letters.letters.remove(letter)
        rows = self._ledger.forget(session_id) + self._tables.forget(session_id)
        return Erased(len(keys) + len(own), rows)

    async def close(self) -> None:
        """Nothing is held open."""


class NothingErased:
    """For gateways whose stores are thrown away: it finds nothing."""

    async def erase(self, session_id: str, since_ms: int) -> Erased:
        return Erased()

    async def close(self) -> None:
        """Nothing is held open."""
