"""What the parts of a bench find comes together under flat keys, and is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.bench import Part, lag_keys, parts, run_part
from benchmarks.bench_pictures import draw_lag, draw_load, draw_stages

pytestmark = pytest.mark.unit


def part_that(code: str, file: Path, keys: dict[str, str], within_s: float = 20.0) -> Part:
    module = file.with_name("a_part.py")
    module.write_text(code)
    run = ("timeit", "-n1", "-r1", f"import runpy; runpy.run_path({str(module)!r})")
    return Part("a part", run, file, keys, within_s)


def test_the_keys_that_were_promised_are_asked_for() -> None:
    promised = set(lag_keys("seed").values()) | set(lag_keys("current").values())
    assert {
        "lag_ratio_seed_profile",
        "lag_mean_s_current_profile",
        "lag_p95_s_current_profile",
    } <= promised
    names = [part.name for part in parts(quick=False)]
    assert names == ["cost", "lag, seed", "lag, current", "overhead", "gateway", "recognition"]
    assert sum(part.within_s for part in parts(quick=True)) < sum(
        part.within_s for part in parts(quick=False)
    )


def test_numbers_are_taken_and_renamed(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    code = f'open({str(file)!r}, \'w\').write(\'{{"lag_ratio": 0.7, "name": "x", "n": 3}}\')'
    assert run_part(part_that(code, file, {"lag_ratio": "lag_ratio_seed_profile"})) == {
        "lag_ratio_seed_profile": 0.7
    }
    assert run_part(part_that(code, file, {})) == {"lag_ratio": 0.7, "n": 3}


def test_a_part_that_fails_has_no_figures_not_even_old_ones(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    file.write_text('{"old": 1}')
    assert run_part(part_that("raise SystemExit(1)", file, {})) == {}


def test_pictures_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    words = {"baseline": [[1.0, 5.0]], "job": [[1.0, 2.0]]}
    (tmp_path / "lag-seed-words.json").write_text(json.dumps(words))
    (tmp_path / "lag-seed.json").write_text(
        json.dumps({"profile": "seed", "job_stage_read_mean_ms": 90.0})
    )
    draw_lag(tmp_path, tmp_path / "lag.png")
    draw_stages(tmp_path, tmp_path / "stages.png")
    draw_load({"overhead_p50_ms_10_sessions": 50.0}, tmp_path / "load.png")
    for name in ("lag", "stages", "load"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
