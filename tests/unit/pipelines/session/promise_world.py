"""Stream, ledger, gateways and engines as small models, for ``test_promise``.

A chunk is one word of eight samples, so that what entries say tells which chunks are in them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from connectors.interfaces.shard_source import MAX_HASH_KEY, Shard, ShardRecord, StartKind
from connectors.interfaces.speech_to_text import Recognition
from connectors.testing.words import WordReader, word_text, write_word
from pipelines.reading.shards import (
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
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.session import commands as do
from pipelines.session.coverage import Coverage, is_late, late_epoch
from pipelines.session.low_water import keep_older
from pipelines.session.machine import Session
from pipelines.session.outbox import coverage_of
from pipelines.session.records import Now, Place, ReadRecord
from pipelines.session.takeover import SessionSettings, TakenOver, fence
from schemas.values import (
    SAMPLE_RATE_HZ,
    AudioChunk,
    ControlKind,
    EntryKind,
    FixedOutcome,
    LedgerEntry,
    LedgerHead,
    ListenerLanguages,
    SessionControl,
    StreamRecord,
    Utterance,
)

START_MS = 1_800_000_000_000
WORD_SAMPLES = 8
CELL_SAMPLES = 20
SESSIONS = ("one", "two")
LISTENERS = ListenerLanguages(("es", "fr"), 1)
SEGMENTER = WindowSegmenter(cell_samples=CELL_SAMPLES, half_word_samples=0)


def word_of(session_id: str, epoch: int, sequence: int) -> int:
    return SESSIONS.index(session_id) * 7_000 + epoch * 500 + sequence


# The stream -------------------------------------------------------------------------------------


class Stored(NamedTuple):
    number: int
    record: StreamRecord
    at_ms: int


@dataclass
class LogShard:
    parents: tuple[str, ...] = ()
    records: list[Stored] = field(default_factory=list[Stored])
    is_closed: bool = False
    trimmed_through: int = 0

    def is_gone_after(self, number: int = 0) -> bool:
        """Once records up to ``number`` are trimmed: closed, and all of it past its retention. It
        is listed no more."""
        through = max(number, self.trimmed_through)
        is_empty = all(each.number <= through for each in self.records)
        return self.is_closed and through > 0 and is_empty


class Log:
    """One shard, or one for each session after a split."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.shards: dict[str, LogShard] = {"shard-0": LogShard()}
        self._now_ms = now_ms
        self._open: dict[str, str] = dict.fromkeys(SESSIONS, "shard-0")
        self._number = 0

    def put(self, record: StreamRecord) -> None:
        self._number += 1
        shard = self.shards[self._open[record.session_id]]
        shard.records.append(Stored(self._number, record, self._now_ms()))

    def reshard(self) -> None:
        """Split, or merge what was split."""
        parents = tuple(dict.fromkeys(self._open.values()))
        children = [f"shard-{len(self.shards) + number}" for number in range(3 - len(parents))]
        for parent in parents:
            self.shards[parent].is_closed = True
        self.shards |= {child: LogShard(parents) for child in children}
        self._open = {
            session_id: children[number % len(children)]
            for number, session_id in enumerate(SESSIONS)
        }

    def oldest(self, count: int) -> dict[str, int]:
        """By shard, up to which number the ``count`` oldest records go."""
        every = sorted(
            (each.number, shard_id)
            for shard_id, shard in self.shards.items()
            for each in shard.records
        )
        return {shard_id: number for number, shard_id in every[:count]}

    def trim(self, count: int) -> list[StreamRecord]:
        gone: list[StreamRecord] = []
        for shard_id, through in self.oldest(count).items():
            shard = self.shards[shard_id]
            gone += [each.record for each in shard.records if each.number <= through]
            shard.records = [each for each in shard.records if each.number > through]
            shard.trimmed_through = through
        return gone

    def listed(self) -> list[Shard]:
        return [
            Shard(shard_id, 0, MAX_HASH_KEY, each.parents)
            for shard_id, each in self.shards.items()
            if not each.is_gone_after()
        ]


