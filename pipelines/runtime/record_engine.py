"""An engine that only reads: for a job whose sessions are served after session windows.

What it hands on is recognised elsewhere, in whichever process Flink puts the session's panes. How
far the ledger covers what was read is asked of the ledger itself, every few seconds; so is whether
a session owes anything, and whether another process has taken it over, which then has not all of
what was handed on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from connectors.calls.policy import call
from connectors.registry import Connectors
from pipelines.log.reader import ReadBatch, ReadOptions
from pipelines.log.record_decoder import decoded
from pipelines.log.shards import SavedMarks
from pipelines.runtime.reading_engine import ReadingEngine
from pipelines.runtime.session_shell import SessionTools
from pipelines.runtime.waiting_session import GIVE_UP_AFTER_S, is_unreadable
from pipelines.session.coverage import Coverage
from pipelines.session.low_water import OpenRecords, keep_older
from pipelines.session.outbox import coverage_of, is_settled
from pipelines.session.records import Flush, Place, ReadRecord
from schemas.values import ControlKind, DeadLetter, LedgerEntry, LedgerHead

_log = logging.getLogger(__name__)

ASK_EVERY_S = 2.0
ASK_AT_ONCE = 16
MOST_BYTES = 64 * 1024 * 1024
"""Audio that was read and is not covered; beyond that reading stops."""
MOST_A_BUNDLE = 500
"""Records: half a minute of audio. What an outage has left in the log is handed on in many bundles:
one that held all of it would take longer than the engine's lease, and the engine that came after it
would read all of it again."""
_FLUSHES = frozenset({ControlKind.PAUSE, ControlKind.MUTE, ControlKind.END})


@dataclass(slots=True)
class _Followed:
    """A session: what was read of it and is not covered, as of ``coverage``.

    ``newest``: the record that was read last. ``owner``: who has committed what was read; empty:
    nobody yet.
    """

    newest: Place
    coverage: Coverage = field(default_factory=Coverage)
    is_known: bool = False
    records: OpenRecords = field(default_factory=OpenRecords)
    owner: str = ""
    unreadable_since_s: float | None = None
    """Since when what the ledger holds of it cannot be read."""


class LedgerFollower:
    """The sessions of a reader, as the ledger tells them.

    A session is followed until nobody needs to take it over: all that was read of it is covered,
    and it owes nothing. Until then its newest record is kept at least, by which a restarted job
    meets it again. ``taken_over`` is called when another process owns a session from now on.
    """

    def __init__(
        self, connectors: Connectors, *, raw: bool, taken_over: Callable[[], None] = lambda: None
    ) -> None:
        self._connectors = connectors
        self._raw = raw
        self._taken_over = taken_over
        self._asking = asyncio.Semaphore(ASK_AT_ONCE)
        self._sessions: dict[str, _Followed] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def size_bytes(self) -> int:
        """Audio that was read and is not covered."""
        return sum(each.records.size_bytes for each in self._sessions.values())

    def note(self, session_id: str, record: ReadRecord) -> None:
        """A record was read, for the first time or again."""
        control, place = record.control, record.place
        if record.is_in_tables:
            return  # no session is taken over for it
        followed = self._sessions.get(session_id)
        if followed is None:
            followed = self._sessions[session_id] = _Followed(place)
        elif followed.newest.shard_id == place.shard_id and not _is_after(place, followed.newest):
            return
        followed.newest = place
        items = (Flush(),) if control is not None and control.kind in _FLUSHES else ()
        # A flush in the log is done once everything in front of it is.
        followed.records.add(record, items, flush=1)

    def oldest_open(self) -> dict[str, Place]:
        oldest: dict[str, Place] = {}
        for followed in self._sessions.values():
            for place in (*self._open(followed).values(), followed.newest):
                keep_older(oldest, place)
        return oldest

    async def run(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            sessions = tuple(self._sessions.items())
            news = await asyncio.gather(*(self._ask(*session) for session in sessions))
            if any(news):
                self._taken_over()

    async def _ask(self, session_id: str, followed: _Followed) -> bool:
        """Whether another process has taken the session over. What is wrong with one session harms
        no other."""
        try:
            async with self._asking:
                is_taken_over = await self._follow(session_id, followed)
                is_settled = not self._open(followed) and await self._is_settled(session_id)
                if is_settled and not self._open(followed):  # something may have come meanwhile
                    self._sessions.pop(session_id, None)
        except Exception as error:
            _log.warning("session %s: coverage not known: %s", session_id, type(error).__name__)
            if is_unreadable(error):
                self._unreadable(session_id, followed)
        else:
            followed.unreadable_since_s = None
            return is_taken_over
        return False

    def _unreadable(self, session_id: str, followed: _Followed) -> None:
        """Its host gives it up at the same time; it is to take no room, and to keep no mark."""
        now_s = asyncio.get_running_loop().time()
        if followed.unreadable_since_s is None:
            followed.unreadable_since_s = now_s
        elif now_s - followed.unreadable_since_s >= GIVE_UP_AFTER_S:
            self._sessions.pop(session_id, None)

    async def _follow(self, session_id: str, followed: _Followed) -> bool:
        is_first = not followed.is_known
        if is_first:
            head = await self._head(session_id)
            if head is not None:
                followed.coverage = Coverage.from_text(head.coverage)
            followed.is_known = True
        entries = await self._after(session_id, followed.coverage.last_number)
        followed.coverage = coverage_of(followed.coverage, entries)
        return not is_first and _is_taken_over(followed, entries)

    async def _is_settled(self, session_id: str) -> bool:
        head = await self._head(session_id)
        number = -1 if head is None else head.number
        return is_settled(await self._after(session_id, number))

    async def _head(self, session_id: str) -> LedgerHead | None:
        ledger, policy = self._connectors.ledger, self._connectors.policies.ledger
        return await call(policy, lambda: ledger.head(session_id))

    async def _after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        ledger, policy = self._connectors.ledger, self._connectors.policies.ledger
        return await call(policy, lambda: ledger.after(session_id, number))

    def _open(self, followed: _Followed) -> dict[str, Place]:
        if not self._raw:
            return followed.records.oldest(followed.coverage, flushes=1)
        covered = int(followed.coverage.of(0).resume_record or 0)
        return followed.records.oldest_from(covered, followed.coverage.arrived_through_ms)


def _is_after(place: Place, other: Place) -> bool:
    return int(place.number) > int(other.number)


def _is_taken_over(followed: _Followed, entries: Iterable[LedgerEntry]) -> bool:
    """Whether a fence stands among the new entries after what somebody else has committed."""
    is_taken_over = False
    for entry in entries:
        if not entry.takeover:
            followed.owner = entry.writer
        elif followed.owner and entry.writer != followed.owner:
            is_taken_over, followed.owner = True, ""
    return is_taken_over


class RecordEngine(ReadingEngine):
    """One reader; ``records`` are (session, record) in the log's order."""

    def __init__(
        self,
        number: int,
        options: ReadOptions,
        tools: SessionTools,
        saved: SavedMarks | None,
        rung: Callable[[], None],
    ) -> None:
        self._records: deque[tuple[str, ReadRecord]] = deque()
        self._is_raw = options.record_format == "pcm"
        self._stamp_ms = 0
        self._left = 0
        """Of ``MOST_A_BUNDLE``."""
        self._follower = LedgerFollower(
            tools.connectors, raw=self._is_raw, taken_over=self.read_again
        )
        super().__init__(number, options, tools, saved, rung)

    @property
    def sessions(self) -> int:
        return len(self._follower)

    def begin(self) -> None:
        self._supervised.start("following the ledger", self._follower.run)

    def take(self, batch: ReadBatch) -> None:
        by_session = decoded(batch, self._tools.loop.now_ms(), self._refuse, raw=self._is_raw)
        for session_id, records in by_session.items():
            for record in records:
                self._follower.note(session_id, record)
                self._records.append((session_id, record))
        self._rung()

    def oldest_open(self) -> dict[str, Place]:
        return self._follower.oldest_open()

    def is_full(self) -> bool:
        return self._follower.size_bytes > MOST_BYTES

    def asked(self) -> None:
        self._left = MOST_A_BUNDLE
        super().asked()

    def take_records(self) -> list[tuple[str, ReadRecord]]:
        """In the log's order, as many as the bundle may still hold."""
        taken = [self._records.popleft() for _ in range(min(self._left, len(self._records)))]
        self._left -= len(taken)
        return taken

    def stamp_ms(self, at_ms: int) -> int:
        """The event time of what is handed on: ``at_ms``, but never less than the last one. A clock
        that is set back would have records dropped as late."""
        self._stamp_ms = max(self._stamp_ms, at_ms)
        return self._stamp_ms

    def ended(self) -> None:
        self._records.clear()

    def _refuse(self, letter: DeadLetter) -> None:
        _log.warning("record %s refused: %s", letter.key, letter.cause)
        self.letters.append(letter)
        self._rung()
