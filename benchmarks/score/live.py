"""``make score LIVE=1``: what listeners of the last ``make demo`` were shown and told, scored.

The demo's job, recogniser, engines and clocks are real: a caption counts when it came, a phrase
when its notification came. The talk is the score's ``demo``, with its references; OmniSTEval scores
the captions. Leaves build/score/live.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.score.figures import chrf, delays, p95, plain, playout_delays
from benchmarks.score.omnisteval import omnisteval, write_logs, write_references
from benchmarks.score.sheet import SCORES
from benchmarks.score.talks import (
    ENGINES,
    ORIGINAL,
    REFERENCES,
    RecordedTranslations,
    SpokenTalk,
    read_material_talks,
    references_of,
)
from benchmarks.score.virtual_talk import Played, Release, ReleasedSentence
from benchmarks.tables import show
from local_stack.flink import ROOT

DEMO = ROOT / "build" / "demo"
TALK = "demo"
HEARD_WHOLE = 0.9
"""A language is scored when its listener was told so much of the talk: one joins half way."""


class NoLiveTalkError(Exception):
    """There is no demo to score. The message says what to do."""


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A language. ``chrf``: of the captions, to the recorded translations of whole sentences by the
    demo's engine; None: it has none. ``heard_mean_s``: by a simulated player."""

    language: str
    captions_mean_s: float
    captions_p95_s: float
    clip_mean_s: float
    clip_p95_s: float
    heard_mean_s: float
    chrf: float | None
    phrases: int
    phrase_words: float
    scores: dict[str, float]


def played_live(
    report: Mapping[str, Any], messages: Mapping[str, Sequence[Mapping[str, Any]]], talk: SpokenTalk
) -> dict[str, Played]:
    """By language, in the talk's seconds: the captions' releases, and the phrases as they came. The
    talk counts as one sentence: recognised ones may end elsewhere.

    ``report``: the demo's. ``messages``: what each language's listener kept. KeyError: the report
    has no transcripts."""
    found: dict[str, Played] = {}
    latest_s = talk.words[0].start_s + (1 - HEARD_WHOLE) * talk.speech_s
    for language in dict.fromkeys(one["language"] for one in report["notified"]):
        told = [one for one in report["notified"] if one["language"] == language]
        if told[0]["spoken_s"] > latest_s:
            continue
        phrases = [
            Release(f" {one['transcript']}", one["spoken_s"] + one["from_first_ms"] / 1000)
            for one in told
        ]
        began_ms = _began_ms(told, messages.get(language, ()))
        releases = caption_releases(messages.get(language, ()), began_ms)
        sentence = ReleasedSentence(0, len(talk.words), releases or phrases, phrases)
        found[language] = Played(talk, [sentence])
    return found


def caption_releases(messages: Iterable[Mapping[str, Any]], began_ms: float) -> list[Release]:
    """What each caption added to its sentence, when it came."""
    shown: dict[int, str] = {}
    releases: list[Release] = []
    for each in messages:
        if each["type"] != "translatedCaption":
            continue
        before = shown.get(each["sentence"], "")
        text = each["text"]
        if len(text) <= len(before) or not text.startswith(before):
            continue
        space = "" if before or not shown else " "
        shown[each["sentence"]] = text
        at_s = (each["receivedAt"] - began_ms) / 1000
        releases.append(Release(space + text[len(before) :], at_s))
    return releases


def _began_ms(told: Sequence[Mapping[str, Any]], messages: Iterable[Mapping[str, Any]]) -> float:
    """When the talk's first sample was sent: the demo's report counts from there."""
    came_s = {one["number"]: one["spoken_s"] + one["from_first_ms"] / 1000 for one in told}
    for each in messages:
        if each["type"] == "translatedAudio" and each["sequenceNumber"] in came_s:
            return float(each["receivedAt"]) - 1000 * came_s[each["sequenceNumber"]]
    return 0.0