# The ledger -------------------------------------------------------------------------------------


class Ledger:
    def __init__(self) -> None:
        self.is_up = True
        self.entries: dict[str, dict[int, LedgerEntry]] = {each: {} for each in SESSIONS}
        self.heads: dict[str, LedgerHead] = {}

    def of(self, session_id: str) -> list[LedgerEntry]:
        entries = self.entries[session_id]
        return [entries[number] for number in sorted(entries)]

    def commit(self, entry: LedgerEntry) -> LedgerEntry:
        return self.entries[entry.session_id].setdefault(entry.number, entry)

    def fix(self, session_id: str, number: int, outcome: FixedOutcome) -> FixedOutcome:
        entry = self.entries[session_id][number]
        stands = entry.outcome(outcome.language)
        if stands is not None:
            return stands
        self.entries[session_id][number] = replace(entry, outcomes=(*entry.outcomes, outcome))
        return outcome

    def covers(self, chunk: AudioChunk) -> bool:
        """Whether the chunk is in an entry, reckoned without ``Coverage``."""
        own = [
            entry
            for entry in self.of(chunk.session_id)
            if entry.epoch == chunk.epoch and not entry.takeover
        ]
        is_in_gap = any(_names(entry, chunk.sequence) for entry in own)
        if not is_in_gap:
            return bool(own) and own[-1].resume_sequence > chunk.sequence
        return any(
            _names(entry, chunk.sequence)
            for entry in self.of(chunk.session_id)
            if is_late(entry.epoch) and late_epoch(entry.epoch) == chunk.epoch
        )

    def names(self, chunk: AudioChunk) -> set[EntryKind]:
        """The kinds of the entries that say it is missing."""
        return {
            entry.kind
            for entry in self.of(chunk.session_id)
            if entry.epoch == chunk.epoch and _names(entry, chunk.sequence)
        }


def _names(entry: LedgerEntry, sequence: int) -> bool:
    first, end = entry.gap_from_sequence, entry.gap_until_sequence
    return first is not None and end is not None and first <= sequence < end


# Gateways ---------------------------------------------------------------------------------------


@dataclass
class Stream:
    """A speaker's stream as the client has it: chunks in front of ``acknowledged`` it has let go,
    ``forgotten`` ones it has lost."""

    session_id: str
    epoch: int
    spoken: int = 0
    acknowledged: int = 0
    forgotten: set[int] = field(default_factory=set[int])
    durable: int = -1
    generation: int = 0
    """Of the row, with ``durable``: the last chunk known to be on the stream, or declared."""


