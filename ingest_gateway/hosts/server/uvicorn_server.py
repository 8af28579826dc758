"""How uvicorn serves: every option that the protocol depends on, signals, and the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from ingest_gateway.hosts.server.guard import Guard, limits_of_process
from ingest_gateway.hosts.server.guarded_protocols import guarded_protocols
from ingest_gateway.operations.security_events import SecurityEvents
from ingest_gateway.protocol.limits import MAX_MESSAGE_BYTES
from ingest_gateway.settings import GatewaySettings

ASGIApplication = Any
MAX_HEAD_BYTES = 32 * 1024
MAX_SOCKET_MESSAGE_BYTES = 2 * MAX_MESSAGE_BYTES
"""A message over the protocol's limit is answered with an error; one over this ends its socket."""
GRACEFUL_S = 10
_COLLECT_AFTER = (10_000, 10, 5)
"""Python's 700 looks at frames that are merely on their way, counts them as old, and then looks at
everything: with 1,500 connections that stops the gateway for a third of a second and more."""


def run(serving: Coroutine[None, None, None]) -> None:
    """On uvloop, with a garbage collector that is made for a process of many connections. What
    is loaded by now stays for good: it is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serving)


def server_config(
    app: ASGIApplication,
    host: str,
    port: int,
    *,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    guard: Guard | None = None,
) -> uvicorn.Config:
    """``guard`` None: peers are not limited (another program's own server)."""
    http: Any = "h11"
    websockets: Any = "websockets-sansio"
    if guard is not None:
        http, websockets = guarded_protocols(guard)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
        http=http,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        ws=websockets,  # reads no further than the gateway takes: backpressure
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
        ws_ping_interval=None,  # a pong behind unread audio would be late: heartbeats serve
        ws_per_message_deflate=False,  # audio does not get smaller, and each socket needs 300 KB
        proxy_headers=False,  # uvicorn believes every peer on this machine: see access.edge
        access_log=False,
        server_header=False,
        log_config=None,
        log_level=logging.WARNING,  # its INFO writes addresses with their query: tokens
        timeout_graceful_shutdown=GRACEFUL_S,
    )


async def serve_app(
    app: ASGIApplication, settings: GatewaySettings, name: str, events: SecurityEvents
) -> None:
    """Until SIGTERM or Ctrl-C; ``name`` says who is ready."""
    guard = Guard(limits_of_process(), events, asyncio.get_running_loop().time)
    sweeping = asyncio.create_task(guard.run(), name="guard")
    config = server_config(
        app,
        settings.host,
        settings.port,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        guard=guard,
    )
    try:
        await _AnnouncingServer(config, name, settings.public_url).serve()
    finally:
        sweeping.cancel()


def start_logging(settings: GatewaySettings) -> None:
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for library in ("aioice", "aiortc"):  # their INFO writes where listeners are
        logging.getLogger(library).setLevel(logging.WARNING)


class _AnnouncingServer(uvicorn.Server):
    """Says on its output where it can be reached, once it can. ``url``: there; None: where it
    listens."""

    def __init__(self, config: uvicorn.Config, name: str, url: str | None = None) -> None:
        super().__init__(config)
        self._name = name
        self._url = url

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """uvicorn's own raises the signal again behind the shutdown, which ends the process
        before connections are closed, and with a code that says it was killed."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.force_exit = self.should_exit  # asked for a second time: wait for nobody
        self.should_exit = True

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            scheme = "https" if self.config.is_ssl else "http"
            url = f"{scheme}://{self.config.host}:{port}"
            sys.stdout.write(f"{self._name} ready: {self._url or url}\n")
            sys.stdout.flush()
