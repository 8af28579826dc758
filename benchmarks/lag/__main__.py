"""``python -m benchmarks.lag``: both flows over the same talks, side by side in one table.

One after the other, so that neither takes the other's CPU: the same seeded talks at once, spoken in
real time straight into the stream, heard in two languages each, under the same simulated service
times. Figures go to ``build/lag-<profile>.json`` (flat keys); every word's lag, for pictures, to
``build/lag-<profile>-words.json``.

The twenty-minute talk of the playout's drift: ``--talks 1 --seconds 1200 --together``. Both flows
hear one stream at once then, and the files are ``build/playout-<profile>*.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.baseline.batches import shards_for, spread_sessions
from benchmarks.cost.charges import billed_s, read_prices
from benchmarks.lag.collector import TRANSLATED_AUDIO
from benchmarks.lag.flows import (
    BASELINE,
    JOB,
    FlowOutcome,
    FlowSettings,
    hear_baseline,
    hear_both,
    hear_job,
    job_shards,
)
from benchmarks.lag.playout import page_rate, played, playout_lags, playout_summary
from benchmarks.lag.service_profiles import PROFILES
from benchmarks.lag.talkers import Session
from benchmarks.lag.word_lags import Arrival, WordLags, summary, word_lags
from benchmarks.overhead.scale import at_parallelism
from benchmarks.tables import show
from benchmarks.talks import write_talk
from connectors.interfaces.errors import ConnectorError
from local_stack.flink import ROOT, FlinkError
from local_stack.processes import ProcessError, stop_on_terminate

LANGUAGES = ("es", "fr")
TALKS, QUICK_TALKS = 100, 12
SECONDS = 120.0
LOCAL_STORES_TALKS = 30
"""More talks than that are more than the local cloud's one process can store for."""


RunFlows = Callable[
    [FlowSettings, Sequence[Session], Callable[[str], None]], tuple[FlowOutcome, ...]
]


@dataclass(frozen=True, slots=True)
class Judged:
    """A flow's figures by flat keys, and each word as (seconds into the run, lag in s)."""

    figures: Mapping[str, float]
    words: tuple[tuple[float, float], ...]


def judge(heard: FlowOutcome) -> Judged:
    """All listeners of all talks; what was spoken besides (a warm-up) does not count."""
    arrivals: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
    stages_ms: dict[str, list[float]] = defaultdict(list)
    measured = {one.session.session_id for one in heard.spoken}
    skipped = 0
    for note in heard.notes:
        if note.session_id not in measured:
            continue
        if note.kind != TRANSLATED_AUDIO:
            skipped += 1
            continue
        arrivals[note.session_id, note.language].append(note.arrival())
        for stage, spent_ms in note.stages_ms.items():
            stages_ms[stage].append(spent_ms)

    lags: list[WordLags] = []
    plain: list[tuple[tuple[float, float], ...]] = []
    caught_up: list[tuple[tuple[float, float], ...]] = []
    for spoken in heard.spoken:
        for language in spoken.session.languages:
            its = arrivals[spoken.session.session_id, language]
            lags.append(word_lags(spoken.words, its))
            plain.append(playout_lags(spoken.words, played(its)))
            caught_up.append(playout_lags(spoken.words, played(its, page_rate)))
    begin_ms = min(spoken.started_at_ms for spoken in heard.spoken)
    figures = {
        **summary(lags).flat(heard.flow),
        **playout_summary(plain).flat(heard.flow),
        **playout_summary(caught_up).flat(f"{heard.flow}_caught_up"),
        f"{heard.flow}_skipped": skipped,
        f"{heard.flow}_producer_late_ms": round(max(each.late_ms for each in heard.spoken), 1),
        f"{heard.flow}_records_lost": max(each.lost_records for each in heard.spoken),
        **recognition(heard),
        **{f"{heard.flow}_{name}": value for name, value in heard.report.items()},
        **{
            f"{heard.flow}_stage_{stage}_mean_ms": round(fmean(values), 1)
            for stage, values in stages_ms.items()
        },
    }
    points = tuple(
        (round((ended_ms - begin_ms) / 1000, 3), round(lag_s, 3))
        for each in lags
        for ended_ms, lag_s in each.lags_s
    )
    return Judged(figures, tuple(sorted(points)))


def recognition(heard: FlowOutcome) -> dict[str, float]:
    """What the flow sent to its recogniser, and what a service with a minimum for each request
    would charge for, in seconds of a speaker's hour."""
    spoken_s = sum(each.session.talk.duration_s for each in heard.spoken)
    sent_s = [request.sent_s for request in heard.requests]
    if not sent_s or not spoken_s:
        return {}
    charged_s = billed_s(sent_s, read_prices().least_recognition_s)
    hours = spoken_s / 3600
    return {
        f"{heard.flow}_recognition_requests_an_hour": round(len(sent_s) / hours),
        f"{heard.flow}_recognition_sent_s_an_hour": round(sum(sent_s) / hours, 1),
        f"{heard.flow}_recognition_billed_s_an_hour": round(charged_s / hours, 1),
    }


def sessions(talks: int, seconds: float) -> tuple[Session, ...]:
    """The same talks in the same shards in every flow."""
    return tuple(
        Session(session_id, write_talk(number, seconds), LANGUAGES)
        for number, session_id in enumerate(spread_sessions(talks, shards_for(talks)))
    )


