"""The gateway under attack: the real one with its guard, over tables and a stream in memory.

python -m benchmarks.gateway.abuse.server --port 8080 --connections 900

``GET /chunks/{session}`` tells what became durable of a session's chunks.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence

import msgspec
import uvicorn
from litestar import MediaType, get

from benchmarks.gateway.abuse.honest import JOB_TOKEN
from connectors.interfaces.record_sink import SinkRecord
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.erasure import NothingErased
from connectors.memory.ledger import MemoryLedger
from connectors.memory.session_tables import MemorySessionTables
from ingest_gateway.access.auth import LocalIssuer
from ingest_gateway.access.edge import Edge
from ingest_gateway.gateway import Gateway, GatewayDependencies, wall_clock_ms
from ingest_gateway.hosts.server.app import ServerApp
from ingest_gateway.hosts.server.guard import Guard, GuardLimits
from ingest_gateway.hosts.server.uvicorn_server import run, server_config
from ingest_gateway.sessions.languages import Languages
from local_stack.ports import free_ports
from local_stack.processes import Processes, Running
from schemas.avro_codec import decode
from schemas.values import AudioChunk


class ChunksStored(msgspec.Struct, frozen=True):
    """Of one session: chunks from 0 to ``highest``; those that are not there; repeats."""

    highest: int
    missing: int
    repeated: int


class CountingSink:
    """Keeps the numbers of chunks and nothing else, so that the memory seen is the gateway's."""

    def __init__(self) -> None:
        self._numbers: dict[str, Counter[int]] = {}

    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        await asyncio.sleep(0.01)
        for record in records:
            value = decode(record.data)
            if isinstance(value, AudioChunk):
                self._numbers.setdefault(value.session_id, Counter())[value.sequence] += 1
        return (None,) * len(records)

    async def close(self) -> None:
        pass

    def stored(self, session_id: str) -> ChunksStored:
        numbers = self._numbers.get(session_id, Counter())
        highest = max(numbers, default=-1)
        return ChunksStored(
            highest, highest + 1 - len(numbers), sum(numbers.values()) - len(numbers)
        )


async def serve(port: int, connections: int) -> None:
    issuer, sink = LocalIssuer(), CountingSink()
    needs = GatewayDependencies(
        edge=Edge(),
        job_token=JOB_TOKEN,
        open_issuer=True,
        tables=MemorySessionTables(wall_clock_ms),
        sink=sink,
        ledger=MemoryLedger(),
        clips=MemoryClipStore(),
        erasure=NothingErased(),
        languages=Languages(
            can_hear=lambda _source: True,
            can_translate=lambda source, target: source != target,
            can_speak=lambda _target: True,
        ),
        verifier=issuer,
        issuer=issuer,
    )
    gateway = Gateway(needs)
    app = ServerApp(gateway)

    @get("/chunks/{session_id:str}", media_type=MediaType.JSON)
    async def chunks(session_id: str) -> bytes:
        return msgspec.json.encode(sink.stored(session_id))

    @get("/operators-token", media_type=MediaType.TEXT)
    async def operators_token() -> str:
        return issuer.issue("olga", roles=("operator",))

    app.routes.register(chunks)
    app.routes.register(operators_token)
    limits = GuardLimits(connections=connections, kept_for_known=max(16, connections // 16))
    guard = Guard(limits, gateway.security, time.monotonic)
    sweeping = asyncio.create_task(guard.run())
    await uvicorn.Server(server_config(app, "127.0.0.1", port, guard=guard)).serve()
    sweeping.cancel()


def start_server(processes: Processes) -> tuple[str, Running]:
    """One that answers, and its address."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.gateway.abuse.server", f"--port={port}"]
    server = processes.start("gateway", command)
    server.wait_for_port(port)
    return f"http://127.0.0.1:{port}", server


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=900)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    run(serve(options.port, options.connections))


if __name__ == "__main__":
    sys.exit(main())
