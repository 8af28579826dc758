"""An engine that only reads: for a job whose sessions are served after session windows.

What it hands on is recognised elsewhere, in whichever process Flink puts the session's panes. How
far the ledger covers what was read is asked of the ledger itself, every few seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.ledger import Ledger
from pipelines.log.reader import ReadBatch, ReadOptions
from pipelines.log.record_decoder import decoded
from pipelines.log.shards import SavedMarks
from pipelines.runtime.reading_engine import ReadingEngine, emptied
from pipelines.runtime.session_shell import SessionTools
from pipelines.session.coverage import Coverage
from pipelines.session.low_water import OpenRecords, keep_older
from pipelines.session.outbox import coverage_of
from pipelines.session.records import Flush, Place, ReadRecord
from schemas.values import ControlKind, DeadLetter

_log = logging.getLogger(__name__)

ASK_EVERY_S = 2.0
MOST_BYTES = 64 * 1024 * 1024
"""Audio that was read and is not covered; beyond that reading stops."""
_FLUSHES = frozenset({ControlKind.PAUSE, ControlKind.MUTE, ControlKind.END})


@dataclass(slots=True)
class _Followed:
    """A session: what was read of it and is not covered, as of ``coverage``."""

    coverage: Coverage = field(default_factory=Coverage)
    is_known: bool = False
    records: OpenRecords = field(default_factory=OpenRecords)
    size_bytes: int = 0


class LedgerFollower:
    """The sessions of a reader, as the ledger tells them."""

    def __init__(self, ledger: Ledger, *, raw: bool) -> None:
        self._ledger = ledger
        self._raw = raw
        self._sessions: dict[str, _Followed] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def size_bytes(self) -> int:
        return sum(each.size_bytes for each in self._sessions.values())

    def note(self, session_id: str, record: ReadRecord) -> None:
        """A record was read."""
        followed = self._sessions.setdefault(session_id, _Followed())
        control = record.control
        items = (Flush(),) if control is not None and control.kind in _FLUSHES else ()
        # A flush in the log is done once everything in front of it is.
        followed.records.add(record, items, flush=1)
        if record.chunk is not None:
            followed.size_bytes += len(record.chunk.pcm)

    def oldest_open(self) -> dict[str, Place]:
        oldest: dict[str, Place] = {}
        for followed in self._sessions.values():
            for place in self._open(followed).values():
                keep_older(oldest, place)
        return oldest

    async def run(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            for session_id, followed in tuple(self._sessions.items()):
                try:
                    await self._ask(session_id, followed)
                except ConnectorError as error:
                    _log.warning("session %s: coverage not known: %s", session_id, error)
                if not self._open(followed):
                    self._sessions.pop(session_id, None)

    async def _ask(self, session_id: str, followed: _Followed) -> None:
        if not followed.is_known:
            head = await self._ledger.head(session_id)
            if head is not None:
                followed.coverage = Coverage.from_text(head.coverage)
            followed.is_known = True
        entries = await self._ledger.after(session_id, followed.coverage.last_number)
        followed.coverage = coverage_of(followed.coverage, entries)
        followed.size_bytes = 0 if not self._open(followed) else followed.size_bytes

    def _open(self, followed: _Followed) -> dict[str, Place]:
        if not self._raw:
            return followed.records.oldest(followed.coverage, flushes=1)
        covered = int(followed.coverage.of(0).resume_record or 0)
        return followed.records.oldest_from(covered, followed.coverage.arrived_through_ms)


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
        self._follower = LedgerFollower(tools.connectors.ledger, raw=self._is_raw)
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

    def take_records(self) -> list[tuple[str, ReadRecord]]:
        return emptied(self._records)

    def ended(self) -> None:
        self._records.clear()

    def _refuse(self, letter: DeadLetter) -> None:
        _log.warning("record %s refused: %s", letter.key, letter.cause)
        self.letters.append(letter)
        self._rung()
