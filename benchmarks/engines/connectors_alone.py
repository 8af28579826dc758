"""What the outside calls cost by themselves, against a local cloud.

python -m benchmarks.engines.connectors_alone --endpoint http://127.0.0.1:4566

One process, calls in flight as the job has them. The local cloud shares the machine's cores, so
the rates are floors for the code and say nothing about AWS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.cost.ledger import long_head
from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.clip_store import AmazonClipStore
from connectors.amazon.ledger import AmazonLedger
from connectors.amazon.resources import create_resources
from connectors.amazon.shard_source import AmazonShardSource
from connectors.interfaces.shard_source import StartAt, StartKind
from schemas.values import EntryKind, FixedOutcome, LedgerEntry

CLIP_BYTES = 24_000
CHUNK_BYTES = 8_000
RECORDS_A_PUT = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """``per_s`` calls a second with ``in_flight`` at once; latencies of single calls in ms."""

    what: str
    calls: int
    in_flight: int
    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms_per_call: float


async def measure(
    what: str, calls: int, in_flight: int, one: Callable[[int], Awaitable[object]]
) -> Cost:
    took_ms: list[float] = []
    numbers = iter(range(calls))

    async def caller() -> None:
        for number in numbers:
            began_s = time.perf_counter()
            await one(number)
            took_ms.append((time.perf_counter() - began_s) * 1000)

    await one(calls)  # opens the connection
    took_ms.clear()
    began_s, cpu_began_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    lasted_s = time.perf_counter() - began_s
    cpu_s = time.process_time() - cpu_began_s
    took_ms.sort()
    return Cost(
        what=what,
        calls=calls,
        in_flight=in_flight,
        per_s=round(calls / lasted_s, 1),
        p50_ms=round(took_ms[len(took_ms) // 2], 2),
        p99_ms=round(took_ms[int(len(took_ms) * 0.99)], 2),
        cpu_ms_per_call=round(cpu_s / calls * 1000, 2),
    )


def entry(number: int) -> LedgerEntry:
    return LedgerEntry(
        session_id=f"session-{number % 100}",
        number=number,
        epoch=0,
        kind=EntryKind.SPEECH,
        first_sample=number * 48_000,
        end_sample=(number + 1) * 48_000,
        text="a sentence of about the length that three seconds of speech have",
        language="en",
        captured_at_ms=int(time.time() * 1000),
        committed_at_ms=int(time.time() * 1000),
        writer="benchmark",
        resume_sample=number * 48_000,
        resume_sequence=number * 12,
        resume_sequence_sample=number * 48_000,
    )


async def run(endpoint: str) -> list[Cost]:
    settings = AwsSettings.local(endpoint, f"bench{uuid.uuid4().hex[:8]}")
    await create_resources(settings, shards=1)
    clients = AwsClients(settings)
    ledger, store, source = (
        AmazonLedger(clients),
        AmazonClipStore(clients),
        AmazonShardSource(clients),
    )
    body = bytes(CLIP_BYTES)

    async def put_clip(number: int) -> None:
        await store.put(
            f"sessions/s/translated/es/{number}.mp3",
            body,
            content_type="audio/mpeg",
            metadata={"sessionId": "s", "targetLanguage": "es"},
        )

    kinesis = await clients.kinesis()
    records = [
        {"Data": bytes(CHUNK_BYTES), "PartitionKey": f"session-{index}"}
        for index in range(RECORDS_A_PUT)
    ]

    async def put_records(_: int) -> None:
        await kinesis.put_records(StreamName=settings.names.audio_stream, Records=records)  # pyright: ignore[reportArgumentType] # plain dicts

    (shard,) = await source.list_shards()
    at_tip = await source.iterator(shard.shard_id, StartAt(StartKind.LATEST))
    costs = [
        await measure("ledger commit, new", 2000, 32, lambda number: ledger.commit(entry(number))),
        await measure(
            "ledger commit, taken", 1000, 32, lambda number: ledger.commit(entry(number))
        ),
        await measure(
            "ledger commit, one at a time", 300, 1, lambda n: ledger.commit(entry(5000 + n))
        ),
        await measure(
            "ledger fix",
            1000,
            32,
            lambda n: ledger.fix(f"session-{n % 100}", n, FixedOutcome("es", "así es", None, n)),
        ),
        await measure(
            "ledger save head",
            1000,
            32,
            lambda n: ledger.save_head(long_head(f"session-{n % 100}", 2, n)),
        ),
        await measure("S3 put of 24 KB", 1000, 32, put_clip),
        await measure("presign", 2000, 1, lambda n: store.presign(f"{n}.mp3", expires_s=600)),
        await measure("GetRecords at the tip", 300, 1, lambda _: source.read(at_tip, 1000)),
        await measure("PutRecords of 100 x 8 KB", 50, 2, put_records),
    ]
    at_start = await source.iterator(shard.shard_id, StartAt(StartKind.TRIM_HORIZON))
    costs.append(
        await measure("GetRecords of 200 x 8 KB", 50, 1, lambda _: source.read(at_start, 200))
    )
    await clients.close()
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    costs = asyncio.run(run(options.endpoint))
    print(f"{'call':30} {'in flight':>9} {'per s':>9} {'p50 ms':>8} {'p99 ms':>8} {'cpu ms':>7}")
    for cost in costs:
        print(
            f"{cost.what:30} {cost.in_flight:9} {cost.per_s:9.1f} {cost.p50_ms:8.2f}"
            f" {cost.p99_ms:8.2f} {cost.cpu_ms_per_call:7.2f}"
        )
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=2))


if __name__ == "__main__":
    sys.exit(main())
