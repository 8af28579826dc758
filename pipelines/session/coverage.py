"""What the ledger holds of a session: the sum of its entries.

A session that is taken over begins with this, and every commit adds to it. It says which records
of the log are covered, and so from where the log is to be read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from schemas.values import LEDGER_VERSION, SAMPLE_RATE_HZ, LedgerEntry

_FIRST_LATE_EPOCH = -2

Range = tuple[int, int]
"""Chunks from the first number up to, not including, the second."""


def late_epoch(epoch: int) -> int:
    """The epoch of chunks that came after the hole in which they lay had been passed, and back.

    Samples of an epoch are counted in the order in which they are taken, so that what comes after
    its turn needs an axis of its own: -2 for epoch 0, -3 for epoch 1 and so on. Late chunks may
    come in any order: each entry of a late epoch names those that it covers, all of them whole.
    """
    return _FIRST_LATE_EPOCH - epoch


def is_late(epoch: int) -> bool:
    return epoch <= _FIRST_LATE_EPOCH


@dataclass(frozen=True, slots=True)
class EpochPosition:
    """Up to where an epoch is committed, and where recognition goes on (see LedgerEntry)."""

    epoch: int
    end_sample: int = 0
    resume_sample: int = 0
    resume_sequence: int = 0
    resume_sequence_sample: int = 0
    resume_record: str | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """``last_numbers``: the last entry told in each language. ``missed``: ranges of chunks that
    were passed, by epoch, without those that came after all and are covered since.
    ``arrived_through_ms``: the end of what entries of version 1 cover, which matters for raw PCM:
    they name no record of it, so that its time of arrival has to tell what they cover.
    ``sentences``: how many have ended, so the number of the next one."""

    last_number: int = -1
    last_captured_at_ms: int = -1
    positions: Mapping[int, EpochPosition] = field(default_factory=dict[int, EpochPosition])
    missed: Mapping[int, tuple[Range, ...]] = field(default_factory=dict[int, tuple[Range, ...]])
    last_numbers: Mapping[str, int] = field(default_factory=dict[str, int])
    arrived_through_ms: int = -1
    sentences: int = 0

    def of(self, epoch: int) -> EpochPosition:
        return self.positions.get(epoch) or EpochPosition(epoch)

    def beginning_of(self, epoch: int, first_sequence: int) -> tuple[EpochPosition, int, int]:
        """Where the epoch goes on, with the chunk there and the samples in front of it: after what
        is covered, or at ``first_sequence``."""
        known = self.positions.get(epoch)
        if known is not None and not is_late(epoch):
            return known, known.resume_sequence, known.resume_sequence_sample
        position = self.of(epoch)
        return position, first_sequence, position.end_sample

    def covers(self, epoch: int, until_sequence: int) -> bool:
        """Whether nothing in front of ``until_sequence`` is needed any more."""
        position = self.positions.get(epoch)
        return position is not None and position.resume_sequence >= until_sequence

    def covers_chunk(self, epoch: int, sequence: int) -> bool:
        """Whether the chunk is in the ledger, and is not needed to go on."""
        missed = self.missed.get(epoch, ())
        return self.covers(epoch, sequence + 1) and not within(sequence, missed)

    def with_entry(self, entry: LedgerEntry, told: Iterable[str] = ()) -> Coverage:
        """The coverage once ``entry`` stands in the ledger. A fence covers nothing. ``told``: the
        languages in which an entry of a sentence was told; another is in all that it goes to."""
        if entry.takeover:
            return replace(self, last_number=max(self.last_number, entry.number))
        position = EpochPosition(
            entry.epoch,
            entry.end_sample,
            entry.resume_sample,
            entry.resume_sequence,
            entry.resume_sequence_sample,
            entry.resume_record,
        )
        missed = self.missed
        if entry.gap_from_sequence is not None and entry.gap_until_sequence is not None:
            named = (entry.gap_from_sequence, entry.gap_until_sequence)
            if is_late(entry.epoch):
                epoch = late_epoch(entry.epoch)
                missed = {**missed, epoch: without(named, missed.get(epoch, ()))}
            else:
                missed = {**missed, entry.epoch: (*missed.get(entry.epoch, ()), named)}
        sentences = self.sentences
        if entry.sentence is not None:
            sentences = max(sentences, entry.sentence + entry.ends_sentence)
        else:
            told = (route.language for route in entry.routes or ())
        return Coverage(
            max(self.last_number, entry.number),
            max(self.last_captured_at_ms, entry.captured_at_ms),
            {**self.positions, entry.epoch: position},
            missed,
            {**self.last_numbers, **dict.fromkeys(told, entry.number)},
            max(self.arrived_through_ms, _arrived_through_ms(entry)),
            sentences,
        )

    def to_text(self) -> str:
        """JSON, for the head of the ledger."""
        return json.dumps(
            {
                "version": 1,
                "lastNumber": self.last_number,
                "lastCapturedAt": self.last_captured_at_ms,
                "positions": [asdict(each) for each in self.positions.values()],
                "missed": [[epoch, list(gaps)] for epoch, gaps in self.missed.items()],
                "lastNumbers": dict(self.last_numbers),
                "arrivedThrough": self.arrived_through_ms,
                "sentences": self.sentences,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_text(cls, text: str) -> Coverage:
        """What ``to_text`` wrote. ValueError: it is none, or of a version that is not known."""
        try:
            found = json.loads(text)
            if found["version"] != 1:
                raise ValueError(f"a summary of version {found['version']}")
            return cls(
                found["lastNumber"],
                found["lastCapturedAt"],
                {each["epoch"]: EpochPosition(**each) for each in found["positions"]},
                {epoch: tuple((a, b) for a, b in gaps) for epoch, gaps in found["missed"]},
                found["lastNumbers"],
                found.get("arrivedThrough", -1),
                found.get("sentences", 0),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a summary of a session: {error}") from None


def _arrived_through_ms(entry: LedgerEntry) -> int:
    """Up to which arrival an entry of version 1 covers raw PCM, which is captured when it arrives.
    What comes after the last committed word may be the start of the next one."""
    if entry.version >= LEDGER_VERSION:
        return -1
    said_samples = entry.resume_sample - entry.first_sample
    return entry.captured_at_ms + said_samples * 1000 // SAMPLE_RATE_HZ


def within(sequence: int, ranges: Iterable[Range]) -> bool:
    return any(first <= sequence < end for first, end in ranges)


def without(taken: Range, ranges: Iterable[Range]) -> tuple[Range, ...]:
    """``ranges`` less what is ``taken`` out of them."""
    left: list[Range] = []
    for first, end in ranges:
        pieces = (first, min(end, taken[0])), (max(first, taken[1]), end)
        left += [piece for piece in pieces if piece[0] < piece[1]]
    return tuple(left)
