"""The scheduled function: every minute, ends what is over and mends what is counted wrong."""

from __future__ import annotations

from ingest_gateway.hosts.aws.environment import environment
from ingest_gateway.hosts.aws.events import Document
from ingest_gateway.hosts.aws.sweep import sweep


def handler(_document: Document, _context: object) -> dict[str, int]:
    here = environment()
    return {"ended": here.run(lambda: sweep(here.needs, here.sockets))}
