"""What ``make bench`` runs, one after the other, and how one part is run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.flink import ROOT

BUILD = ROOT / "build"
FOUND = BUILD / "bench"
PROFILES = ("seed", "current")
STOP_WITHIN_S = 30.0
_STACK_S = 75.0
"""Flink, a worker and all the rest start and stop within this, on a busy machine."""
_LAST_WORDS_S = 75.0
"""The warm-up, and the patience for what is still on its way when a talk is over."""
_FLOWS = 2
_AS_THEY_ARE: Mapping[str, str] = {}
RECOGNITION_KEYS = {
    **{key: key for key in ("wer_pause", "wer_window", "wer_whole_file", "wer_fresh_windows")},
    **{key: key for key in ("words_cut_pause", "words_cut_window", "words_cut_fresh_windows")},
    "reference_words": "wer_words",
    "audio_s": "wer_audio_s",
}


@dataclass(frozen=True, slots=True)
class Part:
    """``command``: what Python is given. Where that writes its figures, and which of them go where;
    empty: all as they are.

    ``within_s``: after that it is stopped.
    """

    name: str
    command: tuple[str, ...]
    figures: Path
    keys: Mapping[str, str]
    within_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """``problem``: empty, or why the part failed; it may have figures all the same."""

    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a whole bench. ``recognition_minutes``: of the read talk. ``longest_s``: no part begins
    or goes on after that."""

    lag_profiles: tuple[str, ...]
    talks: int
    talk_s: float
    loads: tuple[int, ...]
    load_s: float
    steady_load: int
    steady_s: float
    warm_up_s: float
    speakers: int
    listeners: int
    gateway_s: float
    recognition_minutes: float
    playout_s: float
    breadth_s: float
    longest_s: float


FULL = Size(
    lag_profiles=PROFILES,
    talks=100,
    talk_s=90.0,
    loads=(10, 100, 300, 1_000),
    load_s=50.0,
    steady_load=600,
    steady_s=180.0,
    warm_up_s=25.0,
    speakers=1_000,
    listeners=500,
    gateway_s=30.0,
    recognition_minutes=5.0,
    playout_s=1_200.0,
    breadth_s=45.0,
    longest_s=44 * 60.0,
)
QUICK = Size(
    lag_profiles=PROFILES[-1:],
    talks=4,
    talk_s=15.0,
    loads=(5,),
    load_s=10.0,
    steady_load=20,
    steady_s=15.0,
    warm_up_s=12.0,
    speakers=100,
    listeners=50,
    gateway_s=5.0,
    recognition_minutes=0.3,
    playout_s=120.0,
    breadth_s=8.0,
    # On a machine that also does other work every part may take all of its own time.
    longest_s=22 * 60.0,
)


def parts(size: Size, job_options: Sequence[str] = ()) -> tuple[Part, ...]:
    """Those with most promised of them come early: what time runs out for is named.
    ``job_options``: of ``pipelines.main``, for the lag and the overhead."""
    options = [f"--job-option={one}" for one in job_options]
    overhead = ("-m", "benchmarks.overhead", "--warm-up-s", f"{size.warm_up_s:g}", *options)
    return (
        Part("cost", ("-m", "benchmarks.cost"), BUILD / "cost.json", {}, 60.0),
        _part(
            "playout",
            ("-m", "benchmarks.lag.playout_run", "--seconds", f"{size.playout_s:g}"),
            120.0,
        ),
        *(
            Part(
                f"lag, {profile}",
                (
                    *("-m", "benchmarks.lag", "--profile", profile),
                    *("--talks", f"{size.talks}", "--seconds", f"{size.talk_s:g}", *options),
                ),
                BUILD / f"lag-{profile}.json",
                lag_keys(profile),
                _FLOWS * (size.talk_s + _STACK_S + _LAST_WORDS_S),
            )
            for profile in size.lag_profiles
        ),
        _part(
            "overhead",
            (
                *(*overhead, "--seconds", f"{size.load_s:g}"),
                *(word for load in size.loads for word in ("--sessions", f"{load}")),
            ),
            len(size.loads) * (size.load_s + size.warm_up_s + _STACK_S),
        ),
        _part(
            f"overhead, {size.steady_load} sessions for {size.steady_s:.0f} s",
            (*overhead, "--seconds", f"{size.steady_s:g}", "--sessions", f"{size.steady_load}"),
            size.steady_s + size.warm_up_s + _STACK_S,
            file="overhead-steady",
        ),
        _part(
            "gateway",
            (
                *("-m", "benchmarks.gateway", "--speakers", f"{size.speakers}"),
                *("--listeners", f"{size.listeners}", "--seconds", f"{size.gateway_s:g}"),
            ),
            2 * (size.gateway_s + _STACK_S),
        ),
        _part(
            "breadth",
            (
                *("-m", "benchmarks.lag.breadth", "--listeners", f"{size.listeners}"),
                *("--seconds", f"{size.breadth_s:g}"),
            ),
            2 * (size.breadth_s + _LAST_WORDS_S) + _STACK_S,
        ),
        _part(
            "recognition",
            ("-m", "benchmarks.engines.recognition", "--minutes", f"{size.recognition_minutes:g}"),
            120.0 + 120.0 * size.recognition_minutes,
            RECOGNITION_KEYS,
            option="--out",
        ),
    )


