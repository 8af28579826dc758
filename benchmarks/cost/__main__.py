"""``python -m benchmarks.cost``: units and dollars of an hour of one speaker, by both flows.

Reckoned from seeded talks and ``prices.toml``, which is yours to edit. How much silence the job
leaves out depends on its segmentation; both ends are shown: a stream that is sent everything, and
one that is sent speech alone, with a quarter of a second at its edges. The ledger's column counts
writes by the KB. What the job's guesses cost
(``pipelines.runtime.speculation``) is the share of a talk that goes through it in virtual time.

``stream`` and ``speech_only`` translate each utterance alone (``--release=append``). What sentences
cost that are translated again as they grow is a table of its own, by what a room may spend: which
is the default with Amazon follows from it (docs/decisions/0019).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from benchmarks.cost.charges import (
    Prices,
    Usage,
    dollars,
    read_prices,
    released_usage,
    stream_usage,
    voiced_stretches_s,
    window_usage,
)
from benchmarks.cost.translators import (
    dollars_of,
    hourly_usage,
    read_lengths,
    read_translator_prices,
)
from benchmarks.lag.playout_flows import job_run
from benchmarks.lag.service_profiles import PROFILES
from benchmarks.score.talks import MATERIAL, SpokenTalk, read_talks
from benchmarks.tables import show
from benchmarks.talks import Talk, write_talk
from local_stack.flink import ROOT
from pipelines.sentences.settings import ReleaseSettings, Spend

HEARD = (0, 2, 10)
TALKS = 10
TALK_S = 600.0
PAD_S, BRIDGED_S = 0.25, 0.5
FLOWS = ("baseline", "stream", "speech_only")
VOICES = ("neural", "generative")
ONCE = "each sentence once"
PACES = {ONCE: None} | {spend.value: ReleaseSettings(spend=spend).pace for spend in Spend}
UNITS = ("billed_s", "translated_characters", "spoken_characters", "ledger_units")


def hourly(talk: Talk, languages: int, prices: Prices, in_vain: float = 0.0) -> Mapping[str, Usage]:
    """By flow, of a speaker's hour; ``languages``: how many are heard; ``in_vain``: see
    ``stream_usage``."""
    stretches_s = voiced_stretches_s(talk.words, pad_s=PAD_S, bridged_s=BRIDGED_S)
    found = {
        "baseline": window_usage(talk.words, talk.duration_s, languages, prices),
        "stream": stream_usage([talk.duration_s], talk.words, languages, prices, in_vain),
        "speech_only": stream_usage([sum(stretches_s)], talk.words, languages, prices, in_vain),
    }
    return {flow: usage.per_hour(talk.duration_s) for flow, usage in found.items()}


def guessed_in_vain(talk: Talk) -> float:
    """Translations begun on words that were not committed so, to those that were."""
    counts = job_run(talk, ("es",), PROFILES["current"]).speculated
    return counts.wasted / (counts.begun - counts.wasted)


def figures(prices: Prices, talks: Sequence[Talk], in_vain: float = 0.0) -> dict[str, float]:
    """Flat keys, means over the talks; ``reckoned_stt_seconds_ratio``: billed seconds, job over
    baseline. What was really sent is counted by ``benchmarks.lag``."""
    found: dict[str, float] = {}
    for heard in HEARD:
        by_talk = [hourly(talk, heard, prices, in_vain) for talk in talks]
        for flow in by_talk[0]:
            usages = [each[flow] for each in by_talk]
            key = f"{flow}_{heard}_heard"
            found |= {
                f"{key}_billed_s": _mean([usage.billed_s for usage in usages]),
                f"{key}_translated_characters": _mean(
                    [one.translated_characters for one in usages]
                ),
                f"{key}_spoken_characters": _mean([usage.spoken_characters for usage in usages]),
                f"{key}_ledger_units": _mean([usage.ledger_units for usage in usages]),
                f"{key}_neural_dollars": _mean(
                    [dollars(usage, prices, generative=False) for usage in usages]
                ),
                f"{key}_generative_dollars": _mean(
                    [dollars(usage, prices, generative=True) for usage in usages]
                ),
            }
    baseline_s = found["baseline_0_heard_billed_s"]
    return found | {
        "reckoned_stt_seconds_ratio": found["stream_0_heard_billed_s"] / baseline_s,
        "reckoned_stt_seconds_ratio_speech_only": found["speech_only_0_heard_billed_s"]
        / baseline_s,
    }


def spend_figures(
    prices: Prices, talks: Sequence[Talk], times: Mapping[str, float]
) -> dict[str, float]:
    """Flat keys: dollars of an hour with neural voices by what a room may spend, and their ratio to
    the flow that is replaced. ``times``: how often the characters of each sentence are
    translated."""
    found: dict[str, float] = {}
    for heard in HEARD:
        replaced = _mean(
            [
                _hour(window_usage(one.words, one.duration_s, heard, prices), one, prices)
                for one in talks
            ]
        )
        for spend, often in times.items():
            usages = [
                released_usage([one.duration_s], one.words, heard, prices, often) for one in talks
            ]
            hours = [_hour(usage, one, prices) for usage, one in zip(usages, talks, strict=True)]
            mean = _mean(hours)
            found[f"{spend}_{heard}_heard_neural_dollars"] = mean
            found[f"{spend}_{heard}_heard_dollars_ratio"] = mean / replaced
    return found


def _hour(usage: Usage, talk: Talk, prices: Prices) -> float:
    return dollars(usage.per_hour(talk.duration_s), prices, generative=False)


def translator_figures(talks: Sequence[SpokenTalk]) -> dict[str, dict[str, float]]:
    """Dollars of an hour of speech into one language: by steps, then by translator; with what is
    billed."""
    lengths, prices = read_lengths(), read_translator_prices()
    found: dict[str, dict[str, float]] = {}
    for name, pace in PACES.items():
        used, times = hourly_usage(talks, pace, lengths)
        found[name] = {
            "calls": used.calls * times,
            "characters": used.characters * times,
            "input_tokens": used.input_tokens * times,
            "output_tokens": used.output_tokens * times,
        } | {price.name: dollars_of(used, price) * times for price in prices}
    return found


def show_translators(found: Mapping[str, Mapping[str, float]]) -> None:
    columns = list(next(iter(found.values())))
    rows = [
        [steps, *(f"{each:.2f}" if each < 100 else f"{each:.0f}" for each in row.values())]
        for steps, row in found.items()
    ]
    show("translation: an hour of speech into one language, $", ("steps", *columns), rows)
    for price in read_translator_prices():
        print(f"{price.name}: {price.source}")


def main() -> None:
    talks = [write_talk(number, TALK_S) for number in range(TALKS)]
    in_vain = guessed_in_vain(talks[0])
    translators = translator_figures(read_talks(MATERIAL / "talks-en.json"))
    once = translators[ONCE]["characters"]
    times = {name.replace(" ", "_"): row["characters"] / once for name, row in translators.items()}
    found = figures(read_prices(), talks, in_vain) | {"guessed_in_vain_share": in_vain}
    found |= spend_figures(read_prices(), talks, times)
    rows = [
        (
            flow,
            heard,
            *(round(found[f"{flow}_{heard}_heard_{unit}"]) for unit in UNITS),
            *(f"{found[f'{flow}_{heard}_heard_{voice}_dollars']:.2f}" for voice in VOICES),
        )
        for heard in HEARD
        for flow in FLOWS
    ]
    show(
        "cost: an hour of one speaker, n of 10 languages heard",
        ("flow", "heard", "billed s", "translated", "spoken", "ledger", "neural $", "gen. $"),
        rows,
    )
    show(
        "cost: the same, released of sentences; neural voices, $ (of the replaced flow's)",
        ("spend", "times translated", *(f"{heard} heard" for heard in HEARD)),
        [
            (
                spend.replace("_", " "),
                f"{often:.2f}",
                *(
                    f"{found[f'{spend}_{heard}_heard_neural_dollars']:.2f}"
                    f" ({found[f'{spend}_{heard}_heard_dollars_ratio']:.2f})"
                    for heard in HEARD
                ),
            )
            for spend, often in times.items()
        ],
    )
    show_translators(translators)
    print(f"the job's share guessed in vain, contained in its characters: {in_vain:.3f}")
    print("list prices as once known: check them, and edit benchmarks/cost/prices.toml")
    file = ROOT / "build" / "cost.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(found | {"translators": translators}, indent=2) + "\n")
    print(f"see {file}")
    ratio = found["reckoned_stt_seconds_ratio"]
    print(f"cost: recognition billed at {ratio:.2f} of the baseline's seconds, as reckoned")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
