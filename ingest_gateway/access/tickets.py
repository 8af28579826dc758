"""One-time tickets: a browser cannot send a header with a WebSocket's handshake, and addresses end
up in logs. So it shows its token over HTTP, gets a ticket for half a minute, and opens its
WebSocket with that. A used or old ticket that is found in a log is worth nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from connectors.calls.policy import Policies, call
from connectors.interfaces.document_store import DocumentStore
from ingest_gateway.access.auth import Identity, InvalidTokenError
from ingest_gateway.access.revocation import Revocations

TICKET_LIFETIME_S = 30
_MOST_CHARACTERS = 128


@dataclass(frozen=True, slots=True)
class Tickets:
    """Kept by their digest: a reader of the store cannot use what is in it."""

    store: DocumentStore
    policies: Policies
    now_ms: Callable[[], int]
    revocations: Revocations | None = None

    async def issue(self, identity: Identity) -> str:
        ticket = secrets.token_urlsafe(24)
        text = msgspec.json.encode(identity).decode()
        expires_at_ms = self.now_ms() + TICKET_LIFETIME_S * 1000
        # A second attempt may find what the first one wrote: the same identity.
        await call(
            self.policies.directory, lambda: self.store.add(_key(ticket), text, expires_at_ms)
        )
        return ticket

    async def redeem(self, ticket: str) -> Identity:
        """Whose it is; it is worth nothing afterwards. Raises InvalidTokenError, ConnectorError.

        Tried once: an attempt whose answer was lost has used the ticket up."""
        document = None
        if len(ticket) <= _MOST_CHARACTERS:
            document = await self.store.take(_key(ticket))
        if document is None:
            raise InvalidTokenError("invalid ticket: it was used, or is too old: get a new one")
        identity = msgspec.json.decode(document.text, type=Identity)
        if await self._is_revoked(identity):
            raise InvalidTokenError("invalid ticket: its holder has signed out")
        return identity

    async def _is_revoked(self, identity: Identity) -> bool:
        if self.revocations is None or identity.token_id is None:
            return False
        return await self.revocations.look(identity.token_id)


def _key(ticket: str) -> str:
    return f"ticket#{hashlib.sha256(ticket.encode()).hexdigest()}"