def _part(
    name: str,
    command: tuple[str, ...],
    within_s: float,
    keys: Mapping[str, str] = _AS_THEY_ARE,
    *,
    file: str = "",
    option: str = "--json",
) -> Part:
    figures = FOUND / f"{file or name}.json"
    return Part(name, (*command, option, f"{figures}"), figures, keys, within_s)


def lag_keys(profile: str) -> dict[str, str]:
    """The job's figures under plain names, the baseline's with its own in front. What is sent to
    the recogniser does not depend on the services' times: its ratio is that of ``current``."""
    figures = (
        *("lag_mean_s", "lag_p50_s", "lag_p95_s", "lag_p99_s", "words_lost", "words_twice"),
        *("first_sample_mean_s", "first_sample_p50_s", "first_sample_p95_s"),
        *("heard_mean_s", "heard_p95_s", "skipped"),
        *("recognition_requests_an_hour", "recognition_billed_s_an_hour"),
    )
    ratio = "stt_seconds_ratio"
    return {
        "talks": f"lag_talks_{profile}_profile",
        "lag_ratio": f"lag_ratio_{profile}_profile",
        ratio: ratio if profile == PROFILES[-1] else f"{ratio}_{profile}_profile",
        "job_producer_late_ms": f"producer_late_ms_{profile}_profile",
        **{
            f"{flow}_{figure}": f"{prefix}{figure}_{profile}_profile"
            for flow, prefix in (("job", ""), ("baseline", "baseline_"))
            for figure in figures
        },
    }


def clear(found: Path, build: Path) -> None:
    """No figure of an earlier run may be taken for one of this."""
    for file in (*build.glob("lag-*.json"), *(found / name for name in _LEFT_BEHIND)):
        file.unlink(missing_ok=True)


_LEFT_BEHIND = ("playout-words.json",)


def run_part(part: Part, longest_s: float) -> Result:
    """Within its own time and ``longest_s``, whichever is shorter."""
    part.figures.unlink(missing_ok=True)
    part.figures.parent.mkdir(parents=True, exist_ok=True)
    within_s = min(part.within_s, longest_s)
    if within_s <= 0:
        return Result(problem="no time was left for it")
    command = [sys.executable, *part.command]
    problem = ""
    running = subprocess.Popen(command, cwd=ROOT)
    try:
        code = running.wait(within_s)
        problem = f"ended with {code}" if code else ""
    except subprocess.TimeoutExpired:
        problem = f"was stopped after {within_s:.0f} s"
    finally:
        _stop(running)
    figures = _read(part)
    return Result(figures, problem or ("" if figures else "left no figures"))


def _stop(running: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does, so that what it started ends too; should that not help, by force: then the
    guard of ``Processes`` ends the rest."""
    if running.poll() is not None:
        return
    running.send_signal(signal.SIGTERM)
    try:
        running.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def _read(part: Part) -> dict[str, float]:
    try:
        found = json.loads(part.figures.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    numbers = {key: float(one) for key, one in found.items() if isinstance(one, int | float)}
    if not part.keys:
        return numbers
    return {name: numbers[key] for key, name in part.keys.items() if key in numbers}
