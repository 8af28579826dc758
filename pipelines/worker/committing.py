"""Writes one session's utterances into the ledger, and finds its place there after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from connectors.errors import RetryableError
from connectors.policy import call
from connectors.registry import Connectors
from pipelines.core.journal import Coverage, EpochPosition
from pipelines.worker.loops import WorkerLoop
from schemas.values import DeadLetter, EntryKind, LedgerEntry, Timeline, Utterance

_log = logging.getLogger(__name__)

T = TypeVar("T")

RESEND_WITHIN_MS = 60_000
"""A job without state sends on again what was committed this recently: it may not have been sent.
The positions such a job resumes from are as old as that (``SAVED_POSITIONS_AGE_MS``)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has a number."""

    kind: EntryKind
    epoch: int
    first_sample: int
    end_sample: int
    resume_sample: int
    resume_sequence: int
    resume_sequence_sample: int
    text: str = ""
    language: str = ""
    captured_at_ms: int = 0
    gap_from_sequence: int | None = None
    gap_until_sequence: int | None = None


class Committer:
    def __init__(
        self,
        session_id: str,
        connectors: Connectors,
        loop: WorkerLoop,
        coverage: Coverage,
        writer: str,
        send_on: Callable[[Utterance], None],
    ) -> None:
        self.coverage = coverage
        self._session_id = session_id
        self._connectors = connectors
        self._loop = loop
        self._writer = writer
        self._send_on = send_on

    def now_ms(self) -> int:
        return self._loop.now_ms()

    def position(self, epoch: int) -> EpochPosition:
        return self.coverage.of(epoch) or EpochPosition(epoch)

    async def recover(self) -> None:
        """Send on again what the ledger has and the job's state does not."""
        fresh = self.coverage.last_number < 0
        entries = await self._persist(
            lambda: self._connectors.ledger.after(self._session_id, self.coverage.last_number)
        )
        now_ms = self._loop.now_ms()
        for entry in entries:
            self.coverage = self.coverage.with_entry(entry)
            if not fresh or entry.committed_at_ms >= now_ms - RESEND_WITHIN_MS:
                timeline = Timeline.start(entry.captured_at_ms).mark("commit", now_ms)
                self._send_on(Utterance(entry, timeline))

    async def commit(self, draft: Draft, timeline: Timeline) -> LedgerEntry:
        """Write under the next free number. The answer is the entry that stands there: another
        writer's cut, if that writer was first; it is then ours to go on behind."""
        timeline = timeline.mark("recognise", self._loop.now_ms())
        entry = self._numbered(draft)
        winner = await self._persist(lambda: self._connectors.ledger.commit(entry))
        self.coverage = self.coverage.with_entry(winner)
        self._send_on(Utterance(winner, timeline.mark("commit", self._loop.now_ms())))
        return winner

    async def dead_letter(self, cause: str, number: int) -> None:
        letter = DeadLetter(
            "recognise",
            cause,
            f"{self._session_id}/{number}",
            self._loop.now_ms(),
            session_id=self._session_id,
        )
        try:
            await call(
                self._connectors.policies.dead_letter,
                lambda: self._connectors.dead_letters.send(letter),
            )
        except RetryableError as error:
            _log.error("dead letter %s not delivered: %s", letter.key, error)

    def _numbered(self, draft: Draft) -> LedgerEntry:
        return LedgerEntry(
            session_id=self._session_id,
            number=self.coverage.last_number + 1,
            epoch=draft.epoch,
            kind=draft.kind,
            first_sample=draft.first_sample,
            end_sample=draft.end_sample,
            text=draft.text,
            language=draft.language,
            # Clips are stored under this time: no two entries of a session may share it.
            captured_at_ms=max(draft.captured_at_ms, self.coverage.last_captured_at_ms + 1),
            committed_at_ms=self._loop.now_ms(),
            writer=self._writer,
            resume_sample=draft.resume_sample,
            resume_sequence=draft.resume_sequence,
            resume_sequence_sample=draft.resume_sequence_sample,
            gap_from_sequence=draft.gap_from_sequence,
            gap_until_sequence=draft.gap_until_sequence,
        )

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The ledger is waited for as long as it takes: without it nothing may go on."""
        while True:
            try:
                return await call(self._connectors.policies.ledger, attempt)
            except RetryableError as error:
                _log.warning("ledger unreachable for session %s: %s", self._session_id, error)
                await asyncio.sleep(1)
