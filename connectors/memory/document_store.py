"""Documents in memory: one process, nothing survives it. For tests and single gateways."""

from __future__ import annotations

from collections.abc import Callable

from connectors.interfaces.document_store import Document


class MemoryDocumentStore:
    """Expired ones are removed when something is added."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._kept: dict[str, tuple[Document, int]] = {}

    async def add(self, key: str, text: str, expires_at_ms: int) -> bool:
        now_ms = self._now_ms()
        for old in [old for old, (_, until_ms) in self._kept.items() if until_ms <= now_ms]:
            del self._kept[old]
        if key in self._kept:
            return False
        self._kept[key] = Document(text, 0), expires_at_ms
        return True

    async def get(self, key: str) -> Document | None:
        document, until_ms = self._kept.get(key, (None, 0))
        return document if until_ms > self._now_ms() else None

    async def replace(self, key: str, version: int, text: str, expires_at_ms: int) -> bool:
        now = await self.get(key)
        if now is None or now.version != version:
            return False
        self._kept[key] = Document(text, version + 1), expires_at_ms
        return True

    async def take(self, key: str) -> Document | None:
        now = await self.get(key)
        self._kept.pop(key, None)
        return now

    async def close(self) -> None:
        pass
