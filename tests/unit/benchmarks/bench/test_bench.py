"""What the parts of a bench find comes together under flat keys, is drawn and is judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.bench import __main__ as bench
from benchmarks.bench.bars import BARS, SERVICES, STOOD_IN
from benchmarks.bench.parts import FULL, QUICK, Part, Result, Size, clear, lag_keys, parts, run_part
from benchmarks.bench.pictures import draw_lag, draw_load, draw_stages, smoothed

pytestmark = pytest.mark.unit


def part_that(
    code: str, file: Path, keys: dict[str, str] | None = None, within_s: float = 20.0
) -> Part:
    return Part("a part", ("-c", code), file, keys or {}, within_s)


def writes(file: Path, found: dict[str, object]) -> str:
    return f"import pathlib; pathlib.Path({str(file)!r}).write_text({json.dumps(found)!r})\n"


def test_the_full_bench_asks_every_part_for_what_was_promised() -> None:
    found = {part.name: part for part in parts(FULL)}
    assert list(found) == [
        "cost",
        "playout",
        "lag, seed",
        "lag, current",
        "overhead",
        "overhead, 600 sessions for 180 s",
        "gateway",
        "breadth",
        "recognition",
    ]
    assert found["overhead"].command.count("--sessions") == 4
    assert found["overhead, 600 sessions for 180 s"].figures != found["overhead"].figures
    assert FULL.longest_s < 45 * 60


def test_the_quick_bench_leaves_every_part_its_own_time() -> None:
    needed_s = sum(part.within_s for part in parts(QUICK))
    assert needed_s <= QUICK.longest_s <= 1.1 * needed_s


def test_options_of_the_job_reach_the_lag_and_the_overhead() -> None:
    wanted = "--job-option=--parallelism=2"
    having = [part.name for part in parts(QUICK, ["--parallelism=2"]) if wanted in part.command]
    assert having == ["lag, current", "overhead", "overhead, 20 sessions for 15 s"]


def test_each_profiles_figures_have_names_of_their_own() -> None:
    seed, current = lag_keys("seed"), lag_keys("current")
    assert seed["lag_ratio"] == "lag_ratio_seed_profile"
    assert current["job_lag_mean_s"] == "lag_mean_s_current_profile"
    assert current["job_lag_p95_s"] == "lag_p95_s_current_profile"
    assert current["baseline_first_sample_p50_s"] == "baseline_first_sample_p50_s_current_profile"
    assert current["stt_seconds_ratio"] == "stt_seconds_ratio"
    assert not set(seed.values()) & set(current.values())


def test_numbers_are_taken_and_renamed(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    code = writes(file, {"lag_ratio": 0.7, "name": "x", "n": 3})
    renamed = run_part(part_that(code, file, {"lag_ratio": "lag_ratio_seed_profile"}), 120.0)
    assert renamed == Result({"lag_ratio_seed_profile": 0.7})
    assert run_part(part_that(code, file), 120.0) == Result({"lag_ratio": 0.7, "n": 3})


def test_a_part_that_fails_says_so_and_has_no_old_figures(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    file.write_text('{"old": 1}')
    assert run_part(part_that("raise SystemExit(3)", file), 120.0) == Result({}, "ended with 3")
    assert run_part(part_that("", file), 120.0) == Result({}, "left no figures")
    assert run_part(part_that(writes(file, {"n": 1}), file), 0.0).problem == (
        "no time was left for it"
    )


def test_a_part_that_fails_late_keeps_the_figures_it_had(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    code = writes(file, {"n": 3}) + "raise SystemExit(1)"
    assert run_part(part_that(code, file), 120.0) == Result({"n": 3.0}, "ended with 1")


def test_a_part_that_takes_too_long_is_told_to_stop(tmp_path: Path) -> None:
    """It may still end what it started."""
    file = tmp_path / "found.json"
    code = (
        "import signal, sys, time\n"
        "def stop(*_):\n"
        f"    open({str(tmp_path / 'stopped')!r}, 'w').close(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\n" + writes(file, {"n": 3}) + "time.sleep(60)\n"
    )
    assert run_part(part_that(code, file, within_s=60.0), 3.0) == Result(
        {"n": 3.0}, "was stopped after 3 s"
    )
    assert (tmp_path / "stopped").exists()


def test_one_part_fails_and_the_others_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    monkeypatch.setattr(bench, "BUILD", tmp_path)
    monkeypatch.setattr(bench, "FOUND", tmp_path / "bench")
    listed = (
        replace(part_that("raise SystemExit(2)", bad), name="the bad one"),
        replace(part_that(writes(good, {"wer_pause": 0.25}), good), name="the good one"),
    )

    def two_parts(_size: Size, _options: list[str]) -> tuple[Part, ...]:
        return listed

    monkeypatch.setattr(bench, "parts", two_parts)
    assert bench.main(["--quick"]) == 1
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["wer_pause"] == 0.25
    told = capsys.readouterr().out
    assert "bench: the bad one ended with 2" in told
    assert told.splitlines()[-1].endswith("failed: the bad one; missed: -")
    for picture in bench.PICTURES:
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def test_a_figure_that_is_not_as_promised_fails_the_bench_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.json"
    monkeypatch.setattr(bench, "BUILD", tmp_path)
    monkeypatch.setattr(bench, "FOUND", tmp_path / "bench")
    for lost, code, told in ((1, 1, "words_lost_current_profile 1"), (0, 0, "-")):
        part = part_that(writes(file, {"words_lost_current_profile": lost}), file)

        def one_part(_size: Size, _options: list[str], part: Part = part) -> tuple[Part, ...]:
            return (part,)

        monkeypatch.setattr(bench, "parts", one_part)
        monkeypatch.setattr(bench, "draw", no_picture)
        assert bench.main(["--quick"]) == code
        assert capsys.readouterr().out.splitlines()[-1].endswith(f"failed: -; missed: {told}")


def no_picture(_build: Path, _figures: Mapping[str, float]) -> dict[str, str]:
    return {}


def test_the_issues_keys_have_bars() -> None:
    assert {
        "lag_ratio_seed_profile",
        "words_lost_seed_profile",
        "overhead_p50_ms_10_sessions",
        "overhead_p50_ms_300_sessions",
        "overhead_p99_ms_300_sessions",
        "overhead_cores_300_sessions",
        "overhead_p50_ms_600_sessions",
        "overhead_p99_ms_600_sessions",
        "gateway_p99_ms_1000_speakers",
        "wer_pause",
        "stt_seconds_ratio",
    } <= {bar.key for bar in BARS}


def test_every_part_that_runs_something_says_what_stood_in() -> None:
    runs = {part.name.split(",")[0] for part in parts(FULL)} - {"cost"}
    assert set(STOOD_IN) == runs
    assert {len(row) for row in STOOD_IN.values()} == {len(SERVICES)}


def test_what_an_earlier_run_left_is_not_drawn(tmp_path: Path) -> None:
    found = tmp_path / "bench"
    found.mkdir()
    for file in (tmp_path / "lag-seed.json", tmp_path / "lag-seed-words.json"):
        file.write_text("{}")
    (found / "playout-words.json").write_text("{}")
    (found / "whip.json").write_text("{}")
    clear(found, tmp_path)
    assert [file.name for file in tmp_path.rglob("*.json")] == ["whip.json"]


def test_a_line_through_the_words_goes_through_their_means() -> None:
    words = [(1.0, 2.0), (4.0, 4.0), (11.0, 5.0)]
    assert smoothed(words) == ([2.5, 12.5], [3.0, 5.0])


def test_pictures_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    words = {"baseline": [[1.0, 5.0]], "job": [[1.0, 2.0]]}
    (tmp_path / "lag-seed-words.json").write_text(json.dumps(words))
    (tmp_path / "lag-seed.json").write_text(
        json.dumps({"profile": "seed", "job_stage_read_mean_ms": 90.0})
    )
    draw_lag(tmp_path, tmp_path / "lag.png")
    draw_stages(tmp_path, tmp_path / "stages.png")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "playout-words.json").write_text(json.dumps(words))
    figures = {"overhead_p50_ms_10_sessions": 50.0, "overhead_keeps_up_10_sessions": 0.0}
    draw_load(figures, tmp_path / "load.png")
    for name in ("lag", "stages", "load"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
