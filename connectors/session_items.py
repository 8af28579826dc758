"""Sessions, connections and counts in DynamoDB's own notation, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connectors.session_tables import ConnectionRow, ListenerCounts, SessionRow
from schemas.values import SessionInfo

Item = dict[str, Any]
COUNT = "listeners#"
PARTIALS = "partials#"

_SESSION_ATTRIBUTES = frozenset(
    {
        "sessionId",
        "speakerId",
        "sourceLanguage",
        "targetLanguages",
        "qualityTier",
        "status",
        "createdAt",
        "endedAt",
        "expiresAt",
        "epoch",
        "streamId",
        "speakerConnectionId",
        "durableSequence",
        "clockOffsetMs",
        "speakerSeenAt",
        "muted",
        "volume",
    }
)


def text(value: str) -> Item:
    return {"S": value}


def texts(values: Iterable[str]) -> Item:
    return {"L": [text(value) for value in values]}


def number(value: float) -> Item:
    return {"N": str(value)}


def seconds(at_ms: int) -> Item:
    """A TTL attribute: whole seconds, rounded up so that nothing expires early."""
    return number(-(-at_ms // 1000))


def session_item(row: SessionRow, *, expires_at_ms: int) -> Item:
    info = row.info
    item: Item = {name: text(value) for name, value in info.extra.items()}
    item |= {
        "sessionId": text(info.session_id),
        "speakerId": text(info.speaker_id),
        "sourceLanguage": text(info.source_language),
        "targetLanguages": texts(info.target_languages),
        "qualityTier": text(info.quality_tier),
        "status": text(info.status),
        "createdAt": number(info.created_at_ms),
        "expiresAt": seconds(expires_at_ms),
        "epoch": number(row.epoch),
        "durableSequence": number(row.durable_sequence),
        "muted": {"BOOL": row.muted},
        "volume": number(row.volume),
    }
    optional = {
        "endedAt": None if info.ended_at_ms is None else number(info.ended_at_ms),
        "streamId": None if row.stream_id is None else text(row.stream_id),
        "speakerConnectionId": (
            None if row.speaker_connection_id is None else text(row.speaker_connection_id)
        ),
        "clockOffsetMs": None if row.clock_offset_ms is None else number(row.clock_offset_ms),
        "speakerSeenAt": (
            None if row.speaker_seen_at_ms is None else number(row.speaker_seen_at_ms)
        ),
    }
    return item | {name: value for name, value in optional.items() if value is not None}


def session_row(item: Item) -> SessionRow:
    return SessionRow(
        info=SessionInfo(
            session_id=item["sessionId"]["S"],
            speaker_id=item["speakerId"]["S"],
            source_language=item["sourceLanguage"]["S"],
            target_languages=tuple(value["S"] for value in item["targetLanguages"]["L"]),
            quality_tier=item["qualityTier"]["S"],
            status=item["status"]["S"],
            created_at_ms=int(item["createdAt"]["N"]),
            ended_at_ms=_int(item, "endedAt"),
            extra={
                name: value["S"]
                for name, value in item.items()
                if name not in _SESSION_ATTRIBUTES and "S" in value
            },
        ),
        epoch=int(item["epoch"]["N"]),
        stream_id=item["streamId"]["S"] if "streamId" in item else None,
        durable_sequence=int(item["durableSequence"]["N"]),
        clock_offset_ms=_int(item, "clockOffsetMs"),
        speaker_seen_at_ms=_int(item, "speakerSeenAt"),
        muted=bool(item["muted"]["BOOL"]),
        volume=float(item["volume"]["N"]),
        speaker_connection_id=(
            item["speakerConnectionId"]["S"] if "speakerConnectionId" in item else None
        ),
    )


def connection_item(row: ConnectionRow) -> Item:
    return {
        "connectionId": text(row.connection_id),
        "sessionId": text(row.session_id),
        "targetLanguage": text(row.language),
        "gatewayId": text(row.gateway_id),
        "connectedAt": number(row.connected_at_ms),
        "expiresAtMs": number(row.expires_at_ms),
        "expiresAt": seconds(row.expires_at_ms),
        "capabilities": texts(row.capabilities),
    }


def connection_row(item: Item) -> ConnectionRow:
    return ConnectionRow(
        connection_id=item["connectionId"]["S"],
        session_id=item["sessionId"]["S"],
        language=item["targetLanguage"]["S"],
        gateway_id=item["gatewayId"]["S"],
        connected_at_ms=int(item["connectedAt"]["N"]),
        expires_at_ms=int(item["expiresAtMs"]["N"]),
        capabilities=tuple(value["S"] for value in item.get("capabilities", {"L": []})["L"]),
    )


def count_attributes(by_language: Mapping[str, int], partials: Mapping[str, int]) -> dict[str, int]:
    """Counts under the names that they have in the row."""
    return {COUNT + name: count for name, count in by_language.items()} | {
        PARTIALS + name: count for name, count in partials.items()
    }


def listener_counts(item: Item) -> ListenerCounts:
    """An absent row is revision -1. DynamoDB's ADD starts at 0, so the first change is 1 there
    and 0 here."""
    revision = int(item["revision"]["N"]) - 1 if "revision" in item else -1
    return ListenerCounts(_counts(item, COUNT), revision, _counts(item, PARTIALS))


def _counts(item: Item, prefix: str) -> dict[str, int]:
    counts = {
        name.removeprefix(prefix): int(value["N"])
        for name, value in item.items()
        if name.startswith(prefix)
    }
    return {language: count for language, count in counts.items() if count != 0}


def changed_at_ms(item: Item, *, default: int) -> int:
    return int(item["changedAt"]["N"]) if "changedAt" in item else default


def _int(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None
