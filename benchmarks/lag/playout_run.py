"""``python -m benchmarks.lag.playout_run``: how far behind a listener is after 20 minutes.

Both flows over the same talk, in virtual time (``playout_flows``), so that it takes a minute and
nothing else on the machine has a say. Clips are played one after the other, by a player that never
hurries and by one that hurries as the listener's page does. Clips last as long as the speaker took
for their words, and once more a quarter longer, as translations and voices may be. The same talk
live: ``python -m benchmarks.lag --talks 1 --seconds 1200 --together``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.lag.flows import BASELINE, JOB
from benchmarks.lag.playout import page_rate, plain_rate, played, playout_lags, playout_summary
from benchmarks.lag.playout_flows import START_MS, Arrivals, baseline_arrivals, job_arrivals
from benchmarks.lag.service_profiles import PROFILES
from benchmarks.lag.word_lags import Arrival, SpokenWord, spoken_words, summary, word_lags
from benchmarks.tables import show
from benchmarks.talks import LONG_TALK_S, write_talk
from local_stack.flink import ROOT

LANGUAGES = ("es", "fr")
TALK = 7
LONGER = 1.25
PLAYERS: dict[str, Callable[[float], float]] = {"plain": plain_rate, "page": page_rate}
FLOWS = {BASELINE: baseline_arrivals, JOB: job_arrivals}


def longer(arrivals: Sequence[Arrival]) -> list[Arrival]:
    return [replace(one, clip_s=LONGER * one.clip_s) for one in arrivals]


def figures(flow: str, spoken: Sequence[SpokenWord], heard: Arrivals) -> dict[str, float]:
    """Flat keys such as ``playout_job_page_heard_drift_s``, over all listeners."""
    told = summary([word_lags(spoken, arrivals) for arrivals in heard.values()])
    found = {f"playout_{flow}_lag_mean_s": round(told.mean_s, 3)}
    for player, rate_of in PLAYERS.items():
        for clips, lengthen in (("", list[Arrival]), ("_longer_clips", longer)):
            lags = [playout_lags(spoken, played(lengthen(one), rate_of)) for one in heard.values()]
            found |= playout_summary(lags).flat(f"playout_{flow}_{player}{clips}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.lag.playout_run", description=__doc__)
    parser.add_argument("--profile", choices=tuple(PROFILES), default="current")
    parser.add_argument("--seconds", type=float, default=LONG_TALK_S, help="of the talk")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "playout.json")
    given = parser.parse_args()
    profile = PROFILES[given.profile]
    talk = write_talk(TALK, given.seconds)
    spoken = spoken_words(talk.words, START_MS)
    found: dict[str, float] = {}
    over_time: dict[str, list[tuple[float, float]]] = {}
    for flow, arrivals_of in FLOWS.items():
        began_s = time.monotonic()
        heard = arrivals_of(talk, LANGUAGES, profile)
        found |= figures(flow, spoken, heard)
        first = playout_lags(spoken, played(heard[LANGUAGES[0]], page_rate))
        over_time[flow] = [
            (round((at_ms - START_MS) / 1000, 3), round(lag_s, 3)) for at_ms, lag_s in first
        ]
        print(f"playout: {flow} in {time.monotonic() - began_s:.0f} s", flush=True)
    rows = [
        (
            flow,
            f"{player}, {LONGER:g} x as long" if clips else player,
            *(
                found[f"playout_{flow}_{player}{clips}_heard_{figure}_s"]
                for figure in ("mean", "p95", "drift")
            ),
        )
        for flow in FLOWS
        for clips in ("", "_longer_clips")
        for player in PLAYERS
    ]
    show(
        f"lag as heard, s: {given.seconds / 60:.0f} min, {given.profile}",
        ("flow", "player, clips", "mean", "p95", "drift"),
        rows,
    )
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(found, indent=2) + "\n")
    given.json.with_name("playout-words.json").write_text(json.dumps(over_time) + "\n")
    print(f"see {given.json}")
    drift_s = found[f"playout_{JOB}_page_heard_drift_s"]
    print(f"playout: after {given.seconds / 60:.0f} min the page is {drift_s:.2f} s further behind")


if __name__ == "__main__":
    main()
