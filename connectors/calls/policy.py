"""Retries, deadlines and rate limits of outside calls: how they work, and every value, here only.

Connectors try once and raise ``errors.*``; their caller wraps the call::

    clip = await call(policies.synthesize, lambda: voice.synthesize(text, "es"))

Decision: no retry library. stamina and tenacity sleep through asyncio but take their deadlines
from ``time.monotonic``, so they neither expire nor wait in a test's virtual time, and neither
lets one throttled call slow down its neighbours. All time here is the running loop's.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectors.interfaces.errors import RetryableError, ThrottledError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Policy:
    """How long to try one call.

    ``deadline_s`` holds for everything together: attempts, waits between them and waits for the
    rate limit. ``per_call_s`` ends one attempt. Waits double from ``first_wait_s`` up to
    ``longest_wait_s``, each cut by a random part of up to half, so that callers spread out.

    ``hedged``: an attempt over its time goes on beside the next one, and the first answer counts
    (hedged requests: Dean and Barroso, "The Tail at Scale", 2013). For calls whose repetition
    changes nothing, and whose time is their content's: a long text would take as long again.
    """

    attempts: int = 4
    deadline_s: float = 10.0
    per_call_s: float = 5.0
    first_wait_s: float = 0.1
    longest_wait_s: float = 2.0
    hedged: bool = False

    def wait_s(self, attempt: int, error: RetryableError, fraction: float) -> float:
        """The pause behind attempt number ``attempt`` (from 1); ``fraction`` random in [0, 1)."""
        if isinstance(error, ThrottledError) and error.retry_after_s is not None:
            return error.retry_after_s
        full_s = min(self.first_wait_s * 2 ** (attempt - 1), self.longest_wait_s)
        return full_s * (1 - fraction / 2)


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy of every kind of call. A live talk does not wait: deadlines are seconds."""

    read: Policy = Policy(attempts=3, deadline_s=5.0, per_call_s=3.0)
    ledger: Policy = Policy(attempts=8, deadline_s=20.0, per_call_s=3.0)
    put_chunk: Policy = Policy(attempts=6, deadline_s=4.0, per_call_s=2.0)
    """Of a handler that puts one chunk; the gateway's own queue has a deadline of its own."""
    directory: Policy = Policy(attempts=4, deadline_s=6.0, per_call_s=2.0)
    signaling: Policy = Policy(attempts=4, deadline_s=15.0, per_call_s=6.0)
    positions: Policy = Policy(attempts=3, deadline_s=10.0, per_call_s=3.0)
    translate: Policy = Policy(attempts=4, deadline_s=8.0, per_call_s=4.0, hedged=True)
    synthesize: Policy = Policy(attempts=4, deadline_s=12.0, per_call_s=6.0, hedged=True)
    store_clip: Policy = Policy(attempts=5, deadline_s=15.0, per_call_s=5.0)
    notify: Policy = Policy(attempts=3, deadline_s=8.0, per_call_s=6.0)
    post_to_listener: Policy = Policy(attempts=2, deadline_s=4.0, per_call_s=2.5)
    dead_letter: Policy = Policy(attempts=5, deadline_s=30.0, per_call_s=5.0, longest_wait_s=8.0)
    voice_within_s: float = 15.0
    """Speech that ended longer ago than this is shown, not voiced: listeners catch up."""
    stream_opens_per_s: float = 25.0
    """Of one worker: Amazon Transcribe's default for an account."""
    stream_opens_at_once: int = 10


PATIENT = Policies(voice_within_s=math.inf)
"""For recorded audio: nothing in it is late."""


