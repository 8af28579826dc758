"""What a client does over HTTP before and after a talk."""

from __future__ import annotations

from collections.abc import Sequence


async def fetch_token(url: str, *, subject: str | None = None) -> str:
    """A speaker's token from the gateway's own issuer (local set-ups only).

    ``url`` is the gateway's address, ``http://127.0.0.1:8080``. The same ``subject`` is the same
    person: only it can take its sessions over.
    """
    raise NotImplementedError


async def create_session(
    url: str,
    *,
    token: str,
    source_language: str = "en",
    target_languages: Sequence[str] = (),
    quality_tier: str = "standard",
) -> str:
    """Create a session and return its id."""
    raise NotImplementedError


async def end_session(url: str, session_id: str, *, token: str) -> None:
    """End a session; ending it again changes nothing."""
    raise NotImplementedError
