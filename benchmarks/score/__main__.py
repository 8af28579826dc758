"""``make score``: how good what is released is, and how late, policy by policy.

Talks in virtual time, with translations that were recorded of every text that a policy asks for, by
the demo's engines: neural between English and Portuguese, Apertium from Portuguese on into Spanish
and Catalan, Apertium alone into French. ``prefix`` has an engine of its own (``marian_decoder``),
which also says of the neural pairs how likely it finds what swift ones release (``likelihood``).
Portuguese talks are the references, spoken in the time that the original took. OmniSTEval scores
what is released against references that people wrote (``--references``: a folder a language, a file
``TALK.txt`` a talk, a line a sentence); our own figures compare it with the same engine's
translations of whole sentences. Whole sentences are the ceiling; utterances alone, and the pieces
of 3 s of the flow that is replaced, the floor.

Fails when a figure is not what is promised (``bars``) and, with ``--check FILE``, when a policy's
chrF has fallen by more than the bootstrap interval of a former run's. The last line says which.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.bars import in_a_line, missed
from benchmarks.score.bars import BARS, flat
from benchmarks.score.measure import Row, measured, read_material
from benchmarks.score.sheet import draw, show_rows, side_by_side
from benchmarks.score.talks import ENGINES, REFERENCES
from benchmarks.score.virtual_talk import Lateness, Played


def fallen(rows: Sequence[Row], former: Path) -> list[str]:
    """The policies whose chrF lies below the interval of a former run's."""
    known = {
        (row["pair"], row["policy"], row["words"]): row for row in json.loads(former.read_text())
    }
    return [
        f"{row.pair}, {row.policy}, {row.words} words: chrF {row.figures.chrf:.2f} is below"
        f" {low:.2f}"
        for row in rows
        if (before := known.get((row.pair, row.policy, row.words))) is not None
        and row.figures.chrf < (low := before["chrf_low"])
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make score", description=__doc__)
    parser.add_argument("--references", type=Path, default=REFERENCES)
    parser.add_argument("--check", type=Path, help="what a former run left: build/score.json")
    parser.add_argument("--output", type=Path, default=Path("build"))
    given = parser.parse_args(arguments)
    rows: list[Row] = []
    sheets: list[str] = []
    for pair in ENGINES:
        material = read_material(pair, given.references)
        played: dict[str, list[Played]] = {}
        for lateness in (None, Lateness()):
            for policy in material.policies:
                row, of_policy = measured(policy, material, lateness, given.output)
                rows.append(row)
                played.setdefault(policy.name, of_policy)
        sheets.append(side_by_side(material, played))
    show_rows(rows)
    worse = fallen(rows, given.check) if given.check else []
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "score.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    (given.output / "score.md").write_text("\n".join(sheets))
    draw(rows, given.output / "score.png")
    print(f"see {given.output / 'score.png'}; sentences side by side: {given.output / 'score.md'}")
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    below = missed(BARS, flat(rows), all_measured=True)
    print(f"score: {len(rows)} rows; missed: {in_a_line(below)}")
    return 1 if worse or below else 0


if __name__ == "__main__":
    sys.exit(main())
