"""Rows of the ledger and of positions as commit 9bc5d6e wrote and read them, and which records of
the stream it knew.

A job of that commit may run beside this code's gateway and come back after a rollback, so that its
reading is part of the tables' format. Copied, with nothing added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.interfaces.positions import ShardPosition
from schemas.values import EntryKind, LedgerEntry, Route

Item = Mapping[str, Any]

_NUMBERS = {
    "sequenceNumber": "number",
    "epoch": "epoch",
    "firstSample": "first_sample",
    "endSample": "end_sample",
    "capturedAt": "captured_at_ms",
    "committedAt": "committed_at_ms",
    "resumeSample": "resume_sample",
    "resumeSequence": "resume_sequence",
    "resumeSequenceSample": "resume_sequence_sample",
}
_TEXTS = {"sessionId": "session_id", "text": "text", "language": "language", "writer": "writer"}
_GAP_NUMBERS = {
    "gapFromSequence": "gap_from_sequence",
    "gapUntilSequence": "gap_until_sequence",
}

_HEADERS = frozenset({"c301e0439b125883ca6d", "c3016ab163dcb9012a8d", "c301fb7aec5456b52442"})


def knows(data: bytes) -> bool:
    """Whether it knew a record's schema: of others it made a dead letter each."""
    return data[:10].hex() in _HEADERS


def written_entry(entry: LedgerEntry) -> dict[str, Any]:
    """The item that its commit put."""
    item: dict[str, Any] = {name: {"S": getattr(entry, field)} for name, field in _TEXTS.items()}
    item |= {name: {"N": str(getattr(entry, field))} for name, field in _NUMBERS.items()}
    item["kind"] = {"S": entry.kind.value}
    for name, field in _GAP_NUMBERS.items():
        if getattr(entry, field) is not None:
            item[name] = {"N": str(getattr(entry, field))}
    if entry.routes is not None:
        item["routes"] = {"L": [{"M": _route_value(route)} for route in entry.routes]}
    item["expiresAt"] = {"N": str(entry.committed_at_ms // 1000 + 86_400)}
    return item


def read_entry(item: Item) -> LedgerEntry:
    """What it made of an item. KeyError or ValueError: it could not read it. Its entries had no
    version; this code's constructor is told so."""
    values: dict[str, Any] = {field: item[name]["S"] for name, field in _TEXTS.items()}
    values |= {field: int(item[name]["N"]) for name, field in _NUMBERS.items()}
    values |= {field: int(item[name]["N"]) for name, field in _GAP_NUMBERS.items() if name in item}
    routes = (
        tuple(_route(found["M"]) for found in item["routes"]["L"]) if "routes" in item else None
    )
    return LedgerEntry(kind=EntryKind(item["kind"]["S"]), routes=routes, version=1, **values)


def written_position(job_name: str, position: ShardPosition) -> dict[str, Any]:
    return {
        "jobName": {"S": job_name},
        "shardId": {"S": position.shard_id},
        "sequenceNumber": {"S": position.sequence_number},
        "readThrough": {"N": str(position.read_through_ms)},
        "expiresAt": {"N": str(position.read_through_ms // 1000 + 8 * 86_400)},
    }


def read_position(item: Item) -> ShardPosition:
    return ShardPosition(
        shard_id=item["shardId"]["S"],
        sequence_number=item["sequenceNumber"]["S"],
        read_through_ms=int(item["readThrough"]["N"]),
    )


def saved_position(saved: Mapping[str, ShardPosition], shard_id: str) -> str:
    """Where its job went on in a shard without Flink's state."""
    of_shard = [
        row.sequence_number for key, row in saved.items() if key.rsplit("/", 1)[0] == shard_id
    ]
    if not all(of_shard):
        return ""
    times = [position for position in of_shard if position.startswith("@")]
    numbers = [position for position in of_shard if not position.startswith("@")]
    if times:
        return min(times, key=lambda position: int(position.removeprefix("@")))
    return min(numbers, key=int, default="")


def read_through(saved: Mapping[str, ShardPosition], reader: int) -> int:
    """Up to which arrival its job knew a reader to have read."""
    mine = [row.read_through_ms for name, row in saved.items() if name.endswith(f"/{reader}")]
    return min(mine, default=0)


def _route_value(route: Route) -> dict[str, Any]:
    value: dict[str, Any] = {"language": {"S": route.language}}
    if route.previous_number is not None:
        value["previousSequenceNumber"] = {"N": str(route.previous_number)}
    return value


def _route(value: Item) -> Route:
    previous = value.get("previousSequenceNumber")
    return Route(value["language"]["S"], None if previous is None else int(previous["N"]))