class Connection:
    """A stream's opening at a gateway, which may outlive the client's connection."""

    def __init__(self, stream: Stream, lost: int, now_ms: int) -> None:
        stream.generation += 1
        self.stream = stream
        self.generation = stream.generation
        self.pending: list[StreamRecord] = [
            self._control(ControlKind.OPENED, stream.durable, now_ms)
        ]
        first = min(stream.spoken, stream.acknowledged + lost)
        stream.forgotten |= set(range(stream.acknowledged, first))
        if first > stream.durable + 1:
            gap = self._control(ControlKind.GAP, stream.durable, now_ms)
            stream.durable = first - 1
            self.pending.append(replace(gap, next_sequence=first))
        self._sent = self._confirmed = first
        self.send(now_ms)

    @property
    def is_owner(self) -> bool:
        return self.generation == self.stream.generation

    def send(self, now_ms: int) -> None:
        """The client sends what it has spoken since."""
        stream = self.stream
        for sequence in range(self._sent, stream.spoken):
            pcm = write_word(
                word_of(stream.session_id, stream.epoch, sequence), WORD_SAMPLES / SAMPLE_RATE_HZ
            )
            self.pending.append(
                AudioChunk(stream.session_id, stream.epoch, sequence, now_ms, now_ms, pcm)
            )
        self._sent = stream.spoken

    def pause(self, now_ms: int) -> None:
        self.pending.append(self._control(ControlKind.PAUSE, self._sent - 1, now_ms))

    def put(self, log: Log, stored: Sequence[bool], *, is_answered: bool, tells_row: bool) -> None:
        """A batch: of the records that are not ``stored`` the first and all after it are put once
        more; of a batch whose answer is lost all are."""
        batch = self.pending[: len(stored)]
        for record, is_stored in zip(batch, stored, strict=False):
            if is_stored:
                log.put(record)
        if not is_answered:
            return
        done = [*stored, False].index(False)
        confirmed, self.pending = batch[:done], self.pending[len(batch[:done]) :]
        for record in confirmed:
            if isinstance(record, AudioChunk):
                self._confirmed = max(self._confirmed, record.sequence + 1)
        if self.is_owner:
            if tells_row:
                self.stream.durable = max(self.stream.durable, self._confirmed - 1)
            self.stream.acknowledged = max(self.stream.acknowledged, self._confirmed)

    def _control(self, kind: ControlKind, after: int, now_ms: int) -> SessionControl:
        stream = self.stream
        return SessionControl(
            stream.session_id, stream.epoch, after, 0, kind, now_ms, generation=self.generation
        )


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
            for place in session.oldest_open().values():
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
            self.event(entry.session_id, lambda now: session.not_delivered(entry.number, now))

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


