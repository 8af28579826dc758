"""Who comes next where there are fewer streams than sessions: the order is pure, the waiting not.

- A session whose stream broke takes its place again before anybody else: it speaks, and is heard.
  The place is kept for it for ``KEPT_S``.
- Then the caller that has waited longest. It goes on when its caller gave up and asks again soon.
- Who gave a stream back is taken to ask ``RECENT_S`` after that: others, who had none, come first.
- A session never holds two. A second request of one that waits takes the place of the first.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace

from connectors.interfaces.errors import RetryableError, ThrottledError

KEPT_S = 1.0
RECENT_S = 10.0
REMEMBERED_S = 60.0
"""A wait that nobody came back to for so long is over."""
TELL_EVERY_S = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a session that has no stream. ``since_s``: it asks since then. ``at_s``: when something
    last happened to it."""

    at_s: float
    since_s: float | None = None
    gave_back_at_s: float | None = None
    broke: bool = False

    def asking(self, now_s: float) -> Standing:
        since_s = now_s if self.since_s is None else self.since_s
        if self.gave_back_at_s is not None and not self.broke:
            since_s = max(since_s, self.gave_back_at_s + RECENT_S)
        return replace(self, at_s=now_s, since_s=since_s)

    @property
    def order(self) -> tuple[bool, float]:
        """The least comes first."""
        return not self.broke, self.at_s if self.since_s is None else self.since_s


@dataclass(slots=True)
class Queue:
    """The order of turns; time is an argument."""

    _standings: dict[str, Standing] = field(default_factory=dict[str, Standing])
    _waiting: dict[str, None] = field(default_factory=dict[str, None])

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, session: str, now_s: float) -> None:
        self._forget_before(now_s - REMEMBERED_S)
        self._standings[session] = self._standings.get(session, Standing(now_s)).asking(now_s)
        self._waiting[session] = None

    def give_up(self, session: str, now_s: float) -> None:
        """Its place is kept for a while."""
        self._waiting.pop(session, None)
        self._standings[session] = replace(self._standings[session], at_s=now_s)

    def take_next(self) -> str:
        """Whose turn it is; of those who asked at the same time, who asked first."""
        session = min(self._waiting, key=lambda one: self._standings[one].order)
        del self._waiting[session], self._standings[session]
        return session

    def gave_back(self, session: str, now_s: float, *, broke: bool) -> None:
        self._standings[session] = Standing(now_s, gave_back_at_s=now_s, broke=broke)

    def longest_wait_s(self, now_s: float) -> float:
        since = [self._standings[one].order[1] for one in self._waiting]
        return max(0.0, now_s - min(since, default=now_s))

    def _forget_before(self, at_s: float) -> None:
        old = [
            session
            for session, standing in self._standings.items()
            if standing.at_s < at_s and session not in self._waiting
        ]
        for session in old:
            del self._standings[session]


class FairSemaphore:
    """At most ``places`` sessions hold one, and at most ``per_s`` get one in a second."""

    def __init__(self, places: int, per_s: float) -> None:
        self._places = places
        self._gap_s = 1.0 / per_s
        self._next_start_s = float("-inf")
        self._queue = Queue()
        self._held: set[str] = set()
        self._kept: dict[str, asyncio.TimerHandle] = {}
        self._turns: dict[str, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._told_at_s = float("-inf")
        self.refusals = 0
        """How often a session found no place in time."""

    @property
    def waiting(self) -> int:
        """Sessions that have no place and ask for one."""
        return len(self._queue)

    @property
    def is_wanted(self) -> bool:
        """Whether a caller waits for a place, not only for the next start."""
        return bool(self._queue) and self._is_full

    @property
    def _is_full(self) -> bool:
        return len(self._held) + len(self._kept) >= self._places

    async def acquire(self, session: str, within_s: float) -> None:
        """Wait for the turn. ThrottledError: for ``within_s`` no place was free; ask again, the
        place in the queue is kept. RetryableError: the session has a place, or asked once more."""
        loop = asyncio.get_running_loop()
        if session in self._held:
            raise RetryableError("this session has a stream already")
        self._keep_no_longer(session)
        earlier = self._turns.pop(session, None)
        if earlier is not None:
            earlier.set_exception(RetryableError("this session asked for a stream once more"))
        turn = self._turns[session] = loop.create_future()
        self._queue.ask(session, loop.time())
        self._serve()
        try:
            while not turn.done():
                await asyncio.wait((turn,), timeout=within_s)
                if not turn.done() and self._is_full:
                    raise self._refusal(loop.time())
            turn.result()
        except BaseException:
            self._leave(session, turn)
            raise

    def release(self, session: str, *, broke: bool = False) -> None:
        """``broke``: the session did not want to lose it, and asks again at once."""
        if session not in self._held:
            return
        loop = asyncio.get_running_loop()
        self._held.remove(session)
        self._queue.gave_back(session, loop.time(), broke=broke)
        if broke:
            self._kept[session] = loop.call_later(KEPT_S, self._did_not_come, session)
        self._serve()

    def hold(self, for_s: float) -> None:
        """Nobody starts before ``for_s`` from now: the service asked for a pause."""
        held_until_s = asyncio.get_running_loop().time() + for_s
        self._next_start_s = max(self._next_start_s, held_until_s)

    def _did_not_come(self, session: str) -> None:
        self._keep_no_longer(session)
        self._serve()

    def _keep_no_longer(self, session: str) -> None:
        kept = self._kept.pop(session, None)
        if kept is not None:
            kept.cancel()

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue and not self._is_full:
            wait_s = self._next_start_s - loop.time()
            if wait_s > 0:
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = loop.call_later(wait_s, self._serve)
                return
            self._next_start_s = max(self._next_start_s, loop.time()) + self._gap_s
            session = self._queue.take_next()
            self._held.add(session)
            self._turns.pop(session).set_result(None)

    def _leave(self, session: str, turn: asyncio.Future[None]) -> None:
        """Of a caller who was refused or cancelled."""
        if self._turns.get(session) is turn:
            del self._turns[session]
            turn.cancel()
            self._queue.give_up(session, asyncio.get_running_loop().time())
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.release(session)  # the turn came while its caller was cancelled

    def _refusal(self, now_s: float) -> ThrottledError:
        self.refusals += 1
        said = (
            f"{self._places} streams are open, which is the limit; sessions that wait: "
            f"{len(self._queue)}, the longest for {self._queue.longest_wait_s(now_s):.0f} s"
        )
        if now_s - self._told_at_s >= TELL_EVERY_S:
            self._told_at_s = now_s
            _log.warning(said)
        return ThrottledError(said)
