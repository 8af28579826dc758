"""From a put to the job's poller: polling against enhanced fan-out, on a local cloud.

python -m benchmarks.kinesis.reading

A process of its own puts as so many sessions speak: chunks of 250 ms, in calls of PutRecords 50 ms
apart. The job's own ``PollShards`` reads, asked every 50 ms as the live clock does. Latency is from
the call of PutRecords until the DoFn emits the decoded chunk. MiniStack itself looks for records
to push every 0.2 s, so its share of fan-out is up to that; AWS pushes at once.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import struct
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from statistics import quantiles

import psutil

from benchmarks.kinesis.polling import TICK_S, Polling
from benchmarks.tables import save, show
from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.fan_out_source import AmazonFanOutSource
from connectors.amazon.resources import create_resources
from connectors.amazon.shard_source import AmazonShardSource
from connectors.interfaces.shard_source import StartAt, StartKind
from local_stack.cloud.local_cloud import LocalCloud, start_local_cloud, use_local_credentials
from local_stack.ports import free_ports
from local_stack.processes import Processes
from schemas.avro_codec import encode
from schemas.values import SAMPLE_RATE_HZ, AudioChunk, DeadLetter

CHUNKS_A_S = 4
CHUNK_BYTES = 2 * SAMPLE_RATE_HZ // CHUNKS_A_S
PUTS_A_S = 20
"""The gateway gathers records for a few milliseconds."""
SESSIONS_A_SHARD = 25
"""Of the 31 whose audio fits into the megabyte a second that Kinesis takes."""
WARM_UP_S = 5.0
SETTLE_S = 3.0
MODULE = "benchmarks.kinesis.reading"
_STAMP = struct.Struct(">q")


@dataclass(frozen=True, slots=True)
class Load:
    sessions: int
    shards: int
    readers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """``missing``: put and never emitted; ``*_cpu_percent`` of one core; the reader is this
    process, all readers of it."""

    way: str
    sessions: int
    shards: int
    readers: int
    chunks: int
    missing: int
    p50_ms: float
    p99_ms: float
    reader_cpu_percent: float
    cloud_cpu_percent: float


@dataclass(frozen=True, slots=True)
class Found:
    rows: tuple[Reading, ...]
    flat: dict[str, float]
    """Keys such as ``p99_ms_fan_out_200_sessions_1_readers_a_shard``."""


async def put_for(settings: AwsSettings, load: Load) -> None:
    """Chunks that carry the time of their call, at an even pace."""
    clients = AwsClients(settings)
    kinesis = await clients.kinesis()
    stream = settings.names.audio_stream
    chunks = load.sessions * CHUNKS_A_S * round(load.seconds)
    puts = round(load.seconds) * PUTS_A_S
    try:
        await kinesis.describe_stream_summary(StreamName=stream)  # opens the connection
        began_s = time.monotonic()
        for number in range(puts):
            await asyncio.sleep(max(0.0, began_s + number / PUTS_A_S - time.monotonic()))
            due = range(chunks * number // puts, chunks * (number + 1) // puts)
            stamped = [_stamped(at, load.sessions) for at in due]
            if not stamped:
                continue
            answer = await kinesis.put_records(
                StreamName=stream,
                Records=[
                    {"Data": encode(chunk), "PartitionKey": chunk.session_id} for chunk in stamped
                ],
            )
            if answer.get("FailedRecordCount"):
                raise RuntimeError("the local cloud refused a record")
    finally:
        await clients.close()


def _stamped(at: int, sessions: int) -> AudioChunk:
    """The sessions take turns; the time stands in the first samples."""
    now_ns = time.time_ns()
    pcm = _STAMP.pack(now_ns) + bytes(CHUNK_BYTES - _STAMP.size)
    now_ms = now_ns // 1_000_000
    return AudioChunk(f"session-{at % sessions}", 0, at // sessions, now_ms, now_ms, pcm)


class Ages:
    """How old every chunk was when the DoFn emitted it; one that came twice counts once."""

    def __init__(self, polling: Polling) -> None:
        self._polling = polling
        self._seen: set[tuple[str, int]] = set()
        self.ms: list[float] = []

    def poll_for(self, seconds: float) -> None:
        ends_at_s = time.monotonic() + seconds
        while time.monotonic() < ends_at_s:
            self._tick()
            time.sleep(TICK_S)

    def _tick(self) -> None:
        for emitted in self._polling.tick():
            if isinstance(emitted, DeadLetter) or emitted[1].chunk is None:
                raise RuntimeError("what was put is not what was read")
            chunk = emitted[1].chunk
            place = (chunk.session_id, chunk.sequence)
            if place not in self._seen:
                self._seen.add(place)
                put_at_ns: int = _STAMP.unpack_from(chunk.pcm)[0]
                self.ms.append((time.time_ns() - put_at_ns) / 1e6)


def measure(processes: Processes, cloud: LocalCloud, way: str, load: Load) -> Reading:
    settings = AwsSettings.local(cloud.endpoint, f"read{uuid.uuid4().hex[:8]}")
    cloud_process = psutil.Process(cloud.process.pid)
    patient = replace(settings, read_timeout_s=60.0)  # the local cloud has only just started
    asyncio.run(create_resources(patient, shards=load.shards))
    clients = AwsClients(settings)
    source = AmazonFanOutSource(clients, "job") if way == "fan_out" else AmazonShardSource(clients)
    start = StartAt(StartKind.AT_TIMESTAMP, str(time.time_ns() // 1_000_000))
    polling = Polling(source, load.readers, start, on_close=(clients.close,))
    ages = Ages(polling)
    try:
        ages.poll_for(WARM_UP_S)
        putting = processes.start("putting", [sys.executable, "-m", MODULE, *_put(settings, load)])
        began_s, cpu_began_s = time.monotonic(), time.process_time()
        cloud_began_s = _cpu_s(cloud_process)
        while putting.is_alive:
            ages.poll_for(0.5)
        lasted_s = time.monotonic() - began_s
        cpu_percent = 100 * (time.process_time() - cpu_began_s) / lasted_s
        cloud_cpu_percent = 100 * (_cpu_s(cloud_process) - cloud_began_s) / lasted_s
        putting.wait_for_exit(1)  # says so when it failed
        ages.poll_for(SETTLE_S)
    finally:
        polling.close()
    percentiles_ms = quantiles(ages.ms, n=100, method="inclusive")
    return Reading(
        way,
        load.sessions,
        load.shards,
        load.readers,
        len(ages.ms),
        load.sessions * CHUNKS_A_S * round(load.seconds) - len(ages.ms),
        round(percentiles_ms[49], 1),
        round(percentiles_ms[98], 1),
        round(cpu_percent, 1),
        round(cloud_cpu_percent, 1),
    )


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _put(settings: AwsSettings, load: Load) -> Iterator[str]:
    yield f"--endpoint={settings.endpoint_url}"
    yield f"--put-into={settings.stage}"
    yield f"--sessions={load.sessions}"
    yield f"--seconds={load.seconds}"


def run(loads: tuple[Load, ...], output: Path) -> Found:
    with Processes(output / "logs") as processes:
        use_local_credentials()
        (port,) = free_ports(1)
        cloud = start_local_cloud(processes, port)
        cloud.process.wait_for_port(cloud.port)
        rows = [
            measure(processes, cloud, way, load) for load in loads for way in ("poll", "fan_out")
        ]
    flat = {
        f"{name}_{row.way}_{row.sessions}_sessions_{row.readers // row.shards}_readers_a_shard": (
            getattr(row, name)
        )
        for row in rows
        for name in ("p50_ms", "p99_ms", "reader_cpu_percent", "missing")
    }
    return Found(tuple(rows), flat)


def loads_of(
    sessions: tuple[int, ...], readers_a_shard: tuple[int, ...], shards: int, seconds: float
) -> tuple[Load, ...]:
    """``shards`` 0: as many as Kinesis needs for the sessions' audio."""
    return tuple(
        Load(each, needed, needed * readers, seconds)
        for each in sessions
        for needed in (shards or math.ceil(each / SESSIONS_A_SHARD),)
        for readers in readers_a_shard
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sessions", type=int, nargs="+", default=[10, 200])
    parser.add_argument("--readers-a-shard", type=int, nargs="+", default=[1])
    parser.add_argument("--shards", type=int, default=0, help="0: as the sessions need")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--output", type=Path, default=Path("build/kinesis_reading"))
    parser.add_argument("--endpoint", default="", help=argparse.SUPPRESS)
    parser.add_argument("--put-into", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    loads = loads_of(
        tuple(given.sessions), tuple(given.readers_a_shard), given.shards, given.seconds
    )
    if given.put_into:
        asyncio.run(put_for(AwsSettings.local(given.endpoint, given.put_into), loads[0]))
        return
    found = run(loads, given.output)
    columns = (
        *("read", "sessions", "shards", "readers", "chunks", "missing"),
        *("p50 ms", "p99 ms", "CPU %", "cloud CPU %"),
    )
    title = f"from PutRecords to the DoFn, {CHUNKS_A_S} chunks/s a session"
    show(title, columns, [astuple(row) for row in found.rows])
    save(given.output / "kinesis_reading.json", found)


if __name__ == "__main__":
    main()
