"""From a put to the reader: polling against enhanced fan-out, on a local cloud.

python -m benchmarks.kinesis_reading

A process of its own puts at an even pace; the job's own ``ShardReader``s read, taken from every
50 ms as a tick does. Latency ends where a batch lies in the reader. MiniStack itself looks for
records to push every 0.2 s, so its share of fan-out is up to that; AWS pushes at once.
"""

from __future__ import annotations

import argparse
import asyncio
import struct
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import psutil

from benchmarks.tables import save, show
from connectors.amazon_clients import AwsClients, AwsSettings
from connectors.amazon_fan_out_source import AmazonFanOutSource
from connectors.amazon_resources import create_resources
from connectors.amazon_shard_source import AmazonShardSource
from connectors.job_connectors import FolderConnectors, SpeechChoice
from connectors.registry import Connectors
from connectors.shard_source import RecordBatch, Shard, ShardSource, StartAt, StartKind
from local_stack.local_cloud import LocalCloud, start_local_cloud, use_local_credentials
from local_stack.ports import free_ports
from local_stack.processes import Processes
from pipelines.core.reading import readers_of, slice_of
from pipelines.worker.loops import LiveLoop
from pipelines.worker.reading import ShardReader

RECORD_BYTES = 8_000
PUTS_A_S = 20
"""The gateway gathers records for a few milliseconds; five a call at 100 a second."""
TAKE_EVERY_S = 0.05
WARM_UP_S = 5.0
SETTLE_S = 3.0
MODULE = "benchmarks.kinesis_reading"
_STAMP = struct.Struct(">q")


@dataclass(frozen=True, slots=True)
class Load:
    records_a_s: int
    shards: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """``missing``: put and never read; ``*_cpu_percent`` of one core; readers are this process."""

    way: str
    readers: int
    records: int
    missing: int
    p50_ms: float
    p99_ms: float
    reader_cpu_percent: float
    cloud_cpu_percent: float


@dataclass(frozen=True, slots=True)
class Found:
    load: Load
    rows: tuple[Reading, ...]
    flat: dict[str, float]
    """Keys such as ``p99_ms_fan_out_4_readers``."""


class StampedSource:
    """A ``ShardSource`` that notes how old each record is when ``read`` returns it."""

    def __init__(self, source: ShardSource) -> None:
        self._source = source
        self.seen: set[str] = set()
        self.ages_ms: list[float] = []

    @property
    def read_every_s(self) -> float:
        return self._source.read_every_s

    async def list_shards(self) -> tuple[Shard, ...]:
        return await self._source.list_shards()

    async def iterator(self, shard_id: str, start: StartAt) -> str:
        return await self._source.iterator(shard_id, start)

    async def read(self, iterator: str, limit: int) -> RecordBatch:
        batch = await self._source.read(iterator, limit)
        now_ns = time.time_ns()
        for record in batch.records:
            put_at_ns: int = _STAMP.unpack_from(record.data)[0]
            self.ages_ms.append((now_ns - put_at_ns) / 1e6)
            self.seen.add(record.sequence_number)
        return batch

    async def close(self) -> None:
        await self._source.close()


async def put_for(settings: AwsSettings, load: Load) -> None:
    """Records that carry the time of their call, at an even pace."""
    clients = AwsClients(settings)
    kinesis = await clients.kinesis()
    each = load.records_a_s // PUTS_A_S
    filling = bytes(RECORD_BYTES - _STAMP.size)
    stream = settings.names.audio_stream
    try:
        await kinesis.describe_stream_summary(StreamName=stream)  # opens the connection
        began_s = time.monotonic()
        for number in range(round(load.seconds * PUTS_A_S)):
            await asyncio.sleep(max(0.0, began_s + number / PUTS_A_S - time.monotonic()))
            stamped = _STAMP.pack(time.time_ns()) + filling
            answer = await kinesis.put_records(
                StreamName=stream,
                Records=[
                    {"Data": stamped, "PartitionKey": f"session-{number}-{index}"}
                    for index in range(each)
                ],
            )
            if answer.get("FailedRecordCount"):
                raise RuntimeError("the local cloud refused a record")
    finally:
        await clients.close()


