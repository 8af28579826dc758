"""Step x: what could not be done, and why, goes where an operator can look at it for a day."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable

from beam_flink_kit.async_calls import LostCall
from connectors.calls.policy import call
from pipelines.runtime.worker import CallSite
from schemas.values import DeadLetter

_log = logging.getLogger(__name__)


class SendDeadLetter:
    """A handler of ``AsyncDoFn``; its answers are the keys that were sent."""

    stage = "dead_letter"

    def call_id(self, item: DeadLetter) -> str:
        return f"{item.stage}/{item.key}/{item.at_ms}"

    async def answers(self, item: DeadLetter, at: CallSite) -> AsyncIterator[str]:
        await call(
            at.connectors.policies.dead_letter, lambda: at.connectors.dead_letters.send(item)
        )
        yield item.key

    def failed(self, item: DeadLetter, error: Exception, at: CallSite) -> Iterable[str]:
        _log.error("dead letter %s lost: %s", item.key, type(error).__name__)
        return ()


def lost_letter(lost: LostCall) -> DeadLetter:
    """The letter of an element for which a step has no outcome at all."""
    return DeadLetter(lost.stage, lost.cause, lost.call_id, time.time_ns() // 1_000_000)
