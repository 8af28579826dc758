"""The WebSocket API's function: ``$connect``, ``$disconnect``, ``$default`` and every action."""

from __future__ import annotations

from typing import Any

from ingest_gateway.hosts.aws.environment import environment
from ingest_gateway.hosts.aws.events import Document, socket_event
from ingest_gateway.hosts.aws.socket_handlers import SocketHandlers


def handler(document: Document, _context: object) -> dict[str, Any]:
    here = environment()
    handlers = SocketHandlers(here.needs, here.documents, here.sockets)
    return here.run(lambda: handlers.handle(socket_event(document)))
