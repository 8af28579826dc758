"""Splits and merges of the audio stream's shards, as an operator orders them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from connectors.amazon.clients import AwsSettings, boto_config_options, boto_options
from local_stack.processes import ProcessError


@dataclass(frozen=True, slots=True)
class OpenShard:
    """A shard that takes records; its hashes are from ``first_hash`` to ``last_hash``."""

    shard_id: str
    first_hash: int
    last_hash: int

    @property
    def middle(self) -> int:
        return (self.first_hash + self.last_hash) // 2 + 1


def open_shards(listed: Iterable[dict[str, Any]]) -> tuple[OpenShard, ...]:
    """Those of ListShards' answer that are not closed, in the order of their hashes."""
    found = (
        OpenShard(
            shard["ShardId"],
            int(shard["HashKeyRange"]["StartingHashKey"]),
            int(shard["HashKeyRange"]["EndingHashKey"]),
        )
        for shard in listed
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    )
    return tuple(sorted(found, key=lambda shard: shard.first_hash))


def shard_to_split(shards: Sequence[OpenShard], pick: float) -> OpenShard:
    """The one that the hash at ``pick`` of all hashes falls into: a wide one is likelier."""
    at = int(pick * shards[-1].last_hash)
    return next(shard for shard in shards if at <= shard.last_hash)


def shards_to_merge(shards: Sequence[OpenShard], pick: float) -> tuple[OpenShard, OpenShard]:
    """Two neighbours. ProcessError: there is one shard only."""
    if len(shards) < 2:
        raise ProcessError("there are no two shards to merge")
    first = min(int(pick * (len(shards) - 1)), len(shards) - 2)
    return shards[first], shards[first + 1]


def split_shard(aws: AwsSettings, pick: float) -> None:
    kinesis = _kinesis(aws)
    stream = aws.names.audio_stream
    shard = shard_to_split(_listed(kinesis, stream), pick)
    kinesis.split_shard(
        StreamName=stream, ShardToSplit=shard.shard_id, NewStartingHashKey=str(shard.middle)
    )


def merge_shards(aws: AwsSettings, pick: float) -> None:
    kinesis = _kinesis(aws)
    stream = aws.names.audio_stream
    first, second = shards_to_merge(_listed(kinesis, stream), pick)
    kinesis.merge_shards(
        StreamName=stream, ShardToMerge=first.shard_id, AdjacentShardToMerge=second.shard_id
    )


def _listed(kinesis: Any, stream: str) -> tuple[OpenShard, ...]:
    return open_shards(kinesis.list_shards(StreamName=stream)["Shards"])


def _kinesis(aws: AwsSettings) -> Any:
    session = boto3.session.Session()  # of its own: the default one is not safe between threads
    return session.client("kinesis", config=Config(**boto_config_options(aws)), **boto_options(aws))
