"""``python -m benchmarks.lag.breadth``: one session, 500 listeners, in two languages and in ten.

The whole local system: the talk goes in through the gateway and every listener is a WebSocket that
asks for clips inside messages. Only the services are simulated, each at its steady time, so that it
can be taken off exactly: what is left is what gateway and job add. Both runs are on one stack, one
after the other, with the same talk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.crowd import GATEWAY_OPTIONS
from benchmarks.lag.breadth_audience import Audience, Listener, Outcome
from benchmarks.lag.flows import EACH_UTTERANCE
from benchmarks.lag.service_profiles import PROFILE_OPTION, PROFILES, TEN_LANGUAGES
from benchmarks.lag.word_lags import Arrival, SpokenWord, spoken_words, summary, word_lags
from benchmarks.overhead.measure import added_ms
from benchmarks.tables import show
from benchmarks.talks import Talk, write_talk
from ingest_gateway.client import create_session, fetch_token, speak
from local_stack.flink import ROOT
from local_stack.latency import percentile
from local_stack.processes import stop_on_terminate
from local_stack.stack import LocalStack, StackSettings

LISTENERS = 500
SECONDS = 60.0
LANGUAGE_COUNTS = (2, 10)
PROFILE = PROFILES["steady"]
_WARM_UP_S = 8.0
_QUIET_S = 4.0
_PATIENCE_S = 30.0


def judge(
    languages: int, spoken: Sequence[SpokenWord], listeners: Sequence[Listener], dropped: int
) -> dict[str, float]:
    """Flat keys such as ``breadth_lag_mean_s_10_languages``. ``added``: of a clip of a language,
    by its stages. ``spread``: from the first listener of an utterance to the last, whatever the
    language."""
    told = summary([word_lags(spoken, _arrivals(one.outcomes)) for one in listeners])
    clips = [one for each in listeners for one in each.outcomes if one.is_clip]
    at_ms: dict[int, list[float]] = defaultdict(list)
    for clip in clips:
        at_ms[clip.number].append(clip.at_ms)
    # All listeners of a language got the same message: its stages count once.
    stages = {
        (each.language, one.number): one.stages_ms
        for each in listeners
        for one in each.outcomes
        if one.is_clip
    }
    added = [added_ms(of_clip, PROFILE.simulated_ms) for of_clip in stages.values()]
    spreads_ms = [max(times) - min(times) for times in at_ms.values()]
    figures = {
        "lag_mean_s": told.mean_s,
        "lag_p95_s": told.p95_s,
        "lag_p99_s": told.p99_s,
        "added_p50_ms": percentile(added, 0.5),
        "added_p99_ms": percentile(added, 0.99),
        "spread_p50_ms": percentile(spreads_ms, 0.5),
        "spread_p99_ms": percentile(spreads_ms, 0.99),
        "inline_share": fmean(one.is_inline for one in clips) if clips else 0.0,
        "clips": len(clips),
        "skipped": sum(not one.is_clip for each in listeners for one in each.outcomes),
        "words_lost": told.lost,
        "dropped": dropped,
    }
    return {f"breadth_{name}_{languages}_languages": round(v, 3) for name, v in figures.items()}


def _arrivals(outcomes: Sequence[Outcome]) -> list[Arrival]:
    return [
        Arrival(one.at_ms, one.first_sample_at_ms, one.words, one.clip_s)
        for one in outcomes
        if one.is_clip
    ]


async def hold(url: str, talk: Talk, languages: Sequence[str], listeners: int) -> dict[str, float]:
    """One session from its creation until nothing comes any more."""
    token = await fetch_token(url)
    session_id = await create_session(url, token=token, target_languages=languages)
    audience = await Audience.join(url, session_id, languages, listeners)
    try:
        spoken = await speak(url, talk.pcm, session_id=session_id, token=token)
        await _quiet(audience)
        words = spoken_words(talk.words, spoken.first_sent_at_ms)
        return judge(len(languages), words, audience.listeners, audience.dropped)
    finally:
        audience.leave()


async def _quiet(audience: Audience) -> None:
    """Until nobody was told anything for a while, or patience is over."""
    give_up_at_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < give_up_at_s:
        await asyncio.sleep(0.2)
        if audience.newest_ms and time.time() * 1000 - audience.newest_ms > 1000 * _QUIET_S:
            return


async def measure(url: str, talk: Talk, listeners: int) -> dict[str, float]:
    await hold(url, write_talk(999, _WARM_UP_S), TEN_LANGUAGES, len(TEN_LANGUAGES))
    found: dict[str, float] = {}
    for count in LANGUAGE_COUNTS:
        print(f"breadth: {count} languages, {listeners} listeners", flush=True)
        found |= await hold(url, talk, TEN_LANGUAGES[:count], listeners)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.lag.breadth", description=__doc__)
    parser.add_argument("--listeners", type=int, default=LISTENERS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the talk")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "breadth.json")
    given = parser.parse_args()
    settings = StackSettings(
        ROOT / "build" / "breadth",
        stage="breadth",
        shards=1,
        notifier="gateway",
        submission="benchmarks.lag.profiled_job",
        job_options=(f"{PROFILE_OPTION}{PROFILE.name}", EACH_UTTERANCE),
        gateway_options=GATEWAY_OPTIONS,
    )
    with LocalStack(settings, say=lambda step: print(f"breadth: {step}", flush=True)) as stack:
        talk = write_talk(1, given.seconds)
        found = asyncio.run(measure(stack.gateway_url, talk, given.listeners))
    names = [key.removesuffix("_2_languages") for key in found if key.endswith("_2_languages")]
    show(
        f"breadth: one session of {given.seconds:.0f} s, {given.listeners} listeners",
        ("", *(f"{count} languages" for count in LANGUAGE_COUNTS)),
        [
            (
                name.removeprefix("breadth_"),
                *(f"{found[f'{name}_{count}_languages']:g}" for count in LANGUAGE_COUNTS),
            )
            for name in names
        ],
    )
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(found, indent=2) + "\n")
    print(f"see {given.json}")
    return 0 if all(found[f"breadth_clips_{count}_languages"] for count in LANGUAGE_COUNTS) else 1


if __name__ == "__main__":
    stop_on_terminate()
    sys.exit(main())
