"""When a scripted connector fails and how long it takes: for tests, chaos runs and benchmarks."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)


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


@dataclass(frozen=True, slots=True)
class TailedDelay:
    """Lognormal with the given mean, so with a slow tail: one call in a hundred takes
    ``p99_ratio`` means or longer. The same for the same text (or call) of the same seed,
    whichever caller asks and however often.
    """

    mean_s: float
    p99_ratio: float = 2.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mean_s <= 0 or not 1 < self.p99_ratio < _STEEPEST_RATIO:
            raise ValueError(f"no such lognormal: {self}")

    def of(self, key: str) -> float:
        digest = hashlib.blake2b(f"{self.seed}/{key}".encode(), digest_size=8).digest()
        share = (int.from_bytes(digest) + 0.5) / 2**64
        sigma = self._sigma
        return self.mean_s * math.exp(sigma * _NORMAL.inv_cdf(share) - sigma**2 / 2)

    @property
    def _sigma(self) -> float:
        """Of the logarithm: the smaller root of z sigma - sigma^2 / 2 = ln(p99 / mean)."""
        return _Z99 - math.sqrt(_Z99**2 - 2 * math.log(self.p99_ratio))


_NORMAL = NormalDist()
_Z99 = _NORMAL.inv_cdf(0.99)
_STEEPEST_RATIO = math.exp(_Z99**2 / 2)
"""About 15: no lognormal has a 99th percentile further above its mean."""


class ScriptedCalls:
    """Counts calls, lets each take its time on the running loop, and fails those that shall."""

    def __init__(self, delay: Delay | TailedDelay, faults: Sequence[Fault]) -> None:
        self._delay = delay
        self._faults = faults
        self.made = 0

    async def make(self, text: str = "") -> None:
        self.made += 1
        call = self.made
        # sleep(0) also where no delay is wanted: a call always gives way, as a real one does.
        await asyncio.sleep(self._delay_s(call, text))
        for fault in self._faults:
            if fault.strikes(call, text):
                raise fault.kind.error()

    def _delay_s(self, call: int, text: str) -> float:
        if isinstance(self._delay, Delay):
            return self._delay.of_call(call)
        return self._delay.of(text or str(call))
