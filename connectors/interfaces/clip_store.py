"""Objects under keys, and links to them that expire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class ClipStore(Protocol):
    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        """Store or replace. Metadata values are ASCII; ``keepDays`` among them says for how long
        the object is kept, where the store forgets by itself. Repeating it changes nothing."""
        ...

    async def get(self, key: str) -> bytes | None: ...

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        """What ``put`` was given as metadata (keys in lower case); None: no such object.

        The gateway reads a clip's transcript from it, for late joiners and transcripts.
        """
        ...

    async def presign(self, key: str, *, expires_s: int) -> str:
        """A URL that serves the object to anyone until it expires. No network round trip."""
        ...

    async def close(self) -> None: ...
