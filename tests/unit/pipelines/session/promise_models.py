"""Stream, ledger and connections as small models, for ``promise_world``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from connectors.interfaces.shard_source import MAX_HASH_KEY, Shard
from connectors.testing.words import write_word
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.session.coverage import is_late, late_epoch
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
