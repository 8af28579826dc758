"""The two programs under load, each a process of its own.

python -m benchmarks.gateway.servers gateway|plain --port 8080 --answer-ms 10

``gateway`` is the real one over tables in memory. ``plain`` is the same framework, server and
options, and does nothing but hand each frame to the same sink and say that it did. Both tell at
``GET /seen`` what the sink saw.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec
import uvicorn
from litestar import Litestar, MediaType, WebSocket, get, websocket

from benchmarks.gateway.stand_in_sink import StandInSink
from connectors.interfaces.record_sink import SinkRecord
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.erasure import NothingErased
from connectors.memory.ledger import MemoryLedger
from connectors.memory.session_tables import MemorySessionTables
from ingest_gateway.access.auth import LocalIssuer
from ingest_gateway.access.edge import Edge
from ingest_gateway.gateway import Gateway, GatewayDependencies, wall_clock_ms
from ingest_gateway.hosts.server.app import ServerApp
from ingest_gateway.hosts.server.uvicorn_server import run, server_config
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.sessions.languages import Languages
from local_stack.flink import ROOT
from local_stack.ports import LOOPBACK, free_ports
from local_stack.processes import Processes, Running

Program = Literal["gateway", "plain"]
_UNLIMITED = 10**9


def gateway_app(sink: StandInSink) -> ServerApp:
    issuer = LocalIssuer()
    needs = GatewayDependencies(
        edge=Edge(trust_loopback=True),
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
        limits=Limits(
            creates_per_minute=_UNLIMITED,
            joins_per_minute=_UNLIMITED,
            hall_joins_per_minute=_UNLIMITED,
        ),
    )
    return ServerApp(Gateway(needs))


def plain_app(sink: StandInSink) -> Litestar:
    @websocket("/ws")
    async def forward(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        sequence = 0
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            frame = message.get("bytes")
            if frame is None:
                continue
            await sink.put([SinkRecord("plain", frame)])
            text = f'{{"type":"audioAck","sequence":{sequence}}}'
            await socket.send({"type": "websocket.send", "bytes": None, "text": text})
            sequence += 1

    return Litestar(route_handlers=[forward], openapi_config=None, logging_config=None)


class Seen(msgspec.Struct, frozen=True):
    """What the sink saw of the chunks that count; ``calls`` and ``records`` count all."""

    calls: int
    records: int
    chunks: int
    put_p50_ms: float
    put_p99_ms: float
    durable_p50_ms: float
    durable_p99_ms: float
    durable_longest_ms: float


def seen_by(sink: StandInSink) -> Seen:
    return Seen(
        calls=sink.calls,
        records=sink.records,
        chunks=sink.until_durable.count,
        put_p50_ms=sink.until_put.percentile(0.5),
        put_p99_ms=sink.until_put.percentile(0.99),
        durable_p50_ms=sink.until_durable.percentile(0.5),
        durable_p99_ms=sink.until_durable.percentile(0.99),
        durable_longest_ms=sink.until_durable.longest_ms,
    )


def with_seen(app: ServerApp | Litestar, sink: StandInSink) -> ServerApp | Litestar:
    @get("/seen", media_type=MediaType.JSON)
    async def seen() -> bytes:
        return msgspec.json.encode(seen_by(sink))

    (app.routes if isinstance(app, ServerApp) else app).register(seen)
    return app


@asynccontextmanager
async def served(
    processes: Processes, name: str, program: Program = "gateway", *options: str
) -> AsyncGenerator[tuple[str, Running]]:
    """A process of its own with this program, until the context ends: its address, and it. Raises
    ProcessError when it does not start."""
    (port,) = free_ports(1)
    server = processes.start(
        name,
        [sys.executable, "-m", "benchmarks.gateway.servers", program, f"--port={port}", *options],
        cwd=ROOT,
    )
    try:
        await asyncio.to_thread(server.wait_for_port, port)
        yield f"http://{LOOPBACK}:{port}", server
    finally:
        processes.stop(server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("program", choices=["gateway", "plain"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--answer-ms", type=float, default=10.0)
    options = parser.parse_args()
    sink = StandInSink(options.answer_ms)
    app = gateway_app(sink) if options.program == "gateway" else plain_app(sink)
    config = server_config(with_seen(app, sink), "127.0.0.1", options.port)
    run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    sys.exit(main())
