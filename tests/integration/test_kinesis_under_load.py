"""The gateway's writer and the job's poller over a Kinesis that reshards and refuses under load.

What the gateway was told is durable comes out of the job's ordering: each chunk once, in order.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.fan_out_source import AmazonFanOutSource
from connectors.amazon.record_sink import AmazonRecordSink
from connectors.amazon.shard_source import AmazonShardSource
from connectors.interfaces.shard_source import Shard, StartAt, StartKind
from ingest_gateway.audio_in.put_queue import PutQueue, Settled
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.operations.metrics import Metrics
from pipelines.session.coverage import Coverage
from pipelines.session.order import Order
from pipelines.session.records import Chunk, Listeners, ReadRecord
from schemas.values import AudioChunk, DeadLetter, StreamRecord
from tests.integration.kinesis_polling import TICK_S, Polling
from tests.kinesis_local.front import Faults, Front
from tests.kinesis_local.server import kinesis_local

pytestmark = pytest.mark.integration

SESSIONS = tuple(f"session-{number}" for number in range(8))
CHUNKS = 40
EVERY_S = 0.25
SETTLE_S = 90.0
PUT_DEADLINE_MS = 120_000
"""Longer than the gateway's, and so is the wait for an answer: a machine that has other work shall
not make this test fail."""
READERS = 3


@pytest.fixture(scope="module")
def kinesis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with kinesis_local(tmp_path_factory.mktemp("kinesis-local")) as url:
        yield url


def chunk_of(session_id: str, sequence: int) -> AudioChunk:
    """No two chunks of a test are the same bytes."""
    pcm = random.Random(f"{session_id}/{sequence}").randbytes(320)
    now_ms = int(time.time() * 1000)
    return AudioChunk(session_id, 0, sequence, now_ms, now_ms, pcm)


@dataclass
class Heard:
    """What came of the job's ordering, by session."""

    chunks: dict[str, list[AudioChunk]] = field(default_factory=lambda: defaultdict(list))
    letters: list[DeadLetter] = field(default_factory=list[DeadLetter])
    _orders: dict[str, Order] = field(default_factory=dict[str, Order])

    @property
    def repeats(self) -> int:
        """Records that were dropped."""
        return sum(order.repeats for order in self._orders.values())

    @property
    def count(self) -> int:
        return sum(map(len, self.chunks.values()))

    def take(self, emitted: tuple[str, ReadRecord] | DeadLetter) -> None:
        if isinstance(emitted, DeadLetter):
            self.letters.append(emitted)
            return
        session_id, record = emitted
        order = self._orders.setdefault(session_id, Order(Coverage()))
        for item in order.take(record):
            assert isinstance(item, Chunk | Listeners), "a hole was given up"
            if isinstance(item, Chunk):
                self.chunks[session_id].append(item.audio)

    def check(self, chunks: int) -> None:
        """Every session's chunks in order, each once, with the bytes that were put."""
        assert self.letters == []
        heard = {
            session_id: [(chunk.sequence, chunk.pcm) for chunk in mine]
            for session_id, mine in self.chunks.items()
        }
        assert heard == {
            session_id: [
                (sequence, chunk_of(session_id, sequence).pcm) for sequence in range(chunks)
            ]
            for session_id in SESSIONS
        }


class Stream:
    """A stream of its own behind a front, and the gateway's writer into it."""

    def __init__(self, front: Front) -> None:
        local = AwsSettings.local(front.url, f"t{random.randrange(16**10):010x}")
        self.settings = replace(local, read_timeout_s=PUT_DEADLINE_MS / 1000)
        self.name = self.settings.names.audio_stream
        self._clients = AwsClients(self.settings)
        self.lost: list[StreamRecord] = []
        self.writer = RecordWriter(
            AmazonRecordSink(self._clients),
            PutQueue(deadline_ms=PUT_DEADLINE_MS, fraction=random.Random(1).random),
            self._note,
            now_ms=lambda: int(time.time() * 1000),
            metrics=Metrics(),
            room_bytes=1 << 22,
        )

    def _note(self, settled: Settled) -> Sequence[StreamRecord]:
        self.lost += [pending.value for pending in settled.lost + settled.unsure]
        return ()

    async def create(self, shards: int) -> None:
        kinesis = await self._clients.kinesis()
        await kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        await self.until_active()
        self.writer.start()

    async def until_active(self) -> None:
        kinesis = await self._clients.kinesis()
        while True:
            summary = await kinesis.describe_stream_summary(StreamName=self.name)
            if summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            await asyncio.sleep(0.02)

    async def open_shards(self) -> list[Shard]:
        """Those that take records, by their place in the hash space."""
        shards = await AmazonShardSource(self._clients).list_shards()
        parents = {parent for shard in shards for parent in shard.parent_ids}
        leaves = [shard for shard in shards if shard.shard_id not in parents]
        return sorted(leaves, key=lambda shard: shard.first_hash)

    async def split(self, place: int) -> None:
        shard = (await self.open_shards())[place]
        kinesis = await self._clients.kinesis()
        middle = (shard.first_hash + shard.last_hash) // 2
        await kinesis.split_shard(
            StreamName=self.name, ShardToSplit=shard.shard_id, NewStartingHashKey=str(middle)
        )
        await self.until_active()

    async def merge(self, place: int) -> None:
        """The shard of this place and the next one."""
        shards = await self.open_shards()
        kinesis = await self._clients.kinesis()
        await kinesis.merge_shards(
            StreamName=self.name,
            ShardToMerge=shards[place].shard_id,
            AdjacentShardToMerge=shards[place + 1].shard_id,
        )
        await self.until_active()

    async def speak(self, chunks: int) -> None:
        for sequence in range(chunks):
            for session_id in SESSIONS:
                self.writer.add(chunk_of(session_id, sequence))
            await asyncio.sleep(EVERY_S)
        assert await self.writer.drain(SETTLE_S)

    async def close(self) -> None:
        await self.writer.close()
        await self._clients.close()


