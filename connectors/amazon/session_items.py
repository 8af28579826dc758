"""Sessions, connections and counts in DynamoDB's own notation, and back.

Of a session's streams, ``epoch``, ``streamId``, ``durableSequence`` and ``clockOffsetMs`` are those
of the stream with the highest epoch, whether or not it was opened last: gateways of before
openings were counted add to ``epoch`` for a stream that is not ``streamId``, and know no other.
``opening`` is the last opening that was counted; it is the session's last if its connection is
``speakerConnectionId``, which every gateway writes at an opening. ``streams`` are the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from connectors.interfaces.session_tables import (
    MOST_STREAMS,
    ConnectionRow,
    CountChange,
    KnownStream,
    ListenerCounts,
    SessionRow,
)
from schemas.session_info import SessionInfo, keep_days

Item = dict[str, Any]
KEEP_MS = 24 * 3600 * 1000
_MOST_LIFE_MS = 8 * 3600 * 1000
COUNT = "listeners#"
PARTIALS = "partials#"
FEEDBACK = "feedback#"
READERS = "captionsOnly#"

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
        "speakerLostAt",
        "muted",
        "volume",
    }
)
_STREAM_ATTRIBUTES = (
    "epoch",
    "streamId",
    "durableSequence",
    "speakerConnectionId",
    "opening",
    "streams",
)
"""What an opening of a stream depends on, and writes."""


@dataclass(frozen=True, slots=True)
class Change:
    """An update with the condition that what it was made from still stands."""

    update: str
    condition: str
    values: Item


def owned_by(generation: int) -> str:
    """The condition that the session's last opening was this generation's (0: not counted)."""
    if generation:
        return "opening.#generation = :generation AND opening.#connection = speakerConnectionId"
    return (
        "(attribute_not_exists(opening.#connection) OR opening.#connection <> speakerConnectionId)"
    )


def with_lost(changes: list[str], values: dict[str, Item]) -> str:
    """The update of these; a speaker of whom nothing else is said is there."""
    lost = ", speakerLostAt = :lost" if ":lost" in values else " REMOVE speakerLostAt"
    return f"SET {', '.join(changes)}{lost}"


def session_expires_at_ms(info: SessionInfo) -> int:
    """With its last words, but not before them: a session lives for hours."""
    days = keep_days(info)
    lives_ms = KEEP_MS if days <= 1 else _MOST_LIFE_MS + days * KEEP_MS
    return info.created_at_ms + lives_ms


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
    info, newest = row.info, row.newest
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
        "epoch": number(row.epoch if newest is None else newest.epoch),
        "durableSequence": number(
            row.durable_sequence if newest is None else newest.durable_sequence
        ),
        "muted": {"BOOL": row.muted},
        "volume": number(row.volume),
    }
    optional = {
        "endedAt": None if info.ended_at_ms is None else number(info.ended_at_ms),
        "streamId": None if newest is None else text(newest.stream_id),
        "speakerConnectionId": (
            None if row.speaker_connection_id is None else text(row.speaker_connection_id)
        ),
        "clockOffsetMs": (
            None
            if row.clock_offset_ms is None or not _is_newest(row)
            else number(row.clock_offset_ms)
        ),
        "speakerSeenAt": (
            None if row.speaker_seen_at_ms is None else number(row.speaker_seen_at_ms)
        ),
        "speakerLostAt": (
            None if row.speaker_lost_at_ms is None else number(row.speaker_lost_at_ms)
        ),
        "opening": _opening(row),
        "streams": _streams(row),
    }
    return item | {name: value for name, value in optional.items() if value is not None}


def _is_newest(row: SessionRow) -> bool:
    return row.newest is None or row.newest.epoch == row.epoch


def _opening(row: SessionRow) -> Item | None:
    """``generation`` is that of the last opening that was counted; the rest stands in it only
    while that is the session's last."""
    if row.openings == 0:
        return None
    opening: Item = {"generation": number(row.openings)}
    if row.generation and row.stream_id is not None and row.speaker_connection_id is not None:
        opening |= {
            "connection": text(row.speaker_connection_id),
            "stream": text(row.stream_id),
            "epoch": number(row.epoch),
            "durable": number(row.durable_sequence),
        }
        if row.clock_offset_ms is not None and not _is_newest(row):
            opening["clock"] = number(row.clock_offset_ms)
    return {"M": opening}


def _streams(row: SessionRow) -> Item | None:
    newest = row.newest
    others = [stream for stream in row.earlier if stream != newest]
    if not others:
        return None
    return {
        "L": [
            {
                "M": {
                    "stream": text(stream.stream_id),
                    "epoch": number(stream.epoch),
                    "durable": number(stream.durable_sequence),
                }
            }
            for stream in others
        ]
    }


