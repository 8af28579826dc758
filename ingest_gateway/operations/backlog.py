"""Which records wait: durable on the stream, but neither heard by anybody nor known to need not be.
Pure.

A record is done with when

- an utterance passed to listeners that ends behind it, in the language that was first, or
- the ledger stands behind it: the entries there are silence, gaps or failures, utterances that
  passed, or utterances for languages that nobody listens to here.

What a language adds to that is in its lag, not here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from ingest_gateway.operations.windows import PassedUtterance
from schemas.values import SAMPLE_RATE_HZ, AudioChunk, EntryKind, LedgerEntry

ASK_AFTER_MS = 5_000
"""Records that waited longer are asked for in the ledger: silence passes nobody."""
ROUTED_WITHIN_MS = 30_000
"""An utterance whose languages the ledger does not hold so long after it was committed went to
nobody."""
RUNS_OF_A_LENGTH = 8
"""The newest eight runs are a chunk each, the eight before them two chunks, then four: an hour of
chunks that nobody hears is some 90 runs, and a run is a seventh as long as what came after it, at
most."""
KEPT_AFTER_END_MS = 10 * 60_000
"""How long a session that has gone is still watched while records of it wait."""
_ROUNDING_MS = 2


@dataclass(frozen=True, slots=True)
class Waiting:
    """``oldest_at_ms``: when the gateway received the first of them; None: nothing waits."""

    records: int = 0
    oldest_at_ms: int | None = None

    def oldest_age_ms(self, now_ms: int) -> int:
        """0 when nothing waits."""
        return 0 if self.oldest_at_ms is None else max(0, now_ms - self.oldest_at_ms)

    def __add__(self, other: Waiting) -> Waiting:
        oldest = [one for one in (self.oldest_at_ms, other.oldest_at_ms) if one is not None]
        return Waiting(self.records + other.records, min(oldest, default=None))


class _Run(Struct, gc=False):
    """Chunks that follow one another. Named by the last of them; ``received_at_ms`` is of the
    first. Numbers only, so the collector need not know of them: a thousand speakers whom nobody
    hears have a hundred thousand."""

    epoch: int
    sequence: int
    ends_at_ms: int
    received_at_ms: int
    chunks: int = 1

    @classmethod
    def of(cls, chunk: AudioChunk) -> _Run:
        ends_at_ms = chunk.captured_at_ms + chunk.samples * 1000 // SAMPLE_RATE_HZ
        return cls(chunk.epoch, chunk.sequence, ends_at_ms, chunk.received_at_ms)

    def take_in(self, earlier: _Run) -> None:
        self.received_at_ms = earlier.received_at_ms
        self.chunks += earlier.chunks


@dataclass(slots=True)
class _SessionBacklog:
    """The longer something waits, the longer its run: count and age of all stay right, only when
    an old record goes is less exact."""

    runs: list[_Run] = field(default_factory=list[_Run])
    chunks: int = 0
    last_chunk_at_ms: int = 0
    passed_number: int = -1
    ledger_number: int = -1
    asked_at_ms: int = 0

    def add(self, chunk: AudioChunk) -> None:
        self.last_chunk_at_ms = chunk.received_at_ms
        self.chunks += 1
        self.runs.append(_Run.of(chunk))
        self._join()

    def _join(self) -> None:
        """Where one run too many has a length, its two oldest become one of the next length."""
        runs, newest, length = self.runs, len(self.runs) - 1, 1
        while (oldest := newest - RUNS_OF_A_LENGTH) >= 0 and runs[oldest].chunks == length:
            runs[oldest + 1].take_in(runs[oldest])
            del runs[oldest]
            newest, length = oldest, 2 * length

    def drop(self, until: int) -> None:
        self.chunks -= sum(run.chunks for run in self.runs[:until])
        del self.runs[:until]

    @property
    def waiting(self) -> Waiting:
        if not self.runs:
            return Waiting()
        return Waiting(self.chunks, self.runs[0].received_at_ms)


class Backlog:
    """Of all sessions that speak here."""

    def __init__(self) -> None:
        self._sessions: dict[str, _SessionBacklog] = {}

    def stored(self, session_id: str, chunks: Iterable[AudioChunk]) -> None:
        """These are durable on the stream now."""
        for chunk in chunks:
            one = self._sessions.get(session_id)
            if one is None:
                one = self._sessions[session_id] = _SessionBacklog()
            one.add(chunk)

    def passed(self, utterance: PassedUtterance) -> None:
        """It went out to listeners: what was spoken before its end is done with."""
        one = self._sessions.get(utterance.session_id)
        if one is None:
            return
        one.passed_number = max(one.passed_number, utterance.number)
        if utterance.ended_at_ms is not None:
            until_ms = utterance.ended_at_ms + _ROUNDING_MS
            one.drop(_leading(run.ends_at_ms <= until_ms for run in one.runs))

    def to_ask(self, now_ms: int, most: int) -> tuple[tuple[str, int], ...]:
        """Sessions whose ledger to read, and behind which entry (-1: nothing is known yet); asked
        least recently first."""
        old = [
            (one.asked_at_ms, session_id, max(one.ledger_number, one.passed_number))
            for session_id, one in self._sessions.items()
            if one.runs and now_ms - one.runs[0].received_at_ms > ASK_AFTER_MS
        ]
        turn = sorted(old)[:most]
        for _, session_id, _ in turn:
            self._sessions[session_id].asked_at_ms = now_ms
        return tuple((session_id, number) for _, session_id, number in turn)

    def committed(
        self,
        session_id: str,
        entries: Sequence[LedgerEntry],
        heard_here: Collection[str],
        now_ms: int,
    ) -> None:
        """What the ledger has behind the entry that was asked for. ``heard_here``: the languages
        that has listeners at this gateway."""
        one = self._sessions.get(session_id)
        if one is None:
            return
        for entry in entries:
            if entry.number > one.passed_number and _is_awaited(entry, heard_here, now_ms):
                return
            one.ledger_number = max(one.ledger_number, entry.number)
            behind = entry.epoch, entry.resume_sequence
            one.drop(_leading((run.epoch, run.sequence) < behind for run in one.runs))

    def waiting(self, session_id: str) -> Waiting:
        one = self._sessions.get(session_id)
        return Waiting() if one is None else one.waiting

    def total(self) -> Waiting:
        return sum((one.waiting for one in self._sessions.values()), Waiting())

    def last_chunk_at_ms(self, session_id: str) -> int | None:
        """When the newest chunk that is durable was received; None: none was, in this life."""
        one = self._sessions.get(session_id)
        return None if one is None else one.last_chunk_at_ms

    def forget(self, live: Collection[str], now_ms: int) -> None:
        """All sessions but these, and those of which something waits and did not for too long."""
        for session_id, one in tuple(self._sessions.items()):
            over = not one.runs or now_ms - one.last_chunk_at_ms > KEPT_AFTER_END_MS
            if over and session_id not in live:
                del self._sessions[session_id]


def _is_awaited(entry: LedgerEntry, heard_here: Collection[str], now_ms: int) -> bool:
    """Whether an utterance is still to come out. Where it goes is written behind it: until then
    it may go to everybody."""
    if entry.kind is EntryKind.SILENCE or not heard_here:
        return False
    if entry.routes is None:
        return now_ms - entry.committed_at_ms < ROUTED_WITHIN_MS
    return any(route.language in heard_here for route in entry.routes)


def _leading(done: Iterable[bool]) -> int:
    """How many of them are true before the first that is not."""
    count = 0
    for one in done:
        if not one:
            break
        count += 1
    return count
