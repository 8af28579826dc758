"""Voice activity by WebRTC's detector, as it comes with pocketsphinx (docs/decisions/0008)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pocketsphinx import Vad

from connectors.interfaces.voice_activity import Voiced
from connectors.offline.voice_smoothing import Smoother, SmoothingRule
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class WebrtcVoiceActivitySettings:
    """``mode``: 0 takes nearly everything for voice, 3 the least. ``frame_ms``: 10, 20 or 30.

    By default voice begins with 40 ms that sound like it, and 60 ms in front of those; it ends
    when 100 ms do not, behind the last that did. WebRTC's detector itself holds on to voice for
    some frames more.
    """

    mode: int = 3
    frame_ms: int = 20
    rule: SmoothingRule = field(
        default_factory=lambda: SmoothingRule(
            onset_frames=2,
            onset_window_frames=2,
            margin_frames=3,
            hangover_frames=5,
            tail_frames=0,
        )
    )

    def __post_init__(self) -> None:
        if self.mode not in range(4) or self.frame_ms not in (10, 20, 30):
            raise ValueError(f"no WebRTC detector of mode {self.mode}, {self.frame_ms} ms a frame")

    @property
    def frame_samples(self) -> int:
        return self.frame_ms * SAMPLE_RATE_HZ // 1000

    @property
    def lag_samples(self) -> int:
        """At most so much of what was heard is not decided, the frame that is not full included."""
        return (self.rule.lag_frames + 1) * self.frame_samples


class WebrtcVoiceActivityFactory:
    """``VoiceActivityFactory``."""

    def __init__(self, settings: WebrtcVoiceActivitySettings | None = None) -> None:
        self._settings = settings or WebrtcVoiceActivitySettings()

    def detector(self) -> WebrtcVoiceActivity:
        return WebrtcVoiceActivity(self._settings)


class WebrtcVoiceActivity:
    """``VoiceActivity``."""

    def __init__(self, settings: WebrtcVoiceActivitySettings) -> None:
        self._samples = settings.frame_samples
        self._bytes = settings.frame_samples * BYTES_PER_SAMPLE
        self._vad = Vad(settings.mode, SAMPLE_RATE_HZ, settings.frame_ms / 1000)
        self._smoother = Smoother(settings.rule)
        self._rest = b""
        self._through = 0

    @property
    def through_sample(self) -> int:
        return self._through

    def hear(self, pcm: bytes) -> tuple[Voiced, ...]:
        data = self._rest + pcm
        size, is_speech, smooth = self._bytes, self._vad.is_speech, self._smoother.hear
        runs: list[Voiced] = []
        whole = len(data) - len(data) % size
        for at in range(0, whole, size):
            for frames, is_voice in smooth(is_speech(data[at : at + size])):
                self._extend(runs, frames * self._samples, is_voice)
        self._rest = data[whole:]
        return tuple(runs)

    def _extend(self, runs: list[Voiced], samples: int, is_voice: bool) -> None:
        first = self._through
        self._through += samples
        if runs and runs[-1].is_voice == is_voice:
            first = runs.pop().first_sample
        runs.append(Voiced(first, self._through, is_voice))
