"""Voice activity by Silero's neural detector, run by onnxruntime (docs/decisions/0008)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.voice_activity import VoiceActivity
from connectors.offline.voice_smoother import FramedVoiceActivity, SmoothingRule
from schemas.values import SAMPLE_RATE_HZ

FRAME_SAMPLES = 512
_CONTEXT_SAMPLES = 64
"""The model reads the end of the frame before as well."""
_STATE_SHAPE = (2, 1, 128)
_MODEL = "silero_vad_16k_op15.onnx"

Run = Callable[[Any, dict[str, NDArray[Any]]], Any]
"""``InferenceSession.run``: output names (None: all) and inputs; [probability, next state]."""


@dataclass(frozen=True, slots=True)
class SileroVoiceActivitySettings:
    """``threshold``: a frame of 32 ms is voice from this probability on.

    By default voice begins with 64 ms that are voice, and 64 ms in front of those; it ends when
    128 ms are not, behind the last that was.
    """

    threshold: float = 0.7
    rule: SmoothingRule = field(
        default_factory=lambda: SmoothingRule(
            onset_frames=2,
            onset_window_frames=2,
            margin_frames=2,
            hangover_frames=4,
            tail_frames=0,
        )
    )

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold < 1.0:
            raise ValueError(f"threshold={self.threshold}: a probability between 0 and 1")

    @property
    def lag_samples(self) -> int:
        """At most so much of what was heard is not decided, the frame that is not full included."""
        return (self.rule.lag_frames + 1) * FRAME_SAMPLES


class SileroVoiceActivityFactory:
    """``VoiceActivityFactory``: one model (``run``), which all detectors share."""

    def __init__(self, run: Run, settings: SileroVoiceActivitySettings | None = None) -> None:
        self.run = run
        self._settings = settings or SileroVoiceActivitySettings()

    @classmethod
    def load(
        cls, folder: Path, settings: SileroVoiceActivitySettings | None = None
    ) -> SileroVoiceActivityFactory:
        """PermanentError: onnxruntime is not installed, or the file in ``folder`` is no model."""
        try:
            import onnxruntime
        except ModuleNotFoundError:
            raise PermanentError(
                "the Python package onnxruntime is not installed: pip install .[local]"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            session = onnxruntime.InferenceSession(
                str(folder / _MODEL), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions have no common base
            raise PermanentError(f"{_MODEL} is no model: {type(error).__name__}") from None
        return cls(session.run, settings)

    def detector(self) -> VoiceActivity:
        judge = FrameJudge(self.run, self._settings.threshold)
        return FramedVoiceActivity(judge, FRAME_SAMPLES, self._settings.rule)


class FrameJudge:
    """Whether a stream's next frame is voice."""

    def __init__(self, run: Run, threshold: float) -> None:
        self._run = run
        self._threshold = threshold
        self._state = np.zeros(_STATE_SHAPE, np.float32)
        self._context = np.zeros((1, _CONTEXT_SAMPLES), np.float32)
        self._rate = np.array(SAMPLE_RATE_HZ, np.int64)

    def __call__(self, frame: bytes) -> bool:
        samples = np.frombuffer(frame, "<i2").astype(np.float32)[None] / 32768
        heard = np.concatenate([self._context, samples], axis=1)
        self._context = heard[:, -_CONTEXT_SAMPLES:]
        probability, self._state = self._run(
            None, {"input": heard, "state": self._state, "sr": self._rate}
        )
        return bool(probability[0, 0] >= self._threshold)
