"""The audio of a session that is not yet in the ledger, as a numbered journal.

The recogniser's Beam state keeps the journal, the worker's recogniser mirrors it. Both forget what
a ledger entry covers by the same rule, ``uncovered``; so after a crash they agree on what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pipelines.core.records import PaneItem
from schemas.values import BYTES_PER_SAMPLE, ControlKind, LedgerEntry

EPOCHS_REMEMBERED = 4

# A cut belongs where the speaker stopped sending on purpose; unmute and resume are ordinary audio.
_FLUSHING = frozenset({ControlKind.PAUSE, ControlKind.MUTE, ControlKind.END})


class JournalKind(StrEnum):
    AUDIO = "audio"
    GAP = "gap"
    FLUSH = "flush"
    """Commit everything in front of this now: the speaker paused, or sends no more."""
    SETTLE = "settle"
    """No audio came for a while: commit the whole words in front of this. A gap in arrival is not
    a pause in speech, so what may be half a word waits for its other half."""


@dataclass(frozen=True, slots=True)
class JournalItem:
    """``index`` counts a session's items from 0. ``until_sequence`` is set for a gap only.

    The times (ms) are those of the chunk: captured, received by the gateway, arrived in the log,
    read by the poller, let through by the window's trigger.
    """

    index: int
    kind: JournalKind
    epoch: int
    sequence: int = 0
    until_sequence: int = 0
    pcm: bytes = b""
    captured_at_ms: int = 0
    received_at_ms: int = 0
    arrived_at_ms: int = 0
    read_at_ms: int = 0
    fired_at_ms: int = 0

    @property
    def samples(self) -> int:
        return len(self.pcm) // BYTES_PER_SAMPLE


@dataclass(frozen=True, slots=True)
class EpochPosition:
    """Up to where an epoch is committed, and where recognition goes on (see LedgerEntry)."""

    epoch: int
    end_sample: int = 0
    resume_sample: int = 0
    resume_sequence: int = 0
    resume_sequence_sample: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the ledger holds of a session, as far as the job knows: newest epochs last."""

    last_number: int = -1
    last_captured_at_ms: int = 0
    positions: tuple[EpochPosition, ...] = ()

    def of(self, epoch: int) -> EpochPosition | None:
        return next((each for each in self.positions if each.epoch == epoch), None)

    def with_entry(self, entry: LedgerEntry) -> Coverage:
        position = EpochPosition(
            entry.epoch,
            entry.end_sample,
            entry.resume_sample,
            entry.resume_sequence,
            entry.resume_sequence_sample,
        )
        others = [each for each in self.positions if each.epoch != entry.epoch]
        return Coverage(
            max(self.last_number, entry.number),
            max(self.last_captured_at_ms, entry.captured_at_ms),
            (*others, position)[-EPOCHS_REMEMBERED:],
        )


def uncovered(items: Iterable[JournalItem], coverage: Coverage) -> tuple[JournalItem, ...]:
    """What is left of the journal. A flush with nothing in front of it has done its work."""
    left: list[JournalItem] = []
    for item in items:
        position = coverage.of(item.epoch)
        if item.kind in (JournalKind.FLUSH, JournalKind.SETTLE):
            done = not left
        elif item.kind is JournalKind.GAP:
            done = position is not None and item.until_sequence <= position.resume_sequence
        else:
            done = position is not None and item.sequence < position.resume_sequence
        if not done:
            left.append(item)
    return tuple(left)


def journal_items(
    items: Iterable[PaneItem],
    *,
    first_index: int,
    fired_at_ms: int,
    closing: JournalKind | None = None,
) -> tuple[JournalItem, ...]:
    """The part of a pane that recognition has to do with, and ``closing`` behind it."""
    out: list[JournalItem] = []
    for item in items:
        index, read = first_index + len(out), item.read
        if item.gap is not None:
            gap = item.gap
            out.append(
                JournalItem(
                    index,
                    JournalKind.GAP,
                    gap.epoch,
                    gap.from_sequence,
                    gap.until_sequence,
                    fired_at_ms=fired_at_ms,
                )
            )
        elif read is not None and read.chunk is not None:
            chunk = read.chunk
            out.append(
                JournalItem(
                    index,
                    JournalKind.AUDIO,
                    chunk.epoch,
                    chunk.sequence,
                    pcm=chunk.pcm,
                    captured_at_ms=chunk.captured_at_ms,
                    received_at_ms=chunk.received_at_ms,
                    arrived_at_ms=read.arrived_at_ms,
                    read_at_ms=read.read_at_ms,
                    fired_at_ms=fired_at_ms,
                )
            )
        elif read is not None and read.control is not None and read.control.kind in _FLUSHING:
            epoch = read.control.epoch
            out.append(JournalItem(index, JournalKind.FLUSH, epoch, fired_at_ms=fired_at_ms))
    if closing is not None:
        out.append(JournalItem(first_index + len(out), closing, -1, fired_at_ms=fired_at_ms))
    return tuple(out)
