"""What the demo found, as values, as report.json and as its closing line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from ingest_gateway.client import ListenReport, ReceivedClip, SpeakReport
from local_stack.audience import is_playable, promised
from local_stack.completeness import Completeness, judge
from local_stack.latency import Notified, Spread, spread, stage_spreads
from local_stack.talk import Talk, word_error_rate
from schemas.machine_made import maker_of
from schemas.values import SAMPLE_RATE_HZ, EntryKind, LedgerEntry


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was collected while the talk was held."""

    talk: Talk
    spoken: SpeakReport
    heard: tuple[ListenReport, ...]
    entries: tuple[LedgerEntry, ...]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """``from_first`` and ``from_last``: first or last sample spoken until the notification.

    ``voices``: by language and engine, how many clips it spoke, as their marks say;
    ``voice_changes``: by language, how often another engine spoke than before."""

    session_id: str
    talk_s: float
    clips: int
    clips_by_language: dict[str, int]
    voices: dict[str, dict[str, int]]
    voice_changes: dict[str, int]
    listeners: int
    from_first: Spread
    from_last: Spread
    stages: dict[str, Spread]
    word_error_rate: float
    expected: int
    missing: int
    faults: tuple[str, ...]
    notified: tuple[Notified, ...]

    @property
    def line(self) -> str:
        """The demo's last line."""
        return (
            f"demo: {self.clips} clips to {self.listeners} listeners "
            f"in {len(self.clips_by_language)} languages; "
            f"speech to notification p50 {self.from_first.p50_ms / 1000:.1f} s, "
            f"p95 {self.from_first.p95_ms / 1000:.1f} s; "
            f"WER {self.word_error_rate * 100:.0f} %; {self.missing} missing"
        )

    def save(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


def playable(heard: Iterable[ListenReport]) -> set[tuple[int, str]]:
    """(number, language) of every clip that was downloaded and can be decoded."""
    return {
        (clip.sequence_number, report.language)
        for report in heard
        for clip in report.clips
        if is_playable(clip)
    }


def voices_of(clips: Iterable[ReceivedClip]) -> dict[str, int]:
    """Who spoke how many, the most frequent first."""
    return dict(Counter(_makers(clips)).most_common())


def voice_changes(clips: Iterable[ReceivedClip]) -> int:
    """How often a listener hears another voice than before, in the order of the talk."""
    in_order = sorted(clips, key=lambda clip: clip.sequence_number)
    return sum(one != other for one, other in pairwise(_makers(in_order)))


def _makers(clips: Iterable[ReceivedClip]) -> list[str]:
    return [maker_of(clip.body) or "unknown" for clip in clips if clip.body is not None]


def verdict(evidence: Evidence) -> Completeness:
    return judge(
        evidence.spoken.session_id,
        evidence.entries,
        [promised(evidence.spoken)],
        playable(evidence.heard),
    )


def make_report(evidence: Evidence) -> DemoReport:
    completeness = verdict(evidence)
    notified = notifications(evidence.spoken, evidence.heard, evidence.entries)
    recognised = " ".join(
        entry.text for entry in evidence.entries if entry.kind is EntryKind.SPEECH
    )
    by_language = {
        report.language: sum(1 for one in notified if one.language == report.language)
        for report in evidence.heard
    }
    faults = (*completeness.faults, *_unacknowledged(evidence.spoken))
    return DemoReport(
        session_id=evidence.spoken.session_id,
        talk_s=evidence.talk.duration_s,
        clips=len(notified),
        clips_by_language=by_language,
        voices={report.language: voices_of(report.clips) for report in evidence.heard},
        voice_changes={report.language: voice_changes(report.clips) for report in evidence.heard},
        listeners=len(evidence.heard),
        from_first=spread([one.from_first_ms for one in notified]),
        from_last=spread([one.from_last_ms for one in notified]),
        stages=stage_spreads(notified),
        word_error_rate=word_error_rate(evidence.talk.reference, recognised),
        expected=completeness.expected,
        missing=len(faults),
        faults=faults,
        notified=notified,
    )


def notifications(
    spoken: SpeakReport, heard: Iterable[ListenReport], entries: Sequence[LedgerEntry]
) -> tuple[Notified, ...]:
    """Every clip that was announced live, in the order it came. History is not news."""
    durations_s = {entry.number: entry.duration_s for entry in entries}
    return tuple(
        Notified(
            language=report.language,
            number=clip.sequence_number,
            spoken_s=(clip.timestamp_ms - spoken.first_sent_at_ms) / 1000,
            from_first_ms=clip.received_at_ms - clip.timestamp_ms,
            from_last_ms=clip.received_at_ms
            - clip.timestamp_ms
            - round(1000 * durations_s.get(clip.sequence_number, 0.0)),
            stages_ms=dict(clip.stages_ms),
            transcript=clip.transcript,
        )
        for report in heard
        for clip in report.clips
        if not clip.from_history
    )


def _unacknowledged(spoken: SpeakReport) -> tuple[str, ...]:
    left = spoken.samples - spoken.acknowledged_samples
    if left <= 0:
        return ()
    return (f"the last {left / SAMPLE_RATE_HZ:.1f} s of the talk were never acknowledged",)
