"""Values as clients see them."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from connectors.interfaces.session_tables import ENDED
from ingest_gateway.access.listener_rules import ListeningRules
from ingest_gateway.protocol.messages import (
    BroadcastState,
    SessionCreated,
    SessionView,
    SignalingEndpoints,
    TalkPhase,
    TalkState,
)
from ingest_gateway.sessions.channels import channel_of
from ingest_gateway.sessions.live_sessions import LiveSession, Standing
from ingest_gateway.sessions.talk_caps import TalkCaps
from schemas.session_info import SessionInfo


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
    caps = TalkCaps.of(info.extra)
    return msgspec.structs.replace(
        view,
        listening_key=UNSET if rules.key is None else rules.key,
        listening="link" if rules.by_link else "id",
        access_code=rules.code,
        locked=rules.locked,
        max_languages=caps.languages,
        max_minutes=caps.minutes,
    )


def session_created(info: SessionInfo) -> SessionCreated:
    """For its owner."""
    return SessionCreated(**msgspec.structs.asdict(session_view(info, info.speaker_id)))


def broadcast_state(session_id: str, standing: Standing) -> BroadcastState:
    return BroadcastState(
        session_id=session_id,
        state=standing.state,
        volume=standing.volume,
        speaker=standing.speaker or UNSET,
    )


def talk_state(live: LiveSession, now_ms: int) -> TalkState:
    """Of a session that is in no room; what begins now begins to be told."""
    standing = live.standing(now_ms)
    phases: dict[str, TalkPhase] = {"ended": "ended", "paused": "paused"}
    if standing.speaker == "away" and standing.state != "ended":
        since_ms = live.row.speaker_lost_at_ms or live.row.speaker_seen_at_ms or now_ms
        return TalkState("speakerAway", since_ms, live.session_id)
    phase = phases.get(standing.state, "waiting" if standing.speaker is None else "live")
    return TalkState(phase, now_ms, live.session_id)