def scored(language: str, played: Played, folder: Path) -> LiveRow:
    folder.mkdir(parents=True, exist_ok=True)
    write_logs(folder, [played], 0.0)
    write_references(folder, [played], [references_of(played.talk, REFERENCES / language)])
    scores = omnisteval(folder)
    (sentence,) = played.sentences
    ends_s = [word.end_s for word in played.talk.words]
    captions = delays(sentence.releases, ends_s)
    clips = delays(sentence.phrases, ends_s)
    whole = whole_translation(played.talk, language)
    return LiveRow(
        language,
        fmean(captions),
        p95(captions),
        fmean(clips),
        p95(clips),
        fmean(playout_delays(played, voice_s=0.0)),
        None if whole is None else chrf([plain(sentence.text)], [plain(whole)]),
        len(sentence.phrases),
        median(len(each.text.split()) for each in sentence.phrases),
        {name: scores[name] for name in SCORES if name in scores},
    )


def whole_translation(talk: SpokenTalk, language: str) -> str | None:
    """Of its sentences as they are written, by the demo's engine; None: none is recorded."""
    pair = f"{ORIGINAL}-{language}"
    if pair not in ENGINES:
        return None
    return " ".join(map(RecordedTranslations(pair), talk.sentences))


def read_messages(demo: Path) -> dict[str, list[dict[str, Any]]]:
    """What each listener of the demo kept, by language."""
    return {
        file.parent.name: [json.loads(line) for line in file.read_text().splitlines()]
        for file in (demo / "listeners").glob("*/messages.jsonl")
    }


def show_live(rows: Sequence[LiveRow]) -> None:
    columns = ("language", "captions mean s", "p95 s", "clips mean s", "p95 s", "heard s")
    columns = (*columns, "chrF to whole", "phrases", "words a phrase", *SCORES)
    table = [
        [
            row.language,
            f"{row.captions_mean_s:.2f}",
            f"{row.captions_p95_s:.2f}",
            f"{row.clip_mean_s:.2f}",
            f"{row.clip_p95_s:.2f}",
            f"{row.heard_mean_s:.2f}",
            "" if row.chrf is None else f"{row.chrf:.1f}",
            row.phrases,
            f"{row.phrase_words:g}",
            *(f"{row.scores[name]:.2f}" if name in row.scores else "" for name in SCORES),
        ]
        for row in rows
    ]
    show("Live: captions and phrases as they came", columns, table)


def run(demo: Path, output: Path) -> list[LiveRow]:
    """NoLiveTalkError: there is nothing to score."""
    try:
        report = json.loads((demo / "report.json").read_text())
    except FileNotFoundError:
        raise NoLiveTalkError(f"no {demo}/report.json: make score LIVE=1 runs make demo") from None
    (talk,) = (each for each in read_material_talks() if each.name == TALK)
    played = played_live(report, read_messages(demo), talk)
    if not played:
        raise NoLiveTalkError("no listener of the demo was told the talk from its beginning")
    rows = [scored(language, each, output / "live" / language) for language, each in played.items()]
    output.mkdir(parents=True, exist_ok=True)
    (output / "live.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.score.live", description=__doc__)
    parser.add_argument("--demo", type=Path, default=DEMO, help="what make demo left")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "score")
    given = parser.parse_args(arguments)
    try:
        rows = run(given.demo, given.output)
    except NoLiveTalkError as error:
        print(f"score: {error}", file=sys.stderr)
        return 1
    show_live(rows)
    found = "; ".join(
        f"{row.language} captions {row.captions_mean_s:.1f} / {row.captions_p95_s:.1f} s, clips"
        f" {row.clip_mean_s:.1f} / {row.clip_p95_s:.1f} s, heard {row.heard_mean_s:.1f} s"
        for row in rows
    )
    print(f"score: live, mean / p95: {found}; see {given.output / 'live.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