def comparison(figures: Mapping[str, float], flows: Sequence[str]) -> list[list[object]]:
    """Rows of the table: a figure's name, then its value in each flow."""
    names = dict.fromkeys(
        key.removeprefix(f"{flow}_") for flow in flows for key in figures if key.startswith(flow)
    )
    return [[name, *(figures.get(f"{flow}_{name}", "") for flow in flows)] for name in names]


def run(given: argparse.Namespace) -> int:
    directory = ROOT / "build" / f"{'playout' if given.together else 'lag'}-{given.profile}"
    shutil.rmtree(directory, ignore_errors=True)
    settings = FlowSettings(
        directory,
        given.profile,
        given.parallelism,
        (*_scale(given.talks), *(given.job_option or ())),
        _stand_in_stores(given),
    )
    talks = sessions(given.talks, given.seconds)
    judged: dict[str, Judged] = {}
    failed: list[str] = []
    for name, hear in _hearings(given):
        try:
            heard = hear(settings, talks, lambda step: print(f"lag: {step}", flush=True))
        except (ProcessError, FlinkError, ConnectorError) as error:
            print(f"lag: {name}: {error}", file=sys.stderr, flush=True)
            failed.append(name)
            continue
        judged |= {one.flow: judge(one) for one in heard}
        _save(directory, given, judged)  # after each, should the next one be stopped
    _tell(given, judged)
    return 1 if failed else 0


def _scale(talks: int) -> tuple[str, ...]:
    """Beside the talkers, the local cloud and the collector one worker does not get a core."""
    return (*at_parallelism(2), "--readers=2") if talks > LOCAL_STORES_TALKS else ()


def _stand_in_stores(given: argparse.Namespace) -> bool:
    if given.stores is None:
        return given.talks > LOCAL_STORES_TALKS
    return given.stores == "stand-in"


def _hearings(given: argparse.Namespace) -> list[tuple[str, RunFlows]]:
    """What is run one after the other: both flows at once, or each for itself."""
    if given.together:
        return [("both", hear_both)]
    alone: dict[str, RunFlows] = {BASELINE: hear_baseline, JOB: hear_job}
    return [(flow, alone[flow]) for flow in given.flow or (BASELINE, JOB)]


def _save(directory: Path, given: argparse.Namespace, judged: Mapping[str, Judged]) -> None:
    figures: dict[str, object] = {
        "profile": given.profile,
        "talks": given.talks,
        "talk_s": given.seconds,
        "languages": len(LANGUAGES),
        "shards_baseline": shards_for(given.talks),
        "shards_job": job_shards(given.talks, together=given.together),
        "stand_in_stores": int(_stand_in_stores(given)),
    }
    for one in judged.values():
        figures |= one.figures
    figures |= ratios(judged)
    _write(directory.with_suffix(".json"), figures)
    words = {flow: one.words for flow, one in judged.items()}
    _write(directory.with_name(f"{directory.name}-words.json"), words)


def _tell(given: argparse.Namespace, judged: Mapping[str, Judged]) -> None:
    flat = {key: value for one in judged.values() for key, value in one.figures.items()}
    title = f"lag: {given.profile}, {given.talks} talks x {given.seconds:.0f} s"
    show(title, ("", *judged), comparison(flat, tuple(judged)))
    means = ", ".join(
        f"{flow} {flat.get(f'{flow}_lag_mean_s', 'nothing heard')} s" for flow in judged
    )
    lost = sum(int(one.figures[f"{flow}_words_lost"]) for flow, one in judged.items())
    print(f"lag: mean {means}; {lost} words lost; {ratios(judged) or 'one flow only'}")


def ratios(flows: Mapping[str, Judged]) -> dict[str, float]:
    """Ours over the baseline's, of what was measured of both: the mean lag, and the seconds of
    recognition that are paid for."""
    if not {BASELINE, JOB} <= flows.keys():
        return {}
    found: dict[str, float] = {}
    for name, figure in (
        ("lag_ratio", "lag_mean_s"),
        ("stt_seconds_ratio", "recognition_billed_s_an_hour"),
    ):
        ours = flows[JOB].figures.get(f"{JOB}_{figure}")
        theirs = flows[BASELINE].figures.get(f"{BASELINE}_{figure}")
        if ours and theirs:
            found[name] = round(ours / theirs, 3)
    return found


def _write(file: Path, found: object) -> None:
    file.write_text(json.dumps(found, indent=None if "words" in file.name else 2) + "\n")
    print(f"see {file}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Lag of both flows over the same talks.")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="seed")
    parser.add_argument("--talks", type=int, default=TALKS)
    parser.add_argument("--quick", action="store_const", const=QUICK_TALKS, dest="talks")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each talk")
    parser.add_argument("--parallelism", type=int, default=1)
    parser.add_argument("--flow", action="append", choices=(BASELINE, JOB), help="only this one")
    parser.add_argument(
        "--together", action="store_true", help="both at once, on one stream: build/playout-..."
    )
    parser.add_argument(
        "--job-option", action="append", metavar="OPTION", help="of pipelines.main; repeatable"
    )
    parser.add_argument(
        "--stores",
        choices=("local", "stand-in"),
        help=f"ledger and clips of both flows; stand-ins beyond {LOCAL_STORES_TALKS} talks",
    )
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(main())