def session_row(item: Item) -> SessionRow:
    row = SessionRow(
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
        speaker_lost_at_ms=_int(item, "speakerLostAt"),
        muted=bool(item["muted"]["BOOL"]),
        volume=float(item["volume"]["N"]),
        speaker_connection_id=(
            item["speakerConnectionId"]["S"] if "speakerConnectionId" in item else None
        ),
    )
    return _with_openings(row, item) if "opening" in item else row


def _with_openings(newest: SessionRow, item: Item) -> SessionRow:
    """``newest``: the row as gateways of before see it, whose stream is that of the highest
    epoch."""
    opening: Item = item["opening"]["M"]
    openings = int(opening["generation"]["N"])
    others = [_known(each["M"]) for each in item.get("streams", {"L": []})["L"]]
    last = _known(opening) if "stream" in opening else None
    if last is None or opening["connection"]["S"] != newest.speaker_connection_id:
        # The session's last opening was not counted: it was of the newest stream.
        others += [] if last is None else [last]
        return replace(newest, openings=openings, earlier=_without(newest.stream_id, others))
    current = replace(newest, openings=openings, generation=openings)
    if last.epoch == newest.epoch:
        settled = current.settled(last.epoch, last.durable_sequence + 1)
        return replace(settled, earlier=_without(last.stream_id, others))
    return replace(
        current,
        stream_id=last.stream_id,
        epoch=last.epoch,
        durable_sequence=last.durable_sequence,
        clock_offset_ms=_int(opening, "clock"),
        earlier=_without(last.stream_id, [*others, *newest.known]),
    )


def _known(item: Item) -> KnownStream:
    return KnownStream(item["stream"]["S"], int(item["epoch"]["N"]), int(item["durable"]["N"]))


def _without(stream_id: str | None, streams: list[KnownStream]) -> tuple[KnownStream, ...]:
    """Of a stream that has two epochs (a gateway of before gave it the second) the higher counts;
    of ``stream_id`` the session's last opening tells it."""
    known: dict[str, KnownStream] = {}
    for stream in streams:
        before = known.pop(stream.stream_id, stream)
        known[stream.stream_id] = max(before, stream, key=lambda one: one.epoch)
    known.pop(stream_id or "", None)
    return tuple(known.values())[-(MOST_STREAMS - 1) :]


def streams_change(before: Item, row: SessionRow) -> Change:
    """From a row as it was read to what ``row`` says of its streams and its speaker."""
    after = session_item(row, expires_at_ms=0)
    conditions, changes, removed = list[str](), list[str](), list[str]()
    values: Item = {}
    for at, name in enumerate(_STREAM_ATTRIBUTES):
        if name in before:
            conditions.append(f"{name} = :was{at}")
            values[f":was{at}"] = before[name]
        else:
            conditions.append(f"attribute_not_exists({name})")
        if name in after:
            changes.append(f"{name} = :now{at}")
            values[f":now{at}"] = after[name]
        elif name in before:
            removed.append(name)
    if "speakerSeenAt" in after:
        changes.append("speakerSeenAt = :seen")
        values[":seen"] = after["speakerSeenAt"]
    if "speakerLostAt" in before and "speakerLostAt" not in after:
        removed.append("speakerLostAt")
    if before["epoch"] != after["epoch"]:  # the offset is that of the highest epoch's clock
        removed.append("clockOffsetMs")
    update = f"SET {', '.join(changes)}"
    if removed:
        update += f" REMOVE {', '.join(removed)}"
    return Change(update, " AND ".join(conditions), values)


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
    } | ({"listenerId": text(row.listener_id)} if row.listener_id else {})


def connection_row(item: Item) -> ConnectionRow:
    return ConnectionRow(
        connection_id=item["connectionId"]["S"],
        session_id=item["sessionId"]["S"],
        language=item["targetLanguage"]["S"],
        gateway_id=item["gatewayId"]["S"],
        connected_at_ms=int(item["connectedAt"]["N"]),
        expires_at_ms=int(item["expiresAtMs"]["N"]),
        capabilities=tuple(value["S"] for value in item.get("capabilities", {"L": []})["L"]),
        listener_id=item["listenerId"]["S"] if "listenerId" in item else "",
    )


def count_attributes(counts: CountChange | ListenerCounts) -> dict[str, int]:
    """Counts under the names that they have in the row."""
    kinds = (
        *((COUNT, counts.by_language), (PARTIALS, counts.partials)),
        *((READERS, counts.readers), (FEEDBACK, counts.feedback)),
    )
    return {kind + name: count for kind, of in kinds for name, count in of.items()}


def listener_counts(item: Item) -> ListenerCounts:
    """An absent row is revision -1. DynamoDB's ADD starts at 0, so the first change is 1 there
    and 0 here."""
    revision = int(item["revision"]["N"]) - 1 if "revision" in item else -1
    return ListenerCounts(
        _counts(item, COUNT),
        revision,
        *(_counts(item, kind) for kind in (PARTIALS, READERS, FEEDBACK)),
    )


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
