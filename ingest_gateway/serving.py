"""How uvicorn serves the gateway: every option that the protocol depends on."""

from __future__ import annotations

import logging
from pathlib import Path

import uvicorn
from litestar import Litestar

MAX_SOCKET_MESSAGE_BYTES = 1024 * 1024
"""A message over the protocol's limit is answered with an error; one over this ends its socket."""
GRACEFUL_S = 10


def server_config(
    app: Litestar,
    host: str,
    port: int,
    *,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
        ws="websockets-sansio",  # reads no further than the gateway takes: backpressure
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
        ws_ping_interval=None,  # a pong behind unread audio would be late: heartbeats serve
        ws_per_message_deflate=False,  # audio does not get smaller, and each socket needs 300 KB
        access_log=False,
        server_header=False,
        log_config=None,
        log_level=logging.WARNING,  # its INFO writes addresses with their query: tokens
        timeout_graceful_shutdown=GRACEFUL_S,
    )