class RateLimiter:
    """At most ``per_s`` calls a second with bursts of ``burst``, first come first served.

    One object per service and process. Kept as the time at which the next call is due (GCRA), so
    a thousand waiting calls cost a thousand timers and no queue.
    """

    def __init__(self, per_s: float, burst: int = 1) -> None:
        if per_s <= 0 or burst < 1:
            raise ValueError(f"a rate limit needs per_s > 0 and burst >= 1: {per_s}, {burst}")
        self._gap_s = 1.0 / per_s
        self._head_start_s = self._gap_s * (burst - 1)
        self._next_due_s = float("-inf")
        self._held_until_s = float("-inf")

    async def acquire(self) -> None:
        """Wait for the turn. A caller that is cancelled while waiting has used its turn up."""
        loop = asyncio.get_running_loop()
        due_s = max(self._next_due_s, loop.time() - self._head_start_s)
        self._next_due_s = due_s + self._gap_s
        while True:  # a hold may come while this one waits
            wait_s = max(due_s, self._held_until_s) - loop.time()
            if wait_s <= 0:
                return
            await asyncio.sleep(wait_s)

    def hold(self, for_s: float) -> None:
        """Nobody's turn comes before ``for_s`` from now: the service asked for a pause."""
        held_until_s = asyncio.get_running_loop().time() + for_s
        self._held_until_s = max(self._held_until_s, held_until_s)


async def call(
    policy: Policy,
    attempt_once: Callable[[], Awaitable[T]],
    *,
    limiter: RateLimiter | None = None,
    fraction: Callable[[], float] = random.random,
) -> T:
    """The answer of ``attempt_once``, tried as often and as long as ``policy`` allows.

    Raises the last RetryableError (its class kept) when attempts or time are used up, and
    anything else at once.
    """
    if policy.attempts < 1:
        raise ValueError(f"a policy needs at least one attempt, not {policy.attempts}")
    loop = asyncio.get_running_loop()
    give_up_at_s = loop.time() + policy.deadline_s
    slow: _SlowAttempts[T] | None = _SlowAttempts() if policy.hedged else None
    try:
        for attempt in range(1, policy.attempts + 1):
            try:
                return await _attempt(policy, attempt_once, limiter, give_up_at_s, slow)
            except RetryableError as error:
                if limiter is not None and isinstance(error, ThrottledError):
                    limiter.hold(error.retry_after_s or policy.first_wait_s)
                wait_s = policy.wait_s(attempt, error, fraction())
                out_of_time = loop.time() + wait_s >= give_up_at_s
                if attempt == policy.attempts or out_of_time:
                    error.add_note(f"gave up after {attempt} of {policy.attempts} attempts")
                    raise
                await asyncio.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")
    finally:
        if slow is not None:
            await slow.cancel()


async def _attempt(
    policy: Policy,
    attempt_once: Callable[[], Awaitable[T]],
    limiter: RateLimiter | None,
    give_up_at_s: float,
    slow: _SlowAttempts[T] | None,
) -> T:
    loop = asyncio.get_running_loop()
    try:
        if limiter is not None:
            async with asyncio.timeout_at(give_up_at_s):
                await limiter.acquire()
        async with asyncio.timeout_at(min(give_up_at_s, loop.time() + policy.per_call_s)):
            return await (attempt_once() if slow is None else slow.first_of(attempt_once()))
    except TimeoutError as error:
        raise RetryableError(f"no answer within {policy.per_call_s:g} s") from error


class _SlowAttempts(Generic[T]):
    """The attempts of one hedged call that have not answered yet."""

    def __init__(self) -> None:
        self._pending: set[asyncio.Future[T]] = set()

    async def first_of(self, attempt: Awaitable[T]) -> T:
        """The first answer of ``attempt`` and those before it; its own time is its caller's.

        A failure that may pass raises when no other attempt is left.
        """
        self._pending.add(asyncio.ensure_future(attempt))
        while True:
            done, _ = await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
            self._pending -= done
            for one in sorted(done, key=lambda ended: ended.exception() is not None):
                error = one.exception()
                if error is None:
                    return one.result()
                if not self._pending or not isinstance(error, RetryableError):
                    raise error

    async def cancel(self) -> None:
        for attempt in self._pending:
            attempt.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)
