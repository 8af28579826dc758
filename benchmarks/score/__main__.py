"""``make score``: how good what is released is, and how late, policy by policy.

Talks in virtual time, with translations that were recorded of every text that a policy asks for;
scores by OmniSTEval and our own figures beside them. What is compared with is the same engine's
translation of whole sentences, or the references of a folder (``--references``: a file
``TALK.txt`` for each talk, a line a sentence). ``--check FILE``: fail when a policy's chrF has
fallen by more than the bootstrap interval of a former run's.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.score.figures import Figures, chrf, figures, plain
from benchmarks.score.omnisteval import omnisteval, write_logs, write_references
from benchmarks.score.talks import (
    MATERIAL,
    RecordedTranslations,
    SpokenTalk,
    Translate,
    read_talks,
)
from benchmarks.score.virtual_talk import Lateness, Played, play
from benchmarks.tables import show
from pipelines.sentences.settings import ReleaseName, ReleaseSettings, Spend

POLICIES = (
    ReleaseSettings(ReleaseName.APPEND, Spend.SWIFT),
    ReleaseSettings(ReleaseName.AGREEMENT, Spend.SWIFT),
    ReleaseSettings(ReleaseName.AGREEMENT, Spend.BALANCED),
    ReleaseSettings(ReleaseName.AGREEMENT, Spend.THRIFTY),
    ReleaseSettings(ReleaseName.SENTENCE, Spend.SWIFT),
)
CALL_S = 0.018
"""Of the engine whose translations are recorded, on one core."""
SAMPLES = 50
SCORES = ("BLEU", "chrF", "LongYAAL (CU)", "LongYAAL (CA)")


@dataclass(frozen=True, slots=True)
class Row:
    """``chrf_low``: the lower end of the 95 % bootstrap interval of ``figures.chrf``."""

    policy: str
    words: str
    figures: Figures
    chrf_low: float
    scores: dict[str, float]


def measured(
    settings: ReleaseSettings,
    talks: Sequence[SpokenTalk],
    translate: Translate,
    lateness: Lateness | None,
    references: Sequence[Sequence[str]],
    build: Path,
) -> Row:
    policy = settings.policy(continues=False)
    played = [play(talk, policy, settings.pace, translate, lateness) for talk in talks]
    words = "recognised" if lateness else "perfect"
    folder = build / "score" / f"{settings.release}-{settings.spend}-{words}"
    folder.mkdir(parents=True, exist_ok=True)
    write_logs(folder, played, CALL_S)
    write_references(folder, played, references)
    spend = "" if settings.release is ReleaseName.SENTENCE else f", {settings.spend}"
    return Row(
        f"{settings.release}{spend}",
        words,
        figures(played, translate),
        bootstrap_low(played, translate),
        dict(omnisteval(folder)),
    )


def bootstrap_low(played: Sequence[Played], translate: Translate) -> float:
    """Of sentences drawn again and again: what 2.5 % of the draws' chrF lie below."""
    pairs = [
        (
            plain(sentence.text),
            plain(
                translate(" ".join(w.text for w in each.talk.words[sentence.first : sentence.end]))
            ),
        )
        for each in played
        for sentence in each.sentences
    ]
    chance = random.Random(5)  # noqa: S311 (no secret)
    drawn: list[float] = []
    for _ in range(SAMPLES):
        sample = chance.choices(pairs, k=len(pairs))
        drawn.append(chrf([text for text, _ in sample], [whole for _, whole in sample]))
    return sorted(drawn)[int(0.025 * SAMPLES)]


def references_of(
    talks: Sequence[SpokenTalk], folder: Path | None, translate: Translate
) -> list[list[str]]:
    """ValueError: a file has another number of lines than its talk has sentences."""
    if folder is None:
        return [[translate(sentence) for sentence in talk.sentences] for talk in talks]
    found: list[list[str]] = []
    for talk in talks:
        lines = (folder / f"{talk.name}.txt").read_text().splitlines()
        if len(lines) != len(talk.sentences):
            raise ValueError(
                f"{talk.name}.txt: {len(lines)} lines, {len(talk.sentences)} sentences"
            )
        found.append(lines)
    return found


def show_rows(rows: Sequence[Row]) -> None:
    columns = ("release", "words", "mean s", "p95 s", "chrF to whole", "contradicted %")
    columns = (*columns, "ends found %", "calls/s", "characters", "words a phrase", *SCORES)
    table: list[list[object]] = []
    for row in rows:
        found = row.figures
        shares = (found.chrf, found.contradicted, found.boundaries)
        table.append(
            [
                row.policy,
                row.words,
                *(f"{each:.2f}" for each in (found.delay_mean_s, found.delay_p95_s)),
                *(f"{each:.1f}" for each in shares),
                f"{found.calls_per_s:.2f}",
                f"{found.cost:.2f}",
                f"{found.phrase_words:.0f}",
                *(f"{row.scores[name]:.2f}" if name in row.scores else "" for name in SCORES),
            ]
        )
    show("Releases in virtual time (recorded translations, en-pt)", columns, table)


def draw(rows: Sequence[Row], file: Path) -> None:
    """Delay against chrF: up and to the left is better."""
    figure = Figure((8.0, 4.5), layout="constrained")
    panel = figure.add_subplot()
    for words, mark in (("perfect", "o"), ("recognised", "s")):
        own = [row for row in rows if row.words == words]
        x = [row.figures.delay_mean_s for row in own]
        panel.scatter(x, [row.figures.chrf for row in own], marker=mark, label=f"{words} words")
        for row in own:
            place = (row.figures.delay_mean_s, row.figures.chrf)
            panel.annotate(row.policy, place, (5, -9), textcoords="offset points", fontsize=7)
    panel.set(xlabel="mean delay of a released word, s", ylabel="chrF to whole sentences")
    panel.legend()
    figure.savefig(file, dpi=130)


def fallen(rows: Sequence[Row], former: Path) -> list[str]:
    """The policies whose chrF lies below the interval of a former run's."""
    known = {(row["policy"], row["words"]): row for row in json.loads(former.read_text())}
    return [
        f"{row.policy}, {row.words} words: chrF {row.figures.chrf:.2f} is below {low:.2f}"
        for row in rows
        if (before := known.get((row.policy, row.words))) is not None
        and row.figures.chrf < (low := before["chrf_low"])
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make score", description=__doc__)
    parser.add_argument("--references", type=Path, help="a folder; default: whole sentences")
    parser.add_argument("--check", type=Path, help="what a former run left: build/score.json")
    parser.add_argument("--output", type=Path, default=Path("build"))
    given = parser.parse_args(arguments)
    talks = read_talks(MATERIAL / "talks-en.json")
    translate = RecordedTranslations(MATERIAL / "translations-en-pt.jsonl")
    references = references_of(talks, given.references, translate)
    rows = [
        measured(settings, talks, translate, lateness, references, given.output)
        for lateness in (None, Lateness())
        for settings in POLICIES
    ]
    show_rows(rows)
    worse = fallen(rows, given.check) if given.check else []
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "score.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    draw(rows, given.output / "score.png")
    print(f"see {given.output / 'score.png'}")
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
