"""What `make score` leaves to look at: a table, a picture, and sentences side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.score.measure import Material, Row
from benchmarks.score.talks import ENGINES
from benchmarks.score.virtual_talk import Played
from benchmarks.tables import show

SCORES = ("BLEU", "chrF", "LongYAAL (CU)", "LongYAAL (CA)")
SENTENCES_SHOWN = 10
_COLOURS = colormaps["tab10"]
_NOW, _BEFORE, _WHOLE = "agreement, swift", "append", "sentence"


def show_rows(rows: Sequence[Row]) -> None:
    columns = ("release", "words", "mean s", "p95 s", "voice mean s", "p95 s", "heard s")
    columns = (*columns, "chrF to whole", "contradicted %", "seams kept %")
    columns = (*columns, "log p a token", "after seams", "ends found %")
    columns = (*columns, "calls/s", "characters")
    columns = (*columns, "words a phrase", *SCORES, "$/h, 2 languages", "$/h, 10")
    for pair in dict.fromkeys(row.pair for row in rows):
        table: list[list[object]] = []
        for row in (row for row in rows if row.pair == pair):
            found = row.figures
            seconds = (found.delay_mean_s, found.delay_p95_s, found.voice_mean_s)
            seconds = (*seconds, found.voice_p95_s, found.playout_mean_s)
            likely = row.likelihood
            logs = (likely.mean, likely.at_seams) if likely else (None, None)
            shares = (found.chrf, found.contradicted, found.seams)
            table.append(
                [
                    row.policy,
                    row.words,
                    *(f"{each:.2f}" for each in seconds),
                    *(f"{each:.1f}" for each in shares),
                    *("" if each is None else f"{each:.3f}" for each in logs),
                    f"{found.boundaries:.1f}",
                    f"{found.calls_per_s:.2f}",
                    f"{found.cost:.2f}",
                    f"{found.phrase_words:.0f}",
                    *(f"{row.scores[name]:.2f}" if name in row.scores else "" for name in SCORES),
                    f"{row.dollars_2:.2f}",
                    f"{row.dollars_10:.2f}",
                ]
            )
        show(f"Releases in virtual time ({pair}: {ENGINES[pair]})", columns, table)


def draw(rows: Sequence[Row], file: Path) -> None:
    """Delay against chrF, a panel a pair: up and to the left is better."""
    pairs = tuple(dict.fromkeys(row.pair for row in rows))
    policies = tuple(dict.fromkeys(row.policy for row in rows))
    marks = {"perfect": "o", "recognised": "s"}
    figure = Figure((15.0, 8.0), layout="constrained")
    for place, pair in enumerate(pairs, 1):
        panel = figure.add_subplot(2, 3, place)
        for row in (row for row in rows if row.pair == pair):
            at = (row.figures.delay_mean_s, row.figures.chrf)
            colour = _COLOURS(policies.index(row.policy))
            panel.scatter(*at, color=colour, marker=marks[row.words], s=60, alpha=0.8)
        panel.set(title=pair, xlabel="mean delay of a released word, s")
        panel.set_ylabel("chrF to whole sentences")
        panel.grid(alpha=0.3)
    meanings = [
        *(Patch(color=_COLOURS(at), label=policy) for at, policy in enumerate(policies)),
        *(
            Line2D([], [], linestyle="", marker=mark, color="grey", label=f"{words} words")
            for words, mark in marks.items()
        ),
    ]
    figure.legend(handles=meanings, loc="outside lower center", ncols=5)
    figure.savefig(file, dpi=120)


def side_by_side(material: Material, played: Mapping[str, Sequence[Played]]) -> str:
    """Ten sentences: source, utterances alone, as released now, translated whole, reference."""
    lines = [f"## {material.pair}", ""]
    for before, now, whole in zip(*(played[name] for name in (_BEFORE, _NOW, _WHOLE)), strict=True):
        references = material.references.get(now.talk.name)
        if references is None:
            continue
        sentences = zip(
            now.talk.sentences,
            *((sentence.text for sentence in each.sentences) for each in (before, now, whole)),
            references,
            strict=False,
        )
        for texts in sentences:
            names = ("source", "before", "now", "whole", "reference")
            lines += [f"- **{name}**: {text}" for name, text in zip(names, texts, strict=True)]
            lines.append("")
            if lines.count("") > SENTENCES_SHOWN:
                return "\n".join(lines)
    return "\n".join(lines)
