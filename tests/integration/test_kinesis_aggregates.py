"""Aggregates of the Kinesis Producer Library, from the stream to what the job's poller emits."""

from __future__ import annotations

import asyncio
import time

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.fan_out_source import AmazonFanOutSource
from connectors.amazon.shard_source import AmazonShardSource
from connectors.interfaces.shard_source import MAX_HASH_KEY, StartAt, StartKind, hash_key
from pipelines.session.records import ReadRecord
from schemas.avro_codec import encode
from schemas.values import AudioChunk, DeadLetter
from tests.integration.kinesis_polling import TICK_S, Polling
from tests.unit.connectors.amazon.kpl_aggregates import aggregate

pytestmark = pytest.mark.integration

READERS = 3
WITHIN_S = 120.0
KEY_OF_KPL = "a"
"""Of every aggregate; its explicit hash key says where it lies."""


def chunk_of(session_id: str, sequence: int) -> AudioChunk:
    return AudioChunk(session_id, 0, sequence, 1_000 + sequence, 2_000, bytes(2 * sequence + 2))


def sessions_near(place: int) -> list[str]:
    """Some in the same half of the hash space, which one of the two shards owns."""
    middle = MAX_HASH_KEY // 2
    keys = (f"session-{number}" for number in range(40))
    return [key for key in keys if (hash_key(key) > middle) == (place > middle)][:6]


async def emitted_by(polling: Polling, count: int) -> list[tuple[str, ReadRecord] | DeadLetter]:
    emitted: list[tuple[str, ReadRecord] | DeadLetter] = []
    give_up_at_s = time.monotonic() + WITHIN_S
    while len(emitted) < count and time.monotonic() < give_up_at_s:
        emitted += polling.tick()
        await asyncio.sleep(TICK_S)
    for _ in range(10):  # anything twice would come now
        emitted += polling.tick()
        await asyncio.sleep(TICK_S)
    return emitted


@pytest.mark.parametrize("read", ["poll", "fan_out"])
async def test_packed_chunks_come_out_once_and_a_malformed_pack_is_one_dead_letter(
    aws_clients: AwsClients, read: str
) -> None:
    kinesis = await aws_clients.kinesis()
    stream = aws_clients.settings.names.audio_stream
    chunks = {
        place: [chunk_of(key, sequence) for sequence in range(3) for key in sessions_near(place)]
        for place in (0, MAX_HASH_KEY)
    }
    for place, mine in chunks.items():
        packed = aggregate([(chunk.session_id, encode(chunk)) for chunk in mine])
        for data in (packed, packed[:-1] + bytes([packed[-1] ^ 1])):
            await kinesis.put_record(
                StreamName=stream,
                PartitionKey=KEY_OF_KPL,
                ExplicitHashKey=str(place),
                Data=data,
            )
    clients = AwsClients(aws_clients.settings)  # on the poller's loop
    source = AmazonFanOutSource(clients, "job") if read == "fan_out" else AmazonShardSource(clients)
    start = StartAt(StartKind.TRIM_HORIZON)
    polling = Polling(source, READERS, start, on_close=(clients.close,))
    emitted = await emitted_by(polling, sum(map(len, chunks.values())) + 2)
    polling.close()
    letters = [each for each in emitted if isinstance(each, DeadLetter)]
    heard = [each[1].chunk for each in emitted if not isinstance(each, DeadLetter)]
    put = [chunk for mine in chunks.values() for chunk in mine]
    assert len(heard) == len(put)
    for session_id in {chunk.session_id for chunk in put}:
        mine = [chunk for chunk in put if chunk.session_id == session_id]
        assert [chunk for chunk in heard if chunk and chunk.session_id == session_id] == mine
    assert [(letter.stage, letter.cause) for letter in letters] == [
        ("read", "not Avro single-object encoding")
    ] * 2
    assert len({letter.key.split("/")[0] for letter in letters}) == 2, "one of each shard"
