"""The ledger entries of a session, built from what it knows; each under the next free number.

An entry of audio comes from a ``Stretch``. An entry that *passes* chunks covers no sample: it says
that they are missing, or in front of where reading began. Another writer's entry may stand under
the number first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pipelines.segmentation.segmenter import Segment
from pipelines.session.audio import UncommittedAudio
from pipelines.session.coverage import Coverage, EpochPosition, Range, is_late
from pipelines.session.records import Now
from schemas.values import EntryKind, LedgerEntry, ListenerLanguages, Route, Timeline


class Author(NamedTuple):
    """What all entries of a session's owner share."""

    session_id: str
    writer: str
    language: str
    keep_days: int = 1


class Known(NamedTuple):
    """What every entry is made from: whose it is, what stands in front of it, who listens."""

    author: Author
    coverage: Coverage
    listeners: ListenerLanguages
    now: Now


@dataclass(frozen=True, slots=True)
class Stretch:
    """Audio that is to be committed next, with what was said in it."""

    kind: EntryKind
    segment: Segment

    @classmethod
    def spoken(cls, segment: Segment) -> Stretch:
        return cls(EntryKind.SPEECH if segment.text else EntryKind.SILENCE, segment)


def entry_of(
    stretch: Stretch, audio: UncommittedAudio, epoch: int, known: Known
) -> tuple[LedgerEntry, Timeline]:
    """The next entry, and the time that it has taken. An entry of late chunks names them."""
    segment, now_ms, first = stretch.segment, known.now.ms, known.coverage.of(epoch).end_sample
    sequence, sequence_sample, record = audio.chunk_at(segment.resume_sample)
    captured_at_ms = audio.captured_at_ms(first)
    entry = _next(
        stretch.kind,
        EpochPosition(
            epoch, segment.end_sample, segment.resume_sample, sequence, sequence_sample, record
        ),
        known,
        first_sample=first,
        text=segment.text,
        captured_at_ms=now_ms if captured_at_ms is None else captured_at_ms,
        named=(audio.first_sequence, audio.next_sequence) if is_late(epoch) else None,
    )
    needed = max(segment.end_sample, segment.needed_sample)
    return entry, audio.timeline(first, needed, now_ms).mark("recognise", now_ms)


def passing_entry(
    kind: EntryKind, position: EpochPosition, named: Range | None, known: Known
) -> tuple[LedgerEntry, Timeline]:
    """The next entry, after which the epoch goes on at ``position``; ``named``: the chunks that are
    passed by it."""
    entry = _next(
        kind,
        position,
        known,
        first_sample=position.end_sample,
        text="",
        captured_at_ms=-1,
        named=named,
    )
    return entry, Timeline.start(known.now.ms).mark("recognise", known.now.ms)


def can_follow(stands: LedgerEntry, ours: LedgerEntry, audio: UncommittedAudio) -> bool:
    """Whether a session with ``audio`` can go on from another writer's entry, which stands where
    ``ours`` was to stand: only a job of the first edition, which knows of no fences, writes one.

    Chunks that it passes may be here: what is passed must be what ours passes. Audio of our epoch
    must end within what was taken, and go on at a chunk that is here and begins at its sample.
    """
    if stands.gap_from_sequence is not None:
        return _passes(stands) == _passes(ours)
    if stands.epoch != ours.epoch:
        return True
    return stands.end_sample <= audio.available_sample and audio.has_chunk_at(
        stands.resume_sequence, stands.resume_sequence_sample
    )


def _passes(entry: LedgerEntry) -> tuple[int | None, ...]:
    return (
        entry.epoch,
        entry.gap_from_sequence,
        entry.gap_until_sequence,
        entry.resume_sequence,
        entry.resume_sequence_sample,
    )


def _next(
    kind: EntryKind,
    position: EpochPosition,
    known: Known,
    *,
    first_sample: int,
    text: str,
    captured_at_ms: int,
    named: Range | None,
) -> LedgerEntry:
    """The languages that have listeners now are its routes; silence goes nowhere."""
    coverage = known.coverage
    languages = () if kind is EntryKind.SILENCE else known.listeners.languages
    return LedgerEntry(
        session_id=known.author.session_id,
        number=coverage.last_number + 1,
        epoch=position.epoch,
        kind=kind,
        first_sample=first_sample,
        end_sample=position.end_sample,
        text=text,
        language=known.author.language,
        # Clips are stored under this time: no two entries of a session may share it.
        captured_at_ms=max(captured_at_ms, coverage.last_captured_at_ms + 1),
        committed_at_ms=known.now.ms,
        writer=known.author.writer,
        resume_sample=position.resume_sample,
        resume_sequence=position.resume_sequence,
        resume_sequence_sample=position.resume_sequence_sample,
        gap_from_sequence=named[0] if named else None,
        gap_until_sequence=named[1] if named else None,
        routes=tuple(
            Route(each, coverage.last_numbers.get(each), each in known.listeners.voiced)
            for each in languages
        ),
        resume_record=position.resume_record,
        keep_days=known.author.keep_days,
    )
