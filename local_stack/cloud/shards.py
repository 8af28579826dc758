"""Split and merge shards in MiniStack as Kinesis does: a parent is closed and keeps its records.

MiniStack deletes the parent with all that nobody has read yet. Here it stays listed, is read to its
end, which a missing ``NextShardIterator`` tells, and takes no record any more. That holds for
polling; a pushed subscription to a closed shard does not end.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import kinesis

Answer = tuple[int, dict[str, str], Any]
Shard = dict[str, Any]
_ENDED_AT = "ending_sequence_number"
"""In a shard that is closed: behind its last record."""

_kinesis: Any = kinesis
_split: Any = _kinesis._split_shard
_merge: Any = _kinesis._merge_shards
_get_records: Any = _kinesis._get_records
_shard_out: Any = _kinesis._shard_out


def close_parents() -> None:
    """Put the calls of this module in the place of MiniStack's own, for the whole process."""
    _kinesis._split_shard = split_shard
    _kinesis._merge_shards = merge_shards
    _kinesis._get_records = get_records
    _kinesis._shard_out = shard_out
    _kinesis._route_to_shard = route_to_shard


def split_shard(data: dict[str, Any]) -> Answer:
    return _keeping_parents(data, (data.get("ShardToSplit"),), _split)


def merge_shards(data: dict[str, Any]) -> Answer:
    parents = (data.get("ShardToMerge"), data.get("AdjacentShardToMerge"))
    return _keeping_parents(data, parents, _merge)


def get_records(data: dict[str, Any]) -> Answer:
    """As MiniStack's, without a next iterator at the end of a closed shard."""
    status, headers, body = _get_records(data)
    state = _kinesis._shard_iterators.get(data.get("ShardIterator"))
    if status != 200 or state is None:
        return status, headers, body
    shard = _kinesis._streams.get(state["stream"])["shards"][state["shard_id"]]
    if _ENDED_AT not in shard:
        return status, headers, body
    answer = json.loads(body)
    following = _kinesis._shard_iterators[answer["NextShardIterator"]]
    if following["position"] >= len(shard["records"]):
        del answer["NextShardIterator"]
    return status, headers, json.dumps(answer).encode()


def shard_out(shard_id: str, shard: Shard) -> dict[str, Any]:
    shown = _shard_out(shard_id, shard)
    if _ENDED_AT in shard:
        shown["SequenceNumberRange"]["EndingSequenceNumber"] = shard[_ENDED_AT]
    return shown


def route_to_shard(hash_key: int, stream: dict[str, Any]) -> str:
    """The open shard that takes this hash."""
    return next(
        shard_id
        for shard_id, shard in stream["shards"].items()
        if _ENDED_AT not in shard
        and int(shard["starting_hash_key"]) <= hash_key <= int(shard["ending_hash_key"])
    )


def _keeping_parents(data: dict[str, Any], names: tuple[str | None, ...], change: Any) -> Answer:
    _, stream = _kinesis._resolve_stream(data)
    parents: dict[str, Shard] = {}
    for name in names:
        shard = stream["shards"].get(name) if stream else None
        if name is not None and shard is not None:
            parents[name] = shard
    if any(_ENDED_AT in shard for shard in parents.values()):
        return error_response_json("InvalidArgumentException", "a shard is closed already", 400)
    ended_at = _kinesis._next_sequence_number()
    status, headers, body = change(data)
    if status == 200:
        for shard in parents.values():
            shard[_ENDED_AT] = ended_at
        stream["shards"].update(parents)
    return status, headers, body
