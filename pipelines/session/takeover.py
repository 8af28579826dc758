"""What an engine writes when it takes a session over: from then on no former owner can commit."""

from __future__ import annotations

from pipelines.session.coverage import Coverage
from schemas.values import EntryKind, LedgerEntry


def fence(
    session_id: str, coverage: Coverage, *, writer: str, generation: int, now_ms: int
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
    )
