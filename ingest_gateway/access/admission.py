"""Who opens a WebSocket: a speaker by token or ticket, or a guest."""

from __future__ import annotations

from collections.abc import Mapping

from ingest_gateway.access.auth import Identity, TokenVerifier, presented_ticket, presented_token
from ingest_gateway.access.tickets import Tickets


async def identify(
    verifier: TokenVerifier,
    tickets: Tickets,
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    subprotocols: list[str],
) -> Identity | None:
    """None: a guest. Raises InvalidTokenError for a token or ticket that is not valid, and
    ConnectorError when that could not be found out."""
    ticket = presented_ticket(query, subprotocols)
    if ticket is not None:
        return await tickets.redeem(ticket)
    token = presented_token(headers, query, subprotocols)
    if token is None:
        return None
    await verifier.prepare(token)
    return verifier.verify(token)
