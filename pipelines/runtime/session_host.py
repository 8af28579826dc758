"""The sessions of one owner in this process: taken over, fed, looked after, forgotten.

An owner is a reader with what it reads (``engine``), or a key of panes (``transforms.panes``).

A session is taken over with the first record that comes for it: what the ledger holds is read, and
a *fence* is written after it. From then on no former owner can commit: its next entry would get the
fence's number. Records that come meanwhile wait.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Callable, Sequence

from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError, PermanentError
from connectors.interfaces.speech_to_text import capabilities_of, for_session
from pipelines.runtime.kept_records import KeptRecords
from pipelines.runtime.session_shell import SessionShell, SessionTools
from pipelines.runtime.supervision import FIRST_WAIT_S, LONGEST_WAIT_S, Supervised, unexpected
from pipelines.runtime.waiting_session import (
    GIVE_UP_AFTER_S,
    WaitingSession,
    is_unreadable,
    places_of,
)
from pipelines.segmentation.segmenter import Segmenter
from pipelines.session.coverage import Coverage
from pipelines.session.low_water import keep_older
from pipelines.session.machine import Session
from pipelines.session.outbox import coverage_of
from pipelines.session.recognition import promises_of
from pipelines.session.records import Now, Place, ReadRecord
from pipelines.session.takeover import SessionSettings, TakenOver, fence
from schemas.rooms import DEFAULT_KEEP_DAYS
from schemas.session_info import keep_days
from schemas.values import DeadLetter, FixedOutcome, ListenerLanguages, Utterance

_log = logging.getLogger(__name__)

DEFAULT_LANGUAGE = "en"
"""Of the old flow's producers, whose sessions have no row."""
LOOK_EVERY_S = 0.1
MOST_BYTES = 48 * 1024 * 1024
"""Audio that waits for recogniser or ledger; beyond that reading stops."""
BREAKDOWNS_BEFORE_GIVING_UP = 3


class _SupersededError(Exception):
    """A newer run of the job owns the session."""

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        self.generation = generation


