"""Lets voice through to the recogniser, and keeps silence back: it need not be paid for.

A voice detector decides a little later than it hears. During speech, audio goes on at once,
undecided or not; in a silence it is held back by ``preroll_samples``, so that the soft beginning of
what follows can still be sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pipelines.segmentation.voice_track import VoiceTrack
from schemas.values import SAMPLE_RATE_HZ


class DecidedVoice(Protocol):
    """The part of ``connectors.interfaces.voice_activity.Voiced`` that is used here."""

    @property
    def end_sample(self) -> int: ...
    @property
    def is_voice(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class GateRule:
    """``hang_samples``: silence that is still sent behind a voice, so that the recogniser can end
    its words. ``preroll_samples``: audio in front of a voice that is sent with it."""

    hang_samples: int = SAMPLE_RATE_HZ // 2
    preroll_samples: int = SAMPLE_RATE_HZ * 3 // 10


class VoiceGate:
    """``next_sample``: everything in front of it was let through or left out."""

    def __init__(self, from_sample: int, rule: GateRule | None = None) -> None:
        self.track = VoiceTrack(from_sample)
        self.next_sample = from_sample
        self._rule = rule or GateRule()
        self._origin = from_sample
        self._opened_at: int | None = None

    def decided(self, runs: Iterable[DecidedVoice]) -> None:
        """What the detector has found; its samples count from where this gate began."""
        for run in runs:
            self.track.extend(self._origin + run.end_sample, is_voice=run.is_voice)

    def rewind(self, sample: int) -> None:
        """Another recogniser begins here: let the voice behind it through again."""
        self.next_sample = sample
        self._opened_at = None

    def ranges(self, available_sample: int) -> list[tuple[int, int]]:
        """What may go to the recogniser now, first to end, in order."""
        out: list[tuple[int, int]] = []
        while self.next_sample < available_sample and self._is_open():
            until = self._until(available_sample)
            if until > self.next_sample:
                out.append((self.next_sample, until))
                self.next_sample = until
            if self._opened_at is not None:
                break
        return out

    def _is_open(self) -> bool:
        return self._opened_at is not None or self._opens()

    def _until(self, available_sample: int) -> int:
        """Where to stop sending; the gate closes when that is behind a voice."""
        assert self._opened_at is not None
        pause = self.track.pause_after(self._opened_at, self._rule.hang_samples)
        if pause is None:
            return available_sample
        self._opened_at = None
        return max(self.next_sample, pause[0] + self._rule.hang_samples)

    def _opens(self) -> bool:
        """Skip silence; True when a voice follows."""
        voice = self.track.voice_after(self.next_sample)
        until = self.track.through_sample if voice is None else voice
        self.next_sample = max(self.next_sample, until - self._rule.preroll_samples)
        self._opened_at = voice
        return voice is not None
