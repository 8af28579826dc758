"""One session's listeners, taken together: lag, what was added, first and last."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from benchmarks.gateway.wire import LightSocket
from benchmarks.lag.breadth import judge
from benchmarks.lag.breadth_audience import Listener
from benchmarks.lag.word_lags import SpokenWord

pytestmark = pytest.mark.unit

SERVICES = {"recognise": 300.0, "translate": 150.0, "synthesize": 310.0}
STAGES = {"window": 1_500.0, "read": 90.0, **SERVICES}


def listener(language: str) -> Listener:
    return Listener(language, cast("LightSocket", None))


def clip(number: int, **more: Any) -> bytes:
    return json.dumps(
        {
            "type": "translatedAudio",
            "sequenceNumber": number,
            "timestamp": 1_000,
            "sourceTranscript": f"w{number}",
            "duration": 0.5,
            "stages": STAGES,
            **more,
        }
    ).encode()


def at(one: Listener, *times_ms: float) -> Listener:
    """As if its messages had come then."""
    one.outcomes[:] = [
        replace(outcome, at_ms=at_ms) for outcome, at_ms in zip(one.outcomes, times_ms, strict=True)
    ]
    return one


def test_a_listener_notes_outcomes_and_whether_the_sound_was_inside() -> None:
    one = listener("es")
    one.take(clip(0, audio="SUQz"))
    one.take(clip(1))
    one.take(b'{"type":"partialCaption","sequenceNumber":2,"text":"w2"}')
    one.take(b'{"type":"skipped","sequenceNumber":2,"reason":"late"}')
    found = [(each.number, each.is_clip, each.is_inline) for each in one.outcomes]
    assert found == [(0, True, True), (1, True, False), (2, False, False)]
    assert one.outcomes[0].words == ("w0",)
    assert one.outcomes[0].stages_ms == STAGES


def test_figures_are_of_all_listeners_and_of_each_message_once() -> None:
    first, second, other = listener("es"), listener("es"), listener("fr")
    for one in (first, second):
        one.take(clip(0, audio="SUQz", stages={**STAGES, "read": 190.0}))
    other.take(clip(0))
    other.take(b'{"type":"skipped","sequenceNumber":1,"reason":"late"}')
    heard = [at(first, 3_000.0), at(second, 3_100.0), at(other, 3_400.0, 5_000.0)]
    spoken = [SpokenWord("w0", 2_000.0), SpokenWord("w1", 3_000.0)]
    found = judge(2, spoken, heard, dropped=1)
    assert found["breadth_lag_mean_s_2_languages"] == pytest.approx((1.0 + 1.1 + 1.4) / 3, abs=1e-3)
    assert found["breadth_added_p50_ms_2_languages"] == 90.0, "of two messages, not of three"
    assert found["breadth_added_p99_ms_2_languages"] == 190.0
    assert found["breadth_spread_p99_ms_2_languages"] == 400.0
    assert found["breadth_inline_share_2_languages"] == pytest.approx(2 / 3, abs=1e-3)
    assert found["breadth_clips_2_languages"] == 3
    assert found["breadth_skipped_2_languages"] == 1
    assert found["breadth_words_lost_2_languages"] == 3
    assert found["breadth_dropped_2_languages"] == 1
