"""Keys that are replaced before they expire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.signaling_channels import TemporaryCredentials

EARLY_MS = 5 * 60_000

_log = logging.getLogger(__name__)


class RefreshedKeys:
    """One request for new keys at a time, ``early_ms`` before the old ones end. While new ones
    cannot be had, the old ones serve for as long as they last."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[TemporaryCredentials]],
        now_ms: Callable[[], int],
        early_ms: int = EARLY_MS,
    ) -> None:
        self._fetch = fetch
        self._now_ms = now_ms
        self._early_ms = early_ms
        self._turn = asyncio.Lock()
        self._held: TemporaryCredentials | None = None

    async def current(self) -> TemporaryCredentials:
        """Raises what ``fetch`` raises, when there are no keys that are still good."""
        async with self._turn:
            held = self._held
            if held is not None and self._lasts(held, self._early_ms):
                return held
            try:
                self._held = await self._fetch()
            except ConnectorError as error:
                if held is None or not self._lasts(held, 0):
                    raise
                _log.warning("no new keys for signaling: %s", error)
                return held
            return self._held

    def _lasts(self, keys: TemporaryCredentials, for_ms: int) -> bool:
        return keys.expires_at_ms is None or self._now_ms() + for_ms < keys.expires_at_ms
