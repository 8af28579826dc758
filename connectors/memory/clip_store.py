"""Clips in memory, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredClip:
    body: bytes
    content_type: str
    metadata: Mapping[str, str]


class MemoryClipStore:
    """``clips`` is what was stored, by key; URLs are ``memory://`` and lead nowhere."""

    def __init__(self) -> None:
        self.clips: dict[str, StoredClip] = {}

    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        self.clips[key] = StoredClip(body, content_type, dict(metadata))

    async def get(self, key: str) -> bytes | None:
        stored = self.clips.get(key)
        return None if stored is None else stored.body

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        stored = self.clips.get(key)
        if stored is None:
            return None
        return {name.lower(): value for name, value in stored.metadata.items()}

    async def presign(self, key: str, *, expires_s: int) -> str:
        return f"memory://{key}?expires={expires_s}"

    async def close(self) -> None:
        """Nothing is held open."""
