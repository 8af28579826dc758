"""Values as clients see them."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from connectors.interfaces.session_tables import ENDED
from ingest_gateway.access.listener_rules import ListeningRules
from ingest_gateway.protocol.messages import SessionCreated, SessionView, SignalingEndpoints
from ingest_gateway.sessions.channels import channel_of
from ingest_gateway.sessions.listeners import MOST_LANGUAGES
from schemas.values import SessionInfo


def session_view(info: SessionInfo, subject: str | None = None) -> SessionView:
    """``subject``: who looks; only its owner sees who may listen to it."""
    channel = None if info.status == ENDED else channel_of(info)  # with the session it ends too
    view = SessionView(
        session_id=info.session_id,
        speaker_id=info.speaker_id,
        source_language=info.source_language,
        target_languages=info.target_languages,
        quality_tier=info.quality_tier,
        status=info.status,
        created_at=info.created_at_ms,
        ended_at=info.ended_at_ms,
        kvs_channel_arn=channel.arn if channel else UNSET,
        kvs_channel_name=channel.name if channel else UNSET,
        kvs_signaling_endpoints=(
            SignalingEndpoints(channel.wss, channel.https) if channel else UNSET
        ),
    )
    return view if subject != info.speaker_id else _owners_view(view, info)


def _owners_view(view: SessionView, info: SessionInfo) -> SessionView:
    rules = ListeningRules.of(info.extra)
    most = info.extra.get(MOST_LANGUAGES, "")
    return msgspec.structs.replace(
        view,
        listening_key=UNSET if rules.key is None else rules.key,
        listening="link" if rules.by_link else "id",
        access_code=rules.code,
        locked=rules.locked,
        max_languages=int(most) if most.isdecimal() else None,
    )


def session_created(info: SessionInfo) -> SessionCreated:
    """For its owner."""
    return SessionCreated(**msgspec.structs.asdict(session_view(info, info.speaker_id)))
