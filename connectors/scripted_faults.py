"""When a scripted connector fails and how long it takes: for tests, chaos runs and benchmarks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from connectors.errors import ConnectorError, PermanentError, RetryableError, ThrottledError


class FaultKind(StrEnum):
    RETRYABLE = "retryable"
    THROTTLED = "throttled"
    PERMANENT = "permanent"

    def error(self) -> ConnectorError:
        match self:
            case FaultKind.RETRYABLE:
                return RetryableError("scripted: connection lost")
            case FaultKind.THROTTLED:
                return ThrottledError("scripted: too many calls", retry_after_s=0.2)
            case FaultKind.PERMANENT:
                return PermanentError("scripted: refused")


@dataclass(frozen=True, slots=True)
class Fault:
    """Fail ``calls`` (counted from 1; empty: every call) whose text contains ``text``."""

    kind: FaultKind
    calls: tuple[int, ...] = ()
    text: str = ""

    def strikes(self, call: int, text: str) -> bool:
        return (not self.calls or call in self.calls) and self.text in text


@dataclass(frozen=True, slots=True)
class Delay:
    """``at_least_s`` and up to ``spread_s`` more, the same for the same call of the same seed."""

    at_least_s: float = 0.0
    spread_s: float = 0.0
    seed: int = 0

    def of_call(self, call: int) -> float:
        if not self.spread_s:
            return self.at_least_s
        fraction = random.Random(f"{self.seed}/{call}").random()  # noqa: S311 - not a secret
        return self.at_least_s + self.spread_s * fraction


AT_ONCE = Delay()


class ScriptedCalls:
    """Counts calls, lets each take its time on the running loop, and fails those that shall."""

    def __init__(self, delay: Delay, faults: Sequence[Fault]) -> None:
        self._delay = delay
        self._faults = faults
        self.made = 0

    async def make(self, text: str = "") -> None:
        self.made += 1
        call = self.made
        # sleep(0) also where no delay is wanted: a call always gives way, as a real one does.
        await asyncio.sleep(self._delay.of_call(call))
        for fault in self._faults:
            if fault.strikes(call, text):
                raise fault.kind.error()
