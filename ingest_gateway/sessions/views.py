"""Values as clients see them."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from connectors.interfaces.session_tables import ENDED
from ingest_gateway.protocol.messages import SessionCreated, SessionView, SignalingEndpoints
from ingest_gateway.sessions.channels import channel_of
from schemas.session_info import SessionInfo


def session_view(info: SessionInfo) -> SessionView:
    channel = None if info.status == ENDED else channel_of(info)  # with the session it ends too
    return SessionView(
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


def session_created(info: SessionInfo) -> SessionCreated:
    return SessionCreated(**msgspec.structs.asdict(session_view(info)))
