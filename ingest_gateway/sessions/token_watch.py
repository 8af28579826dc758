"""Connections end with the token that opened them: announced before, and put off by a newer one.

A guest has no token. A speaker by WHIP is not watched for expiry: there the token allows requests
(RFC 9725), and encoders cannot show another one in mid-talk; a revocation ends it all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from connectors.interfaces.errors import ConnectorError
from ingest_gateway.access.auth import CLOCK_LEEWAY_S, Identity, InvalidTokenError, TokenVerifier
from ingest_gateway.access.revocation import Revocations
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import (
    RefreshToken,
    TokenEnded,
    TokenExpiring,
    TokenRefreshed,
)
from ingest_gateway.sessions.hub import Connection, Hub

ANNOUNCED_MS = 120_000
"""So long before the end. A token that is younger than that is announced at once."""
LOOK_EVERY_S = 5.0
CLOSE_TOKEN_ENDED = 4401

_log = logging.getLogger(__name__)


class TokenWatch:
    def __init__(
        self,
        hub: Hub,
        verifier: TokenVerifier,
        revocations: Revocations,
        now_ms: Callable[[], int],
    ) -> None:
        self._hub = hub
        self._verifier = verifier
        self._revocations = revocations
        self._now_ms = now_ms

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for connection in self._hub.all():
                await self.look(connection)

    async def look(self, connection: Connection) -> None:
        """End it, announce its end, or leave it as it is."""
        identity = connection.peer.identity
        if identity is None or connection.closing is not None:
            return
        if await self._is_revoked(identity):
            _end(connection, TokenEnded(reason="revoked"))
        elif connection.outlives_token or identity.expires_at_ms is None:
            return
        else:
            self._look_at_clock(connection, identity.expires_at_ms)

    async def refresh(self, connection: Connection, wanted: RefreshToken) -> TokenRefreshed:
        """The connection goes on until the newer token ends. Raises Refusal: UNAUTHORIZED,
        FORBIDDEN; ConnectorError."""
        before = connection.peer.identity
        if before is None:
            raise Refusal("FORBIDDEN", "a guest's connection needs no token")
        try:
            await self._verifier.prepare(wanted.token)
            identity = self._verifier.verify(wanted.token)
        except InvalidTokenError as error:
            raise Refusal("UNAUTHORIZED", str(error)) from None
        if (identity.subject, identity.session_id) != (before.subject, before.session_id):
            raise Refusal("FORBIDDEN", "that is another person's token, or another session's")
        connection.peer = replace(connection.peer, identity=identity)
        connection.token_announced = False
        return TokenRefreshed(expires_at=identity.expires_at_ms or 0)

    async def sign_out(self, identity: Identity) -> None:
        """The token opens nothing any more, and what it has opened here ends. Raises
        ConnectorError."""
        await self._revocations.revoke(identity)
        for connection in self._hub.all():
            theirs = connection.peer.identity
            if theirs is not None and theirs.token_id == identity.token_id:
                _end(connection, TokenEnded(reason="revoked"))

    async def _is_revoked(self, identity: Identity) -> bool:
        if identity.token_id is None:
            return False
        try:
            return await self._revocations.look(identity.token_id)
        except ConnectorError as error:
            _log.warning("whether a token is revoked: %s", error)
            return False  # a talk goes on while that cannot be asked

    def _look_at_clock(self, connection: Connection, expires_at_ms: int) -> None:
        left_ms = expires_at_ms - self._now_ms()
        if left_ms <= -CLOCK_LEEWAY_S * 1000:
            _end(connection, TokenEnded(reason="expired"))
        elif left_ms <= ANNOUNCED_MS and not connection.token_announced:
            connection.token_announced = True
            connection.send(TokenExpiring(expires_at=expires_at_ms))


def _end(connection: Connection, last: TokenEnded) -> None:
    connection.send(last)
    connection.close(CLOSE_TOKEN_ENDED, "TOKEN_ENDED")
