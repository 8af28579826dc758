"""``python -m benchmarks.score.live``: what listeners of the last ``make demo`` were told, scored.

The demo's job, engines and clocks are real: a phrase counts when its notification came. The talk is
the score's ``demo``, with its references; OmniSTEval gives the figures.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.score.figures import delays, p95
from benchmarks.score.omnisteval import omnisteval, write_logs, write_references
from benchmarks.score.sheet import SCORES
from benchmarks.score.talks import REFERENCES, SpokenTalk, read_material_talks, references_of
from benchmarks.score.virtual_talk import Played, Release, ReleasedSentence
from benchmarks.tables import show
from local_stack.flink import ROOT

TALK = "demo"
HEARD_WHOLE = 0.9
"""A language is scored when its listener was told so much of the talk: one joins half way."""


def played_live(report: Mapping[str, Any], talk: SpokenTalk) -> dict[str, Played]:
    """By language what was told, phrase by phrase, in the talk's seconds. KeyError: the report has
    no transcripts."""
    phrases: defaultdict[str, list[Release]] = defaultdict(list)
    first_s: dict[str, float] = {}
    for one in report["notified"]:
        language, at_s = one["language"], one["spoken_s"] + one["from_first_ms"] / 1000
        first_s.setdefault(language, one["spoken_s"])
        phrases[language].append(Release(f" {one['transcript']}", at_s))
    latest_s = talk.words[0].start_s + (1 - HEARD_WHOLE) * talk.speech_s
    return {
        language: Played(talk, [ReleasedSentence(0, len(talk.words), told, told)])
        for language, told in phrases.items()
        if first_s[language] <= latest_s
    }


def scored(language: str, played: Played, folder: Path) -> list[object]:
    """A row of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    write_logs(folder, [played], 0.0)
    write_references(folder, [played], [references_of(played.talk, REFERENCES / language)])
    scores = omnisteval(folder)
    (sentence,) = played.sentences
    lags = delays(sentence.phrases, [word.end_s for word in played.talk.words])
    return [
        language,
        len(sentence.phrases),
        f"{median(len(each.text.split()) for each in sentence.phrases):g}",
        f"{fmean(lags):.2f}",
        f"{p95(lags):.2f}",
        *(f"{scores[name]:.2f}" if name in scores else "" for name in SCORES),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.score.live", description=__doc__)
    parser.add_argument("report", type=Path, nargs="?", default=ROOT / "build/demo/report.json")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "score" / "live")
    given = parser.parse_args(arguments)
    (talk,) = (each for each in read_material_talks() if each.name == TALK)
    told = played_live(json.loads(given.report.read_text()), talk)
    columns = ("language", "phrases", "words a phrase", "mean s", "p95 s", *SCORES)
    rows = [scored(language, each, given.output / language) for language, each in told.items()]
    show("Live: phrases as their notifications came", columns, rows)


if __name__ == "__main__":
    main()
