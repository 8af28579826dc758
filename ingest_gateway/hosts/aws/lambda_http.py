"""The HTTP API's function, payload format 2.0: sessions, talks, tickets."""

from __future__ import annotations

from functools import cache
from typing import Any

from ingest_gateway.hosts.aws.environment import environment
from ingest_gateway.hosts.aws.events import Document, http_call
from ingest_gateway.hosts.aws.http_bridge import HttpHandlers


@cache
def _handlers() -> HttpHandlers:
    here = environment()
    return HttpHandlers(here.needs, here.sockets)


def handler(document: Document, _context: object) -> dict[str, Any]:
    return environment().run(lambda: _handlers().handle(http_call(document)))
