"""Units and dollars of both flows, on figures that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cost.__main__ import figures
from benchmarks.cost.charges import (
    PRICE_FILE,
    Prices,
    billed_s,
    dollars,
    read_prices,
    stream_usage,
    voiced_stretches_s,
    window_usage,
)
from benchmarks.talks import write_talk
from connectors.interfaces.speech_to_text import Word

pytestmark = pytest.mark.unit

PRICES = Prices(0.5, 15.0, 0.01, 0.02, 0.04, 0.001, 5.0, 2.0, 2.0)


def words(*spans_s: tuple[float, float]) -> tuple[Word, ...]:
    return tuple(Word(f"w{number}", *span) for number, span in enumerate(spans_s))


def test_a_short_request_is_billed_for_the_least() -> None:
    assert billed_s([3.0, 15.0, 20.0], 15.0) == 15 + 15 + 20


def test_the_window_pays_five_times_over_and_whoever_listens() -> None:
    usage = window_usage(words((0.0, 1.0)), 3_600.0, 0, PRICES)
    assert (usage.requests, usage.recognised_s, usage.billed_s) == (1_200, 3_600.0, 18_000.0)
    assert (usage.translated_characters, usage.spoken_characters) == (0, 0)


def test_the_rest_of_a_talk_is_a_request_too() -> None:
    assert window_usage((), 10.0, 0, PRICES).requests == 4
    assert window_usage((), 9.0, 0, PRICES).requests == 3


def test_one_stream_pays_for_its_audio() -> None:
    usage = stream_usage([3_600.0], words((0.0, 1.0)), 10, PRICES)
    assert (usage.requests, usage.billed_s) == (1, 3_600.0)
    window = window_usage(words((0.0, 1.0)), 3_600.0, 10, PRICES)
    assert usage.billed_s / window.billed_s == 0.2
    assert usage.translated_characters == window.translated_characters == 50


def test_silence_is_left_out_but_for_its_edges() -> None:
    spoken = words((1.0, 2.0), (2.3, 3.0), (6.0, 7.5))
    assert voiced_stretches_s(spoken, pad_s=0.25, bridged_s=0.5) == (2.5, 2.0)
    assert voiced_stretches_s(spoken, pad_s=0.25, bridged_s=5.0) == (7.0,)
    assert voiced_stretches_s((), pad_s=0.25, bridged_s=0.5) == ()
    with pytest.raises(ValueError, match="do not fit"):
        voiced_stretches_s(spoken, pad_s=0.25, bridged_s=0.4)


def test_dollars_are_units_times_prices() -> None:
    usage = stream_usage([20.0], words((0.0, 1.0), (1.0, 2.0)), 3, PRICES)
    assert (usage.translated_characters, usage.spoken_characters) == (30.0, 60.0)
    ledger = (1 + 3 + 20 / 3) * 0.001
    assert dollars(usage, PRICES, generative=False) == pytest.approx(10.0 + 0.3 + 1.2 + ledger)
    assert dollars(usage, PRICES, generative=True) == pytest.approx(10.0 + 0.3 + 2.4 + ledger)


def test_the_job_alone_writes_a_ledger() -> None:
    """An utterance of two words is a commit and a write a language; every 3 s there is a head."""
    spoken = words((0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0))
    units = [stream_usage([30.0], spoken, heard, PRICES).ledger_units for heard in (0, 1, 3)]
    assert units == [12, 14, 18]
    assert window_usage(spoken, 20.0, 3, PRICES).ledger_units == 0
    assert stream_usage([30.0], spoken, 3, PRICES, in_vain=0.5).ledger_units == 18
    assert stream_usage([30.0], spoken, 0, PRICES).per_hour(30.0).ledger_units == 1_440


def test_an_hour_of_a_talk_that_is_shorter() -> None:
    hour = window_usage(words((0.0, 1.0)), 120.0, 1, PRICES).per_hour(120.0)
    assert (hour.requests, hour.billed_s) == (1_200, 18_000.0)
    assert hour.translated_characters == pytest.approx(150.0)


def test_the_price_file_can_be_edited(tmp_path: Path) -> None:
    edited = tmp_path / "prices.toml"
    text = PRICE_FILE.read_text()
    assert "dollars_per_second = 0.0004 " in text
    edited.write_text(text.replace("dollars_per_second = 0.0004 ", "dollars_per_second = 0.0008 "))
    before, after = read_prices(), read_prices(edited)
    assert after.recognition_per_s == 2 * before.recognition_per_s
    assert after.translation_per_character == before.translation_per_character
    assert before.ledger_unit == pytest.approx(0.625e-6)


def test_the_table_is_of_an_hour_by_flow_and_languages_heard() -> None:
    found = figures(PRICES, [write_talk(number, 60.0) for number in range(3)])
    assert found["baseline_0_heard_billed_s"] == found["baseline_10_heard_billed_s"] == 18_000
    assert found["stream_0_heard_billed_s"] == pytest.approx(3_600)
    assert found["reckoned_stt_seconds_ratio"] == pytest.approx(0.2)
    assert 0.15 < found["reckoned_stt_seconds_ratio_speech_only"] < 0.2
    assert found["stream_10_heard_spoken_characters"] == pytest.approx(
        5 * found["stream_2_heard_spoken_characters"]
    )
    assert found["baseline_0_heard_neural_dollars"] == pytest.approx(9_000)
    saved = found["baseline_2_heard_neural_dollars"] - found["stream_2_heard_neural_dollars"]
    ledger = found["stream_2_heard_ledger_units"] * 0.001
    assert saved == pytest.approx((18_000 - 3_600) * 0.5 - ledger)
    heads = 1_200
    assert found["stream_2_heard_ledger_units"] - heads == pytest.approx(
        3 * (found["stream_0_heard_ledger_units"] - heads)
    )
    assert found["baseline_2_heard_ledger_units"] == 0
