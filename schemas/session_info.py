"""What is known of a session apart from what is spoken in it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its table row tells it; times are UTC milliseconds."""

    session_id: str
    speaker_id: str
    source_language: str
    target_languages: tuple[str, ...]
    quality_tier: str
    status: str
    created_at_ms: int
    ended_at_ms: int | None = None
    extra: dict[str, str] = field(default_factory=dict)
