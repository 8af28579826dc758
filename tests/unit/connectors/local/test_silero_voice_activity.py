"""What Silero's detector is given, frame by frame, with a model that is played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.interfaces.errors import PermanentError
from connectors.local.silero_voice_activity import (
    FRAME_SAMPLES,
    SileroVoiceActivityFactory,
    SileroVoiceActivitySettings,
)

pytestmark = pytest.mark.unit


class PlayedModel:
    """Takes a frame for voice by its last sample, and counts the frames of each stream in its
    state."""

    def __init__(self) -> None:
        self.heard: list[NDArray[np.float32]] = []
        self.counts: list[float] = []

    def __call__(self, names: None, inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        assert names is None
        assert inputs["sr"] == 16_000
        assert inputs["input"].dtype == inputs["state"].dtype == np.float32
        self.heard.append(inputs["input"][0])
        self.counts.append(float(inputs["state"][0, 0, 0]))
        return [inputs["input"][:, -1:], inputs["state"] + 1]


def frames(*levels: float) -> bytes:
    samples = np.repeat(np.array(levels) * 32768, FRAME_SAMPLES)
    return samples.astype("<i2").tobytes()


def test_a_frame_comes_with_the_end_of_the_one_before() -> None:
    model = PlayedModel()
    SileroVoiceActivityFactory(model).detector().hear(frames(0.25, 0.5, 0.125))
    assert [len(heard) for heard in model.heard] == [FRAME_SAMPLES + 64] * 3
    assert [float(heard[0]) for heard in model.heard] == [0.0, 0.25, 0.5]
    assert [float(heard[64]) for heard in model.heard] == [0.25, 0.5, 0.125]


def test_each_stream_has_a_state_of_its_own() -> None:
    model = PlayedModel()
    factory = SileroVoiceActivityFactory(model)
    one, two = factory.detector(), factory.detector()
    one.hear(frames(0, 0))
    two.hear(frames(0))
    one.hear(frames(0))
    assert model.counts == [0, 1, 0, 2]


def test_voice_is_what_reaches_the_threshold_for_two_frames() -> None:
    detector = SileroVoiceActivityFactory(PlayedModel()).detector()
    runs = detector.hear(frames(*[0.0] * 6, 0.69, 0.9, 0.1, *[0.0] * 6))
    assert not any(run.is_voice for run in runs)
    runs = detector.hear(frames(0.71, 0.71))
    begins = runs[-1].first_sample / FRAME_SAMPLES
    assert runs[-1].is_voice
    assert begins == 15 - 2, "64 ms in front of the first frame that was voice"


def test_voice_ends_with_four_frames_that_are_not() -> None:
    detector = SileroVoiceActivityFactory(PlayedModel()).detector()
    detector.hear(frames(0.9, 0.9, 0.0, 0.0, 0.0))
    assert detector.through_sample == 2 * FRAME_SAMPLES
    detector.hear(frames(0.9, 0.0, 0.0, 0.0))
    assert detector.through_sample == 6 * FRAME_SAMPLES
    runs = detector.hear(frames(0.0))
    assert [run.is_voice for run in runs] == [False]


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_that_decides_nothing_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        SileroVoiceActivitySettings(threshold=threshold)


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "silero_vad_16k_op15.onnx").write_bytes(b"not a model")
    with pytest.raises(PermanentError, match=r"silero_vad_16k_op15\.onnx is no model"):
        SileroVoiceActivityFactory.load(tmp_path)
