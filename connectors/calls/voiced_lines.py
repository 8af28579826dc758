"""Speech cut into lines at pauses, each with its audio: for engines that take recordings. Pure.

samples -> voice detector -> lines: those that ended, and the one that goes on
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.interfaces.voice_activity import VoiceActivity
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class LineRule:
    """``pause_s``: silence that ends a line; ``longest_s``: it ends by then in any case;
    ``kept_s``: audio around the voice that goes with it."""

    pause_s: float = 0.6
    longest_s: float = 12.0
    kept_s: float = 0.2


@dataclass(frozen=True, slots=True)
class VoicedLine:
    """Seconds count from the stream's first sample. ``pcm``: mono s16le at 16 kHz, from ``start_s``
    to ``end_s``; its first voice is at ``voice_start_s``."""

    pcm: bytes
    start_s: float
    end_s: float
    is_complete: bool
    voice_start_s: float


class VoicedLines:
    """Of one stream. Only the audio of the open line, and a little before, is kept."""

    def __init__(self, detector: VoiceActivity, rule: LineRule | None = None) -> None:
        self._detector = detector
        self._rule = rule or LineRule()
        self._audio = bytearray()
        self._first = 0
        """The stream's sample that ``_audio`` begins with."""
        self._available = 0
        self._opened_at: int | None = None
        self._voice_start = self._voice_end = 0
        self._floor = 0
        """Where the last line ended."""

    @property
    def through_s(self) -> float:
        return self._available / SAMPLE_RATE_HZ

    def add(self, pcm: bytes) -> list[VoicedLine]:
        """The lines that ended within these samples, and the open one as it is now."""
        self._audio += pcm
        self._available += len(pcm) // BYTES_PER_SAMPLE
        lines = self._decided(pcm)
        if self._opened_at is not None:
            lines.append(self._line(self._opened_at, self._available, is_complete=False))
        self._forget()
        return lines

    def end(self) -> list[VoicedLine]:
        """No more audio: the lines that are left."""
        silence = bytes(SAMPLE_RATE_HZ * BYTES_PER_SAMPLE)  # for what the detector has not decided
        lines = self._decided(silence)
        if self._opened_at is not None:
            lines.append(self._close(self._available))
        return lines

    def _decided(self, pcm: bytes) -> list[VoicedLine]:
        lines: list[VoicedLine] = []
        pause = self._samples(self._rule.pause_s)
        for run in self._detector.hear(pcm):
            end = min(run.end_sample, self._available)
            if run.is_voice:
                if self._opened_at is None:
                    kept = run.first_sample - self._samples(self._rule.kept_s)
                    self._opened_at = max(kept, self._floor, self._first)
                    self._voice_start = max(run.first_sample, self._opened_at)
                self._voice_end = end
                if end - self._opened_at >= self._samples(self._rule.longest_s):
                    lines.append(self._close(end))
            elif self._opened_at is not None and run.end_sample - self._voice_end >= pause:
                kept = self._voice_end + self._samples(self._rule.kept_s)
                lines.append(self._close(min(kept, end)))
        return lines

    def _close(self, end: int) -> VoicedLine:
        assert self._opened_at is not None
        line = self._line(self._opened_at, end, is_complete=True)
        self._opened_at, self._floor = None, end
        return line

    def _line(self, start: int, end: int, *, is_complete: bool) -> VoicedLine:
        cut = slice(
            (start - self._first) * BYTES_PER_SAMPLE, (end - self._first) * BYTES_PER_SAMPLE
        )
        return VoicedLine(
            bytes(self._audio[cut]),
            start / SAMPLE_RATE_HZ,
            end / SAMPLE_RATE_HZ,
            is_complete,
            self._voice_start / SAMPLE_RATE_HZ,
        )

    def _forget(self) -> None:
        """A detector may still decide that voice began in the last second."""
        keep_from = self._available - SAMPLE_RATE_HZ
        if self._opened_at is not None:
            keep_from = min(keep_from, self._opened_at)
        gone = max(0, keep_from - self._first)
        del self._audio[: gone * BYTES_PER_SAMPLE]
        self._first += gone

    @staticmethod
    def _samples(seconds: float) -> int:
        return round(seconds * SAMPLE_RATE_HZ)