class SessionHost:
    """``rung`` is called when an utterance waits in ``utterances`` or a letter in ``letters``;
    ``read_again``, when the log is to be read again (None: nobody reads it for this host, which
    keeps what the ledger does not cover); ``lost``, when an engine of a generation has taken a
    session over. ``delivers_all``: entries without routes come out too. ``audio_every_s``: how far
    apart records come, where they come in panes. All methods run in the loop."""

    def __init__(
        self,
        tools: SessionTools,
        segmenter: Segmenter,
        generation: int,
        *,
        raw: bool,
        rung: Callable[[], None],
        read_again: Callable[[], None] | None,
        lost: Callable[[int], None],
        delivers_all: bool = False,
        audio_every_s: float = 0.0,
    ) -> None:
        self.utterances: deque[Utterance] = deque()
        self.letters: deque[DeadLetter] = deque()
        self.is_full = False
        self.lost_to = 0
        """The generation of another engine that has taken a session over; 0: none has."""
        self._tell_lost = lost
        self._delivers_all = delivers_all
        self._audio_every_s = audio_every_s
        self._tools = tools
        self._segmenter = segmenter
        self._generation = generation
        self._raw = raw
        self._rung = rung
        self._read_again = read_again
        self._kept = KeptRecords() if read_again is None else None
        self._shells: dict[str, SessionShell] = {}
        self._waiting: dict[str, WaitingSession] = {}
        self._breakdowns: dict[str, int] = {}
        self._newest: dict[str, int] = {}
        self._refused_through: dict[str, int] = {}
        self._input_over: set[str] = set()
        self._supervised = Supervised()
        self._supervised.start("looking after sessions", self._look_after)

    # What comes in ------------------------------------------------------------------------------

    def take(
        self, session_id: str, records: Sequence[ReadRecord], fired_at_ms: int | None = None
    ) -> None:
        """Records of one session, in the log's order. ``fired_at_ms``: when the pane that they come
        in was due."""
        shell, waiting = self._shells.get(session_id), self._waiting.get(session_id)
        if shell is None and waiting is None:
            records = [record for record in records if not record.is_in_tables]
            if not records or self.lost_to:
                return
            waiting = self._waiting[session_id] = WaitingSession()
            self._supervised.once("taking a session over", self._take_over(session_id))
        newest = max((int(record.place.number) for record in records), default=0)
        self._newest[session_id] = max(newest, self._newest.get(session_id, 0))
        self._input_over.discard(session_id)
        if self._kept is not None:
            self._kept.add(session_id, records)
        if waiting is not None:
            waiting.add(records)
        elif shell is not None:
            self._feed(session_id, shell, records, fired_at_ms)

    def _feed(
        self,
        session_id: str,
        shell: SessionShell,
        records: Sequence[ReadRecord],
        fired_at_ms: int | None,
    ) -> None:
        session, through = shell.session, self._refused_through.get(session_id)
        if through is not None:
            refused = [record for record in records if int(record.place.number) <= through]
            if refused:
                shell.event(lambda now: session.read(refused, now))
            records = [record for record in records if int(record.place.number) > through]
            if not records:
                return
            # What it broke down on has been read again, and is refused.
            del self._refused_through[session_id]
            self._breakdowns.pop(session_id, None)
            shell.event(lambda now: session.refuse("", now))
        shell.event(lambda now: session.read(records, Now(fired_at_ms or now.ms, now.s)))

    def input_is_over(self, session_id: str) -> None:
        """Nothing will come for the session any more (bounded runs)."""
        self._input_over.add(session_id)
        shell = self._shells.get(session_id)
        if shell is not None:
            shell.event(shell.session.finish)

    def is_done(self, session_id: str) -> bool:
        """Whether all that came for a session is committed."""
        shell = self._shells.get(session_id)
        if shell is None:
            return session_id not in self._waiting
        return not shell.session.oldest_open() and shell.session.is_at_rest

    def settled(
        self,
        session_id: str,
        number: int,
        language: str,
        is_delivered: bool,
        *,
        is_announced: bool = True,
        stands: FixedOutcome | None = None,
    ) -> None:
        """An outcome was brought to its listeners, or could not be, though it ``stands`` in the
        ledger; not ``is_announced``: there was nothing to bring."""
        shell = self._shells.get(session_id)
        if shell is None:
            return
        session = shell.session
        if is_delivered:
            shell.event(lambda _now: session.delivered(number, language, is_announced=is_announced))
        else:
            shell.event(lambda now: session.not_delivered(number, now, stands))

    # What is asked ------------------------------------------------------------------------------

    def oldest_open(self) -> dict[str, Place]:
        """By shard, the oldest record that another engine is to read: one of a session that the
        ledger does not cover, or that still owes something."""
        oldest: dict[str, Place] = {}
        for waiting in self._waiting.values():
            for record in waiting.records:
                keep_older(oldest, record.place)
        for shell in self._shells.values():
            for place in shell.session.oldest_needed().values():
                keep_older(oldest, place)
        return oldest

    @property
    def is_superseded(self) -> bool:
        """Whether a newer run of the job owns its sessions."""
        return self.lost_to > self._generation

    @property
    def sessions(self) -> int:
        return len(self._shells) + len(self._waiting)

    def close(self) -> None:
        """Stop; what is not committed stays in the log, and will be read again from there."""
        self._supervised.close()
        for shell in self._shells.values():
            shell.close()
        self._shells.clear()
        self._waiting.clear()

    # What shells ask for ------------------------------------------------------------------------

    def deliver(self, utterance: Utterance) -> None:
        self.utterances.append(utterance)
        self._rung()

    def dead_letter(self, letter: DeadLetter) -> None:
        self.letters.append(letter)
        self._rung()

    def lost(self, session_id: str, generation: int) -> None:
        """Another engine has taken a session over: this one stops, for good if its run is older."""
        _log.log(
            logging.ERROR if generation > self._generation else logging.WARNING,
            "session %s was taken over by generation %d; this is %d",
            session_id,
            generation,
            self._generation,
        )
        self.lost_to = max(self.lost_to, generation)
        self._tell_lost(generation)

    def read_again(self, session_id: str) -> None:
        """In the loop's next turn: the session is in the middle of an event."""
        again = self._read_again or (lambda: self._feed_kept(session_id))
        asyncio.get_running_loop().call_soon(again)

    def _feed_kept(self, session_id: str) -> None:
        shell = self._shells.get(session_id)
        if shell is not None and self._kept is not None:
            self._feed(session_id, shell, self._kept.of(session_id), None)

    def take_over_again(self, session_id: str, *, is_breakdown: bool = True) -> None:
        """Begin the session anew from ledger and log: its machine broke down, or cannot go on from
        what stands in the ledger."""
        shell = self._shells.pop(session_id, None)
        if shell is None:
            return
        breakdowns = self._breakdowns.get(session_id, 0) + is_breakdown
        if breakdowns:
            self._breakdowns[session_id] = breakdowns
        if is_breakdown and breakdowns >= BREAKDOWNS_BEFORE_GIVING_UP:
            # Audio on which it breaks down again and again is told as failed.
            self._refused_through[session_id] = self._newest.get(session_id, 0)
        # The place of what it had is kept until the log was read again from there.
        needed = shell.session.oldest_needed().values() if self._kept is None else ()
        self._waiting[session_id] = WaitingSession(places_of(needed))
        shell.close()
        self._supervised.once(
            "taking a session over again", self._after_a_wait(session_id, breakdowns)
        )

    async def _after_a_wait(self, session_id: str, breakdowns: int) -> None:
        await asyncio.sleep(min(FIRST_WAIT_S * 2**breakdowns, LONGEST_WAIT_S))
        await self._take_over(session_id)

    # Taking over --------------------------------------------------------------------------------

    async def _take_over(self, session_id: str) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                writer = uuid.uuid4().hex
                known = await self._known(session_id, writer)
            except _SupersededError as error:
                self.lost(session_id, error.generation)
                return
            except Exception as error:
                if isinstance(error, ConnectorError):
                    level = logging.ERROR if isinstance(error, PermanentError) else logging.WARNING
                    _log.log(level, "session %s was not taken over: %s", session_id, error)
                else:
                    unexpected(f"taking session {session_id} over")
                if is_unreadable(error) and self._gives_up(session_id, error):
                    return
            else:
                self._begin(session_id, writer, known)
                return
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _gives_up(self, session_id: str, error: Exception) -> bool:
        """What the tables hold of a session cannot be read: whether it has been so for too long."""
        refused_s = self._waiting[session_id].refused(self._tools.now().s)
        if refused_s < GIVE_UP_AFTER_S:
            return False
        del self._waiting[session_id]
        self._forget(session_id)
        if self._kept is not None:
            self._kept.covered(session_id, {})
        cause, at_ms = type(error).__name__, self._tools.loop.now_ms()
        self.dead_letter(DeadLetter("transcribe", cause, session_id, at_ms, session_id=session_id))
        return True

    async def _known(self, session_id: str, writer: str) -> TakenOver:
        """Read what there is, and write the fence after it."""
        connectors = self._tools.connectors
        ledger, policies = connectors.ledger, connectors.policies
        (head, info), listeners = await asyncio.gather(
            asyncio.gather(
                call(policies.ledger, lambda: ledger.head(session_id)),
                call(policies.directory, lambda: connectors.directory.find(session_id)),
            ),
            call(policies.directory, lambda: connectors.directory.listeners(session_id)),
        )
        base = Coverage() if head is None else Coverage.from_text(head.coverage)
        entries = await call(policies.ledger, lambda: ledger.after(session_id, base.last_number))
        days = DEFAULT_KEEP_DAYS if info is None else keep_days(info)
        while True:
            newest = max((entry.takeover for entry in entries), default=0)
            if newest > self._generation:
                raise _SupersededError(newest)
            ours = fence(
                session_id,
                coverage_of(base, entries),
                writer=writer,
                generation=self._generation,
                now_ms=self._tools.loop.now_ms(),
                keep_days=days,
            )
            stands = await call(policies.ledger, lambda entry=ours: ledger.commit(entry))
            entries = (*entries, stands)
            if stands.writer == writer:
                break
        language = DEFAULT_LANGUAGE if info is None else info.source_language
        # A session without a counter has no listeners: that is knowledge too, at revision 0.
        known = listeners if listeners.revision >= 0 else ListenerLanguages((), 0)
        return TakenOver(base, entries, known, language, days)

    def _begin(self, session_id: str, writer: str, known: TakenOver) -> None:
        connectors = self._tools.connectors
        recogniser = for_session(connectors.speech_to_text, session_id)
        settings = SessionSettings(
            self._segmenter,
            connectors.voice_activity,
            recogniser.report_every_s,
            writer,
            self._generation,
            self._raw,
            self._delivers_all,
            self._tools.release,
            self._audio_every_s,
            promises_of(capabilities_of(connectors.speech_to_text)),
        )
        session = Session(session_id, settings, known)
        shell = self._shells[session_id] = SessionShell(session, self, self._tools, recogniser)
        if self._read_again and self._waiting[session_id].misses_records:
            self._read_again()  # while the places still count: from there
        waiting = self._waiting.pop(session_id)
        shell.event(session.begin)
        if session_id in self._refused_through:
            shell.event(lambda now: session.refuse("BreakdownError", now))
        kept = self._kept
        records = waiting.whole_records() if kept is None else kept.of(session_id)
        if records and kept is not None:
            self._feed(session_id, shell, records, None)
        elif records:
            shell.event(lambda now: session.read(records, now))
        if session_id in self._input_over:
            shell.event(session.finish)

    def _forget(self, session_id: str) -> None:
        for each in (self._breakdowns, self._newest, self._refused_through):
            each.pop(session_id, None)

    # Looking after ------------------------------------------------------------------------------

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = self._tools.now()
            size_bytes = 0
            for session_id, shell in tuple(self._shells.items()):
                shell.event(shell.session.time_passed)
                if self._kept is not None:
                    self._kept.covered(session_id, shell.session.oldest_open())
                size_bytes += shell.session.size_bytes
                if shell.session.is_over(now):
                    self._shells.pop(session_id).close()
                    self._forget(session_id)
            waiting = sum(each.size_bytes for each in self._waiting.values())
            size_bytes += waiting if self._kept is None else self._kept.size_bytes
            self.is_full = size_bytes > MOST_BYTES
