"""Work that goes on for as long as the gateway does: what raises in it ends one turn, no more.

A task that ends by an error tells nobody, and what it did is done no more: rows of listeners who
have gone, talks that are over, tokens that have ended. So an error that nobody expected is logged
(where it was raised, not its message, which may hold what somebody sent), counted, and the work
goes on.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ingest_gateway.operations.metrics import Metrics

AGAIN_AFTER_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Background:
    metrics: Metrics

    async def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run ``work``, which is to go on for ever; again, a little later, when it raises."""
        while True:
            try:
                await work()
            except Exception:
                self.failed(name)
            await asyncio.sleep(AGAIN_AFTER_S)

    def failed(self, name: str) -> None:
        """The error that is being handled was not expected."""
        self.metrics.unexpected_errors.labels(name).inc()
        kind, _, where = sys.exc_info()
        frames = "".join(traceback.format_tb(where))
        _log.error("%s failed: %s\n%s", name, kind.__name__ if kind else "?", frames)