class World:
    """``meanwhile`` is called between a takeover's reading and its fence."""

    def __init__(self) -> None:
        self.log = Log(lambda: self.now().ms)
        self.ledger = Ledger()
        self.streams: dict[str, list[Stream]] = {each: [] for each in SESSIONS}
        self.connections: list[Connection] = []
        self.engines: list[Engine] = []
        self.in_flight: list[LedgerEntry] = []
        self.told: dict[tuple[str, int, str], set[str]] = {}
        self.trimmed: list[AudioChunk] = []
        self.ended: set[str] = set()
        """Sessions that were ended before their speakers were: holes were passed on that word."""
        self.now_s = 0.0
        self.meanwhile: Callable[[], None] = lambda: None
        self._count = 0

    def now(self) -> Now:
        return Now(START_MS + int(self.now_s * 1000), self.now_s)

    def count(self) -> int:
        self._count += 1
        return self._count

    def tell(self, entry: LedgerEntry, language: str, text: str) -> None:
        self.told.setdefault((entry.session_id, entry.number, language), set()).add(text)

    def start(self, generation: int, progress: Progress | None) -> Engine:
        engine = Engine(self, f"engine-{self.count()}", generation, progress)
        engine.discover()
        self.engines.append(engine)
        return engine

    def kill(self, engine: Engine) -> None:
        """What it had sent to the ledger may still arrive."""
        self.engines.remove(engine)
        self.in_flight += engine.commits

    def acknowledged(self) -> list[AudioChunk]:
        return [
            AudioChunk(stream.session_id, stream.epoch, sequence, 0, 0, b"")
            for streams in self.streams.values()
            for stream in streams
            for sequence in range(stream.acknowledged)
            if sequence not in stream.forgotten
        ]

    # What is to hold ------------------------------------------------------------------------------

    def check_entries(self) -> None:
        """Numbers without holes, samples without holes, no word twice, no write after a fence."""
        for session_id in SESSIONS:
            entries = self.ledger.of(session_id)
            assert [entry.number for entry in entries] == list(range(len(entries)))
            ends: dict[int, int] = {}
            words: list[str] = []
            owner = ""
            for entry in entries:
                if entry.takeover:
                    owner = entry.writer
                    continue
                assert entry.writer == owner, "written after another engine's fence"
                assert entry.first_sample == ends.get(entry.epoch, 0)
                assert entry.resume_sample <= entry.end_sample
                ends[entry.epoch] = entry.end_sample
                words += entry.text.split()
            assert len(words) == len(set(words)), "said twice"

    def check_marks(self, saved: Progress) -> None:
        """No chunk is needed of which every copy stands in front of a mark."""
        passed: list[tuple[str, int, AudioChunk]] = []
        ahead: set[tuple[str, int, int]] = set()
        for shard_id, at in saved.items():
            shard = self.log.shards[shard_id]
            behind = int(at.sequence_number or 0)
            for number, record, _at_ms in shard.records:
                if not isinstance(record, AudioChunk):
                    continue
                if number <= behind or at.finished:
                    passed.append((shard_id, number, record))
                else:
                    ahead.add((record.session_id, record.epoch, record.sequence))
        for shard_id, number, record in passed:
            key = record.session_id, record.epoch, record.sequence
            assert key in ahead or self.ledger.covers(record), (shard_id, number, record.sequence)

    def tells_a_loss(self, saved: Progress, count: int) -> bool:
        """Whether an engine that begins with these marks would see it if the ``count`` oldest
        records went: of a shard of which nothing had been read, with nothing lost before it, it
        would not (docs/decisions/0017)."""
        gone = self.log.oldest(count)
        listed = [
            each
            for each in self.log.listed()
            if not self.log.shards[each.shard_id].is_gone_after(gone.get(each.shard_id, 0))
        ]
        known = {
            shard_id: lossy(at)
            if at.sequence_number and int(at.sequence_number) < gone.get(shard_id, 0)
            else at
            for shard_id, at in saved.items()
        }
        found = discovered(known, listed, 0, 1)
        return all(
            found[shard_id].sequence_number or found[shard_id].after_loss
            for shard_id in gone
            if shard_id in found
        )

    def check_told(self) -> None:
        """All was read, and no session has ended: what was trimmed is told, if there is later
        audio of its stream that was not."""
        trimmed = {(each.session_id, each.epoch, each.sequence) for each in self.trimmed}
        acknowledged = self.acknowledged()
        last: dict[tuple[str, int], int] = {}
        for chunk in acknowledged:
            if (chunk.session_id, chunk.epoch, chunk.sequence) not in trimmed:
                stream = chunk.session_id, chunk.epoch
                last[stream] = max(chunk.sequence, last.get(stream, 0))
        for chunk in acknowledged:
            key = chunk.session_id, chunk.epoch, chunk.sequence
            if key in trimmed and chunk.sequence < last.get((chunk.session_id, chunk.epoch), 0):
                is_told = self.ledger.covers(chunk) or self.ledger.names(chunk)
                assert is_told, f"trimmed, and its session waits for it: {key}"

    def check_promise(self) -> None:
        """Everything has come to rest: each acknowledged chunk is in an entry, or was trimmed."""
        self.check_entries()
        trimmed = {(each.session_id, each.epoch, each.sequence) for each in self.trimmed}
        for chunk in self.acknowledged():
            key = chunk.session_id, chunk.epoch, chunk.sequence
            said = [
                entry
                for entry in self.ledger.of(chunk.session_id)
                if word_text(word_of(*key)) in entry.text.split()
            ]
            if not said:
                assert key in trimmed, f"acknowledged and dropped: {key}"
                assert self.ledger.names(chunk), f"trimmed and not told: {key}"
            else:
                assert self.ledger.covers(chunk), f"said and not covered: {key}"
            if not trimmed and chunk.session_id not in self.ended:
                assert EntryKind.GAP not in self.ledger.names(chunk), f"passed: {key}"
        for session_id in SESSIONS:
            for entry in self.ledger.of(session_id):
                for route in entry.routes or ():
                    outcome = entry.outcome(route.language)
                    assert outcome is not None, (entry.number, route)
                    told = self.told.get((session_id, entry.number, route.language))
                    assert told == {outcome.text}
