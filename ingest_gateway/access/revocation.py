"""Tokens that their holders have signed out before they expired, known to every gateway.

A revoked token is kept by its id until it would have expired. Each process asks about a token at
most every ``CHECKED_EVERY_MS``, so that long is how late a revocation may be noticed elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.calls.policy import Policies, call
from connectors.interfaces.document_store import DocumentStore
from ingest_gateway.access.auth import CLOCK_LEEWAY_S, Identity, InvalidTokenError, TokenVerifier

CHECKED_EVERY_MS = 15_000
_MOST_KNOWN = 10_000


class Revocations:
    def __init__(self, store: DocumentStore, policies: Policies, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._policy = policies.directory
        self._now_ms = now_ms
        self._checked: dict[str, tuple[int, bool]] = {}

    async def revoke(self, identity: Identity) -> None:
        """Raises ConnectorError."""
        token_id, expires_at_ms = identity.token_id, identity.expires_at_ms
        if token_id is None or expires_at_ms is None:
            return
        kept_until_ms = expires_at_ms + CLOCK_LEEWAY_S * 1000
        await call(self._policy, lambda: self._store.add(_key(token_id), "", kept_until_ms))
        self._remember(token_id, True)

    async def look(self, token_id: str) -> bool:
        """Whether it is revoked, as of at most ``CHECKED_EVERY_MS`` ago. Raises ConnectorError."""
        checked_at_ms, is_revoked = self._checked.get(token_id, (None, False))
        age_ms = -1 if checked_at_ms is None else self._now_ms() - checked_at_ms
        if not 0 <= age_ms <= CHECKED_EVERY_MS:  # before zero: the clock was put back
            found = await call(self._policy, lambda: self._store.get(_key(token_id)))
            is_revoked = found is not None
            self._remember(token_id, is_revoked)
        return is_revoked

    def is_known(self, token_id: str | None) -> bool:
        """Whether the last look found it revoked."""
        return token_id is not None and self._checked.get(token_id, (0, False))[1]

    def _remember(self, token_id: str, is_revoked: bool) -> None:
        if len(self._checked) >= _MOST_KNOWN:
            self._checked.clear()
        self._checked[token_id] = (self._now_ms(), is_revoked)


class RevocableVerifier:
    """Refuses what ``verifier`` refuses, and what is revoked."""

    def __init__(self, verifier: TokenVerifier, revocations: Revocations) -> None:
        self._verifier = verifier
        self._revocations = revocations

    async def prepare(self, token: str) -> None:
        await self._verifier.prepare(token)
        try:
            identity = self._verifier.verify(token)
        except InvalidTokenError:
            return  # nobody is asked about it
        if identity.token_id is not None:
            await self._revocations.look(identity.token_id)

    def verify(self, token: str) -> Identity:
        identity = self._verifier.verify(token)
        if self._revocations.is_known(identity.token_id):
            raise InvalidTokenError("invalid token: its holder has signed out")
        return identity


def _key(token_id: str) -> str:
    return f"revoked#{token_id}"
