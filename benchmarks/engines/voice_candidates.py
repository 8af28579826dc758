"""The voice detectors that are compared; webrtcvad and Silero's only where they are installed."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Vad

from connectors.interfaces.errors import PermanentError
from connectors.local.engines import LocalSpeech
from connectors.local.silero_voice_activity import FrameJudge, Run, SileroVoiceActivitySettings
from connectors.offline.voice_activity import WebrtcVoiceActivitySettings
from connectors.offline.voice_smoother import SmoothingRule
from schemas.values import SAMPLE_RATE_HZ

Frames = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """``open``: a new detector, that answers for one frame after another."""

    name: str
    frame_ms: int
    rule: SmoothingRule
    open: Callable[[], Frames]

    @property
    def frame_samples(self) -> int:
        return self.frame_ms * SAMPLE_RATE_HZ // 1000


def candidates() -> Iterator[Candidate]:
    chosen = WebrtcVoiceActivitySettings()
    for frame_ms in (10, 20, 30):
        for mode in range(4):
            yield Candidate(
                f"webrtc {mode}, {frame_ms} ms",
                frame_ms,
                _in_frames(chosen, frame_ms),
                partial(_open_pocketsphinx, mode, frame_ms),
            )
    if importlib.util.find_spec("webrtcvad"):
        yield Candidate(
            f"webrtcvad, {chosen.frame_ms} ms",
            chosen.frame_ms,
            chosen.rule,
            partial(_open_webrtcvad, chosen.mode),
        )
    run = load_silero()
    if run is not None:
        rule = SileroVoiceActivitySettings().rule
        for threshold in (0.3, 0.5, 0.7):
            yield Candidate(f"silero {threshold}", 32, rule, partial(FrameJudge, run, threshold))


def _in_frames(chosen: WebrtcVoiceActivitySettings, frame_ms: int) -> SmoothingRule:
    """The chosen rule in frames of another length, rounded up."""

    def frames(count: int) -> int:
        return -(-count * chosen.frame_ms // frame_ms)

    rule = chosen.rule
    window = frames(rule.onset_window_frames)
    return SmoothingRule(
        max(1, min(window, round(rule.onset_frames / rule.onset_window_frames * window))),
        window,
        frames(rule.margin_frames),
        frames(rule.hangover_frames),
        frames(rule.tail_frames),
    )


def _open_pocketsphinx(mode: int, frame_ms: int) -> Frames:
    return Vad(mode, SAMPLE_RATE_HZ, frame_ms / 1000).is_speech


def _open_webrtcvad(mode: int) -> Frames:
    detector: Any = import_module("webrtcvad").Vad(mode)
    return lambda frame: detector.is_speech(frame, SAMPLE_RATE_HZ)


def load_silero() -> Run | None:
    """None: `make models` has not brought it."""
    try:
        return LocalSpeech().open_voice_activity().run
    except PermanentError:
        return None


def measure_silero_batches(samples: NDArray[np.float64], calls: int = 50) -> dict[int, float]:
    """CPU in ms for a second of audio, by how many streams go into one call, without smoothing.

    ``samples``: at least ``calls`` of 32 ms. Empty where silero is not installed.
    """
    run = load_silero()
    if run is None:
        return {}
    rate = np.array(SAMPLE_RATE_HZ, dtype=np.int64)
    heard = (samples[: calls * 512].reshape(calls, 512) / 32768).astype(np.float32)
    costs: dict[int, float] = {}
    for batch in (1, 8, 32, 128):
        state = np.zeros((2, batch, 128), dtype=np.float32)
        before = np.zeros((batch, 64), dtype=np.float32)
        started_s = time.process_time()
        for frame in heard:
            inputs = np.concatenate([before, np.broadcast_to(frame, (batch, 512))], axis=1)
            before = inputs[:, -64:]
            _, state = run(None, {"input": inputs, "state": state, "sr": rate})
        took_s = time.process_time() - started_s
        costs[batch] = took_s * 1000 / (batch * calls * 512 / SAMPLE_RATE_HZ)
    return costs
