"""A speech stream as the session sees it."""

from __future__ import annotations

import math

import pytest

from connectors.interfaces.speech_to_text import RecogniserCapabilities, Recognition
from pipelines.segmentation.segmenter import NEVER, Segment, WordPromises
from pipelines.session.audio import UncommittedAudio
from pipelines.session.recognition import RecognitionStream, hypothesis_of, promises_of
from schemas.values import SAMPLE_RATE_HZ

pytestmark = pytest.mark.unit


def stream_that_reported(*through_s: float) -> RecognitionStream:
    stream = RecognitionStream(1)
    stream.opened(SAMPLE_RATE_HZ, 0.0)
    stream.sent([(SAMPLE_RATE_HZ, bytes(8 * SAMPLE_RATE_HZ))], 0.0)
    for each in through_s:
        stream.take(Recognition((), False, each))
    return stream


def needed(stream: RecognitionStream, sample: int) -> int:
    return stream.as_reported(Segment(0, 0, "w", sample)).needed_sample


def test_a_decision_needed_the_whole_result_that_first_considered_its_sample() -> None:
    stream = stream_that_reported(0.25, 0.5, 0.75)

    assert needed(stream, SAMPLE_RATE_HZ + 1) == SAMPLE_RATE_HZ * 5 // 4
    assert needed(stream, SAMPLE_RATE_HZ * 5 // 4) == SAMPLE_RATE_HZ * 5 // 4
    assert needed(stream, SAMPLE_RATE_HZ * 5 // 4 + 1) == SAMPLE_RATE_HZ * 3 // 2


def test_a_decision_that_no_result_considered_needed_its_own_sample() -> None:
    """Silence is decided on without the recogniser."""
    assert needed(stream_that_reported(0.25), SAMPLE_RATE_HZ * 2) == SAMPLE_RATE_HZ * 2


def test_results_of_committed_audio_are_forgotten() -> None:
    stream = stream_that_reported(0.25, 0.5, 0.75)

    stream.forget_words_before(SAMPLE_RATE_HZ * 3 // 2)

    assert needed(stream, 0) == SAMPLE_RATE_HZ * 3 // 2


def test_what_a_recogniser_is_capable_of_is_what_its_hypotheses_promise() -> None:
    estimating = RecogniserCapabilities(settles_after_s=math.inf, times_are_estimated=True)
    assert promises_of(estimating) == WordPromises(NEVER, times_are_measured=False)
    assert promises_of(RecogniserCapabilities(settles_after_s=0.5)) == WordPromises(
        SAMPLE_RATE_HZ // 2, times_are_measured=True
    )
    stream = RecognitionStream(1, promises_of(estimating))
    stream.opened(0, 0.0)
    heard = hypothesis_of(stream, UncommittedAudio(None), 0, 0.25, finished=False)
    assert heard is not None
    assert heard.promises.settle_samples == NEVER
