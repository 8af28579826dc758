"""An engine of ``promise_world``: what hosts and readers do, in steps of any order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.interfaces.shard_source import ShardRecord, StartKind
from connectors.interfaces.speech_to_text import Recognition
from connectors.testing.words import WordReader
from pipelines.log.shards import (
    LossNumbers,
    Progress,
    ShardProgress,
    discovered,
    inherited,
    lossy,
    marks,
    read_on,
    readable,
    untold,
    without_reported,
)
from pipelines.session import commands as do
from pipelines.session.coverage import Coverage
from pipelines.session.low_water import keep_older
from pipelines.session.machine import Session
from pipelines.session.outbox import coverage_of
from pipelines.session.records import Now, Place, ReadRecord
from pipelines.session.takeover import SessionSettings, TakenOver, fence
from schemas.values import (
    AudioChunk,
    ControlKind,
    FixedOutcome,
    LedgerEntry,
    SessionControl,
    Utterance,
)
from tests.unit.pipelines.session.promise_models import (
    LISTENERS,
    SEGMENTER,
)

if TYPE_CHECKING:
    from tests.unit.pipelines.session.promise_world import World


# Engines ----------------------------------------------------------------------------------------


class Engine:
    """What ``SessionHost`` and ``ShardReader`` do, in steps that a test puts in any order."""

    def __init__(self, world: World, name: str, generation: int, progress: Progress | None) -> None:
        self.name = name
        self.generation = generation
        self.has_lost = False
        self.sessions: dict[str, Session] = {}
        self.commits: deque[LedgerEntry] = deque()
        self.utterances: deque[Utterance] = deque()
        self._world = world
        self._readers: dict[tuple[str, int], WordReader] = {}
        self._events: deque[tuple[str, Callable[[Now], list[do.Command]]]] = deque()
        self._reads_again = False
        self._losses = LossNumbers()
        self._progress: Progress = (
            {
                each.shard_id: ShardProgress(each.parent_ids, StartKind.TRIM_HORIZON.value)
                for each in world.log.listed()
            }
            if progress is None
            else progress
        )
        self._probe()

    # Reading

    def discover(self) -> None:
        self._progress = discovered(self._progress, self._world.log.listed(), 0, 1)
        self._probe()

    def readable(self) -> list[str]:
        return list(readable(self._progress))

    def read(self, shard_id: str, count: int) -> bool:
        """Whether anything was there."""
        self._probe()  # as a reader that is far behind, or whose iterator has expired
        at, shard = self._progress[shard_id], self._world.log.shards[shard_id]
        before = at.sequence_number
        due = [each for each in shard.records if each.number > int(before or 0)]
        now_ms = self._world.now().ms
        loss = self._losses.of(shard_id, self._progress)
        by_session: dict[str, list[ReadRecord]] = {}
        for number, record, _at_ms in due[:count]:
            chunk = record if isinstance(record, AudioChunk) else None
            control = record if isinstance(record, SessionControl) else None
            place = Place(shard_id, str(number), before)
            read = ReadRecord(place, now_ms, now_ms, chunk, control, loss)
            by_session.setdefault(record.session_id, []).append(read)
            before = str(number)
        finished = shard.is_closed and len(due) <= count
        records = [ShardRecord("", str(each.number), each.at_ms, b"") for each in due[:count]]
        moved = replace(read_on(at, records), finished=finished)
        self._progress = {**self._progress, shard_id: moved}
        for session_id, reads in by_session.items():
            self._take(session_id, reads)
        return bool(due) or finished

    def marks(self) -> Progress:
        oldest: dict[str, Place] = {}
        for session in self.sessions.values():
            for place in session.oldest_needed().values():
                keep_older(oldest, place)
        befores = {shard: place.before for shard, place in oldest.items()}
        found = untold(marks(self._progress, befores))
        self._progress = without_reported(self._progress, found)
        return found

    def _probe(self) -> None:
        """As ``ShardReader`` finds out whether the log was trimmed past where it is read from."""
        for shard_id, at in self._progress.items():
            trimmed_through = self._world.log.shards[shard_id].trimmed_through
            if at.sequence_number and int(at.sequence_number) < trimmed_through:
                self._losses.found(shard_id)
                self._progress = {**self._progress, shard_id: lossy(at)}
        self._progress = inherited(self._progress)

    # Sessions

    def _take(self, session_id: str, records: list[ReadRecord]) -> None:
        if session_id not in self.sessions:
            kinds = [record.control.kind if record.control else None for record in records]
            if self.has_lost or set(kinds) == {ControlKind.LISTENERS}:
                return
            if not self._take_over(session_id):
                return
        self.event(session_id, lambda now: self.sessions[session_id].read(records, now))

    def _take_over(self, session_id: str) -> bool:
        ledger = self._world.ledger
        writer = f"{self.name}:{session_id}:{self._world.count()}"
        head = ledger.heads.get(session_id)
        base = Coverage() if head is None else Coverage.from_text(head.coverage)
        entries = tuple(each for each in ledger.of(session_id) if each.number > base.last_number)
        self._world.meanwhile()
        while True:
            if max((entry.takeover for entry in entries), default=0) > self.generation:
                self.has_lost = True
                return False
            ours = fence(
                session_id,
                coverage_of(base, entries),
                writer=writer,
                generation=self.generation,
                now_ms=self._world.now().ms,
            )
            stands = ledger.commit(ours)
            entries = (*entries, stands)
            if stands.writer == writer:
                break
        settings = SessionSettings(SEGMENTER, None, 0.0, writer, self.generation)
        known = TakenOver(base, entries, LISTENERS, "en")
        self.sessions[session_id] = Session(session_id, settings, known)
        self.event(session_id, self.sessions[session_id].begin)
        return True

    def event(self, session_id: str, happened: Callable[[Now], list[do.Command]]) -> None:
        self._events.append((session_id, happened))
        while self._events:
            session_id, happened = self._events.popleft()
            for command in happened(self._world.now()):
                self._carry_out(session_id, command)
        if self._reads_again:
            self._reads_again = False
            self._progress = self.marks()

    def _carry_out(self, session_id: str, command: do.Command) -> None:
        session, events = self.sessions[session_id], self._events
        match command:
            case do.OpenStream(number):
                self._readers[session_id, number] = WordReader()
                events.append((session_id, lambda now: session.stream_opened(number, now)))
            case do.SendAudio(number, pieces):
                reader = self._readers[session_id, number]
                words = tuple(reader.read(b"".join(pieces)))
                result = Recognition(words, True, reader.through_s)
                events.append((session_id, lambda now: session.recognised(number, result, now)))
            case do.FinishStream(number):
                events.append((session_id, lambda now: session.stream_ended(number, now)))
            case do.Commit(entry):
                self.commits.append(entry)
            case do.Deliver(utterance):
                self.utterances.append(utterance)
            case do.SaveHead(head):
                self._world.ledger.heads[session_id] = head
            case do.ReadAgain():
                self._reads_again = True
            case do.Lost():
                self.has_lost = True
            case _:
                pass

    def land(self, *, is_answered: bool) -> None:
        """The oldest commit reaches the ledger; without an answer it is tried again."""
        entry = self.commits[0]
        stands = self._world.ledger.commit(entry)
        if is_answered:
            self.commits.popleft()
            session = self.sessions.get(entry.session_id)
            if session is not None:
                self.event(entry.session_id, lambda now: session.committed(stands, now))

    def publish(self, told: int, *, is_noted: bool) -> None:
        """Fix the next utterance's outcomes, and tell ``told`` of them."""
        utterance, ledger = self.utterances.popleft(), self._world.ledger
        entry = utterance.entry
        session = self.sessions.get(entry.session_id)
        for place, route in enumerate(entry.routes or ()):
            language = route.language
            wanted = FixedOutcome(language, f"{entry.text} ({self.name})", None, 0)
            stands = ledger.fix(entry.session_id, entry.number, wanted)
            if place >= told:
                continue
            self._world.tell(entry, language, stands.text)
            if is_noted and session is not None:
                self.event(
                    entry.session_id,
                    lambda _now, s=session, lang=language: s.delivered(entry.number, lang),
                )
        if session is not None:
            self.event(entry.session_id, lambda now: session.not_delivered(entry.number, now, None))

    def break_stream(self, session_id: str) -> None:
        session = self.sessions[session_id]
        numbers = [number for each, number in self._readers if each == session_id]
        if numbers:
            last = max(numbers)
            self.event(session_id, lambda now: session.stream_failed(last, "scripted", now))

    def time_passed(self) -> None:
        for session_id, session in list(self.sessions.items()):
            self.event(session_id, session.time_passed)
            if session.is_over(self._world.now()):
                for command in session.close():
                    self._carry_out(session_id, command)
                del self.sessions[session_id]