@asynccontextmanager
async def stream_behind(front: Front, *, shards: int) -> AsyncGenerator[Stream]:
    stream = Stream(front)
    await stream.create(shards)
    try:
        yield stream
    finally:
        await stream.close()


async def hear(polling: Polling, heard: Heard, count: int) -> None:
    """Poll until so many chunks have come; what is missing is for ``check`` to say."""
    give_up_at_s = time.monotonic() + CHUNKS * EVERY_S + SETTLE_S
    while heard.count < count and time.monotonic() < give_up_at_s:
        for emitted in polling.tick():
            heard.take(emitted)
        await asyncio.sleep(TICK_S)
    for _ in range(20):  # anything twice would come now
        for emitted in polling.tick():
            heard.take(emitted)
        await asyncio.sleep(TICK_S)


def polling_of(stream: Stream, read: str) -> Polling:
    """With clients of its own, which live on the poller's loop."""
    clients = AwsClients(stream.settings)
    source = AmazonFanOutSource(clients, "job") if read == "fan_out" else AmazonShardSource(clients)
    start = StartAt(StartKind.TRIM_HORIZON)
    return Polling(source, READERS, start, on_close=(clients.close,))


@pytest.mark.parametrize("read", ["poll", "fan_out"])
async def test_splits_and_a_merge_lose_nothing_and_repeat_nothing(
    kinesis_url: str, read: str
) -> None:
    heard = Heard()
    async with Front(kinesis_url) as front, stream_behind(front, shards=2) as stream:
        polling = polling_of(stream, read)
        async with asyncio.TaskGroup() as group:
            group.create_task(hear(polling, heard, len(SESSIONS) * CHUNKS))
            group.create_task(stream.speak(CHUNKS))
            for change in (stream.split(0), stream.merge(1), stream.split(1)):
                await asyncio.sleep(CHUNKS * EVERY_S / 5)
                await change
        progress = polling.progress
        polling.close()
    heard.check(CHUNKS)
    assert stream.lost == []
    shards = {shard_id: one for mine in progress for shard_id, one in mine.items()}
    parents = {parent for one in shards.values() for parent in one.parents}
    assert len(shards) == 7, "two, two of a split, one of a merge, two of a split"
    assert len(parents) == 4
    assert {shard_id for shard_id, one in shards.items() if one.finished} == parents
    read_from = {shard_id for shard_id, one in shards.items() if one.sequence_number}
    assert len(read_from - parents) >= 2, "there were records in the last children"
    if read == "fan_out":
        assert front.ended_shards & parents, "a shard was pushed to its end"


async def test_a_third_of_all_puts_is_throttled_and_reads_fail_too(kinesis_url: str) -> None:
    faults = Faults(1 / 3, throttled_reads_every=5, expired_reads_every=7)
    heard = Heard()
    async with Front(kinesis_url, faults) as front, stream_behind(front, shards=2) as stream:
        polling = polling_of(stream, "poll")
        async with asyncio.TaskGroup() as group:
            group.create_task(hear(polling, heard, len(SESSIONS) * CHUNKS))
            group.create_task(stream.speak(CHUNKS))
        polling.close()
    heard.check(CHUNKS)
    assert stream.lost == []
    assert 0.25 < front.refused_records / front.offered_records < 0.42
    assert min(front.refused_reads.values()) >= 5
    assert heard.repeats == 0, "what was stored behind a refused record is not put again"
    assert front.offered_records - front.refused_records == len(SESSIONS) * CHUNKS
