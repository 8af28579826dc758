"""Voice activity by WebRTC's detector, as it comes with pocketsphinx (docs/decisions/0008)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pocketsphinx import Vad

from connectors.interfaces.voice_activity import VoiceActivity
from connectors.offline.voice_smoother import FramedVoiceActivity, SmoothingRule
from schemas.values import SAMPLE_RATE_HZ


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

    def detector(self) -> VoiceActivity:
        chosen = self._settings
        vad = Vad(chosen.mode, SAMPLE_RATE_HZ, chosen.frame_ms / 1000)
        return FramedVoiceActivity(vad.is_speech, chosen.frame_samples, chosen.rule)
