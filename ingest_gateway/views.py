"""Values as clients see them."""

from __future__ import annotations

import msgspec

from ingest_gateway.messages import SessionCreated, SessionView
from schemas.values import SessionInfo


def session_view(info: SessionInfo) -> SessionView:
    return SessionView(
        session_id=info.session_id,
        speaker_id=info.speaker_id,
        source_language=info.source_language,
        target_languages=info.target_languages,
        quality_tier=info.quality_tier,
        status=info.status,
        created_at=info.created_at_ms,
        ended_at=info.ended_at_ms,
    )


def session_created(info: SessionInfo) -> SessionCreated:
    return SessionCreated(**msgspec.structs.asdict(session_view(info)))
