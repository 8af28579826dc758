"""Stream, ledger, gateways and engines as small models, for ``test_promise``.

A chunk is one word of eight samples, so that what entries say tells which chunks are in them.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.testing.words import word_text
from pipelines.log.shards import (
    Progress,
    discovered,
    lossy,
)
from pipelines.session.records import Now
from schemas.values import (
    AudioChunk,
    EntryKind,
    LedgerEntry,
)
from tests.unit.pipelines.session.promise_engine import Engine
from tests.unit.pipelines.session.promise_models import (
    SESSIONS,
    START_MS,
    Connection,
    Ledger,
    Log,
    Stream,
    word_of,
)


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
