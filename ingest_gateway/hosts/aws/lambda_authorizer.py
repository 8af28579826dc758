"""The authorizer of the WebSocket API's ``$connect`` (type REQUEST, answers not cached)."""

from __future__ import annotations

from typing import Any

from ingest_gateway.access.revocation import RevocableVerifier, Revocations
from ingest_gateway.access.tickets import Tickets
from ingest_gateway.hosts.aws.authorizer import authorize
from ingest_gateway.hosts.aws.environment import environment
from ingest_gateway.hosts.aws.events import Document, handshake


def handler(document: Document, _context: object) -> dict[str, Any]:
    here = environment()
    revocations = Revocations(here.documents, here.needs.policies, here.needs.now_ms)
    tickets = Tickets(here.documents, here.needs.policies, here.needs.now_ms, revocations)
    verifier = RevocableVerifier(here.needs.verifier, revocations)
    arn = str(document["methodArn"])
    return here.run(lambda: authorize(handshake(document), arn, verifier, tickets))
