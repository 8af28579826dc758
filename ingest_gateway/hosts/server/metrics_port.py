"""``/metrics`` on a port of its own, which only Prometheus need reach."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from prometheus_client import start_http_server

from ingest_gateway.gateway import Gateway
from ingest_gateway.settings import GatewaySettings


@contextmanager
def metrics_apart(gateway: Gateway, settings: GatewaySettings) -> Generator[int | None]:
    """Serve it until the context ends, from a thread; the port, or None: it is not apart. Port 0:
    any that is free."""
    if settings.metrics_port is None:
        yield None
        return
    server, thread = start_http_server(
        settings.metrics_port, settings.host, registry=gateway.metrics.registry
    )
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
