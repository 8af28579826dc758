"""Plays a schedule on a running system, as exactly as the system lets it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.judge import PlayedAct
from benchmarks.chaos.schedule import QUIET_S, RECOVERY_S, PlannedAct, Touched

Strike = Callable[[PlannedAct], Awaitable[None]]


@dataclass(slots=True)
class Player:
    """``strike`` plays one act and returns when it is over.

    An act begins when it is planned to; later when the one before it in its lane took longer than
    planned, or another still disturbs the same; not at all when it would reach into the quiet
    before the talks' end.
    """

    strike: Strike
    talk_s: float
    say: Callable[[str], None]
    played: list[PlayedAct] = field(default_factory=list[PlayedAct])
    not_played: list[str] = field(default_factory=list[str])
    _began_s: float = 0.0
    _under_way: list[PlannedAct] = field(default_factory=list[PlannedAct])
    _locks: dict[Touched, asyncio.Lock] = field(default_factory=dict[Touched, asyncio.Lock])

    async def play(self, schedule: Sequence[PlannedAct]) -> None:
        """From now on, until all of it is over."""
        self._began_s = asyncio.get_running_loop().time()
        self._locks = {touched: asyncio.Lock() for touched in Touched}
        async with asyncio.TaskGroup() as group:
            for in_background in (True, False):
                lane = [act for act in schedule if act.kind.in_background is in_background]
                group.create_task(self._play_lane(lane))

    async def _play_lane(self, acts: Sequence[PlannedAct]) -> None:
        ready_s = 0.0
        for act in acts:
            await asyncio.sleep(max(act.at_s, ready_s) - self._now_s())
            locks = [self._locks[touched] for touched in sorted(act.kind.touches)]
            for lock in locks:
                await lock.acquire()
            try:
                if self._now_s() + act.lasts_s > self.talk_s - QUIET_S:
                    self.not_played.append(act.kind.name)
                    self.say(f"{act.kind.name} is left out: there is no time for it any more")
                    continue
                await self._strike(act)
            finally:
                for lock in locks:
                    lock.release()
            ready_s = self._now_s() + RECOVERY_S

    async def _strike(self, act: PlannedAct) -> None:
        beside = tuple(sorted(other.kind.name for other in self._under_way))
        at_s, at_ms = self._now_s(), _now_ms()
        lasts = f" for {act.lasts_s:.0f} s" if act.lasts_s else ""
        self.say(f"{at_s:4.0f} s: {act.kind.name}{lasts}")
        self._under_way.append(act)
        failure = ""
        try:
            await self.strike(act)
        except Exception as error:
            failure = f"{type(error).__name__}: {error}"
            self.say(f"{act.kind.name} failed: {failure}")
        finally:
            self._under_way.remove(act)
        self.played.append(
            PlayedAct(
                act.kind.name,
                round(at_s, 1),
                round(act.lasts_s, 1),
                at_ms,
                _now_ms(),
                beside,
                failure,
            )
        )
        self.say(f"{self._now_s():4.0f} s: {act.kind.name} is over")

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s


async def in_thread(work: Callable[[], None]) -> None:
    """As ``asyncio.to_thread``, but nobody waits for ``work`` when the run is stopped: an act may
    block for minutes."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if over.done():
            return
        if error is None:
            over.set_result(None)
        else:
            over.set_exception(error)

    def run() -> None:
        error: BaseException | None = None
        try:
            work()
        except Exception as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: the run was stopped
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=run, name="act", daemon=True).start()
    await over


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
