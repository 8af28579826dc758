"""What a session begins with at an engine that takes it over, and the fence that the engine writes:
from then on no former owner can commit."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.segmentation.segmenter import NO_PROMISES, Segmenter, WordPromises
from pipelines.sentences.settings import ReleaseSettings
from pipelines.session.audio import Detectors
from pipelines.session.coverage import Coverage
from schemas.values import EntryKind, LedgerEntry, ListenerLanguages


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """``writer`` and ``generation`` name the engine; ``report_every_s``: see ``SpeechToText``.
    ``promises``: what the recogniser promises of its words.
    ``release``: translations are released of sentences; None: each utterance is translated alone.
    ``delivers_all``: the languages are joined later (bounded runs), so that entries without routes
    are delivered too. ``audio_every_s``: how far apart audio comes, where it comes in panes."""

    segmenter: Segmenter
    detectors: Detectors | None
    report_every_s: float
    writer: str
    generation: int
    raw: bool = False
    delivers_all: bool = False
    release: ReleaseSettings | None = None
    audio_every_s: float = 0.0
    promises: WordPromises = NO_PROMISES


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What the ledger and the tables said when the session was taken over, its fence included;
    ``keep_days``: for so long what is said is kept."""

    base: Coverage
    entries: tuple[LedgerEntry, ...]
    listeners: ListenerLanguages
    language: str
    keep_days: int = 1


def fence(
    session_id: str,
    coverage: Coverage,
    *,
    writer: str,
    generation: int,
    now_ms: int,
    keep_days: int = 1,
) -> LedgerEntry:
    """The entry after all that ``coverage`` holds. It stands where the newest epoch stands, for
    readers who know of no fences."""
    at = max(coverage.positions.values(), key=lambda each: each.epoch, default=None)
    position = at or coverage.of(0)
    return LedgerEntry(
        session_id,
        coverage.last_number + 1,
        position.epoch,
        EntryKind.SILENCE,
        position.end_sample,
        position.end_sample,
        "",
        "",
        coverage.last_captured_at_ms,
        now_ms,
        writer,
        position.resume_sample,
        position.resume_sequence,
        position.resume_sequence_sample,
        routes=(),
        takeover=generation,
        resume_record=position.resume_record,
        keep_days=keep_days,
    )
