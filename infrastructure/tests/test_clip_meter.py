"""From a bucket's report to a metric."""

from __future__ import annotations

import json
from typing import Any

import clip_meter
import pytest
from clip_meter import Checkpoint, Clip, metric_lines, stored

pytestmark = pytest.mark.unit

FIRST_MS = 1_763_712_000_000
STORED_AT = "2025-11-21T08:00:04.250Z"  # 4.25 s after FIRST_MS


def batch(*keys: str) -> dict[str, Any]:
    records = [{"eventTime": STORED_AT, "s3": {"object": {"key": key}}} for key in keys]
    return {"Records": [{"body": json.dumps({"Records": [one]})} for one in records]}


def test_a_clips_lag_is_from_its_first_sample_to_its_being_stored() -> None:
    key = f"sessions/brave-lion-7/translated/es/{FIRST_MS}.mp3"
    assert list(stored(batch(key))) == [Clip("es", 4_250)]


def test_keys_come_encoded() -> None:
    key = f"sessions/a+b%3A1/translated/zh-TW/{FIRST_MS}.mp3"
    assert list(stored(batch(key))) == [Clip("zh-TW", 4_250)]


def test_a_finished_checkpoint_counts_once() -> None:
    keys = ("checkpoints/4f2a/chk-12/_metadata", "savepoints/s-1/_metadata")
    assert list(stored(batch(*keys))) == [Checkpoint()]


def test_other_reports_are_passed_over() -> None:
    test_event = {"body": json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})}
    assert list(stored({"Records": [test_event]})) == []
    assert list(stored(batch("sessions/s/chunks/1.pcm"))) == []


def test_a_clock_that_runs_ahead_gives_no_negative_lag() -> None:
    key = f"sessions/s/translated/es/{FIRST_MS + 60_000}.mp3"
    assert list(stored(batch(key))) == [Clip("es", 0)]


def test_lines_hold_the_values_of_one_language_as_a_whole_and_by_it() -> None:
    found = [Clip("es", 1_000), Clip("fr", 13_000), Clip("es", 12_000), Clip("es", 12_001)]
    spanish, french = metric_lines(found, "Here/dev", 7)
    assert (spanish["ClipLag"], spanish["Clips"], spanish["ClipsOnTime"]) == (
        [1_000, 12_000, 12_001],
        3,
        2,
    )
    assert (french["Language"], french["ClipLag"], french["ClipsOnTime"]) == ("fr", [13_000], 0)
    assert spanish["_aws"]["Timestamp"] == 7
    (described,) = spanish["_aws"]["CloudWatchMetrics"]
    assert (described["Namespace"], described["Dimensions"]) == ("Here/dev", [[], ["Language"]])
    assert {one["Name"] for one in described["Metrics"]} == {"ClipLag", "Clips", "ClipsOnTime"}


def test_a_line_holds_no_more_than_a_hundred_values() -> None:
    lines = list(metric_lines([Clip("es", n) for n in range(250)], "n", 0))
    assert [len(line["ClipLag"]) for line in lines] == [100, 100, 50]
    assert sum(line["Clips"] for line in lines) == 250


def test_the_handler_writes_a_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METRICS_NAMESPACE", "Here/dev")
    keys = (f"sessions/s/translated/es/{FIRST_MS}.mp3", "checkpoints/j/chk-1/_metadata")
    clip_meter.handler(batch(*keys), None)
    clip, checkpoint = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert clip["ClipLag"] == [4_250]
    assert checkpoint["Checkpoints"] == 1
    assert "s/translated" not in json.dumps(clip)