class Ticks:
    """Every reader takes what its shards have ready, and goes on behind it."""

    def __init__(self, readers: list[ShardReader], start: StartAt) -> None:
        self._readers = readers
        self._start = start
        self._positions: dict[tuple[int, str], StartAt] = {}

    def run_for(self, seconds: float) -> None:
        ends_at_s = time.monotonic() + seconds
        while time.monotonic() < ends_at_s:
            for number, reader in enumerate(self._readers):
                share = slice_of(number, len(self._readers))
                for shard in reader.listed_shards() or ():
                    if share.overlaps(shard):
                        self._take(number, shard)
            time.sleep(TAKE_EVERY_S)

    def _take(self, number: int, shard: Shard) -> None:
        place = (number, shard.shard_id)
        position = self._positions.get(place, self._start)
        shares = readers_of(shard, len(self._readers))
        for batch in self._readers[number].take(shard.shard_id, position, shares):
            if batch.last:
                self._positions[place] = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, batch.last)


def connectors_with(source: ShardSource) -> Connectors:
    """Only the stream is used; the rest is whatever opens without services."""
    rest = FolderConnectors(Path(), SpeechChoice("scripted", "scripted", "scripted"))
    return replace(rest.build(), shard_source=source)


def measure(processes: Processes, cloud: LocalCloud, way: str, readers: int, load: Load) -> Reading:
    settings = AwsSettings.local(cloud.endpoint, f"read{uuid.uuid4().hex[:8]}")
    cloud_process = psutil.Process(cloud.process.pid)
    loop = LiveLoop()
    clients = AwsClients(settings)
    loop.wait(loop.start(create_resources(settings, shards=load.shards)))
    plain = AmazonFanOutSource(clients, "job") if way == "fan_out" else AmazonShardSource(clients)
    source = StampedSource(plain)
    start = StartAt(StartKind.AT_TIMESTAMP, str(time.time_ns() // 1_000_000))
    reading = [ShardReader(loop, connectors_with(source)) for _ in range(readers)]
    ticks = Ticks(reading, start)
    try:
        ticks.run_for(WARM_UP_S)
        putting = processes.start("putting", [sys.executable, "-m", MODULE, *_put(settings, load)])
        began_s, cpu_began_s = time.monotonic(), time.process_time()
        cloud_began_s = _cpu_s(cloud_process)
        while putting.is_alive:
            ticks.run_for(0.5)
        lasted_s = time.monotonic() - began_s
        cpu_percent = 100 * (time.process_time() - cpu_began_s) / lasted_s
        cloud_cpu_percent = 100 * (_cpu_s(cloud_process) - cloud_began_s) / lasted_s
        putting.wait_for_exit(1)  # says so when it failed
        ticks.run_for(SETTLE_S)
    finally:
        for reader in reading:
            reader.close()
        loop.wait(loop.start(source.close()))
        loop.wait(loop.start(clients.close()))
        loop.stop()
    ages_ms = sorted(source.ages_ms)
    put = round(load.seconds * PUTS_A_S) * (load.records_a_s // PUTS_A_S)
    return Reading(
        way,
        readers,
        len(source.seen),
        put - len(source.seen),
        round(ages_ms[len(ages_ms) // 2], 1),
        round(ages_ms[int(len(ages_ms) * 0.99)], 1),
        round(cpu_percent, 1),
        round(cloud_cpu_percent, 1),
    )


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _put(settings: AwsSettings, load: Load) -> Iterator[str]:
    yield f"--endpoint={settings.endpoint_url}"
    yield f"--put-into={settings.stage}"
    yield f"--records={load.records_a_s}"
    yield f"--seconds={load.seconds}"


def run(load: Load, output: Path) -> Found:
    with Processes(output / "logs") as processes:
        use_local_credentials()
        cloud = start_local_cloud(processes, *free_ports(1))
        cloud.process.wait_for_port(cloud.port)
        rows = [
            measure(processes, cloud, way, readers, load)
            for readers in (load.shards, 4 * load.shards)
            for way in ("poll", "fan_out")
        ]
    flat = {
        f"{name}_{row.way}_{row.readers}_readers": getattr(row, name)
        for row in rows
        for name in ("p50_ms", "p99_ms", "reader_cpu_percent", "missing")
    }
    return Found(load, tuple(rows), flat)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--records", type=int, default=100, help="a second")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--output", type=Path, default=Path("build/kinesis_reading"))
    parser.add_argument("--endpoint", default="", help=argparse.SUPPRESS)
    parser.add_argument("--put-into", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    load = Load(given.records, given.shards, given.seconds)
    if given.put_into:
        asyncio.run(put_for(AwsSettings.local(given.endpoint, given.put_into), load))
        return
    found = run(load, given.output)
    columns = ("read", "readers", "records", "missing", "p50 ms", "p99 ms", "CPU %", "cloud CPU %")
    title = f"{load.records_a_s} records/s of {RECORD_BYTES} bytes, {load.shards} shards"
    show(title, columns, [astuple(row) for row in found.rows])
    save(given.output / "kinesis_reading.json", found)


if __name__ == "__main__":
    main()
