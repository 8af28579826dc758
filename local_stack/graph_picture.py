"""The graph as Mermaid, drawn from the built pipeline: its labelled steps and what passes between.

``python -m local_stack.graph_picture`` writes the pictures of docs/how-it-works.md anew. A test
fails when the page shows another graph than the code builds.
"""

from __future__ import annotations

import re
from pathlib import Path

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform

from beam_flink_kit.async_dofn import DEAD_LETTERS
from local_stack.cluster.state import live_pipeline
from schemas.values import DeadLetter

PAGE = Path(__file__).parents[1] / "docs" / "how-it-works.md"
PICTURES = {
    "pause": ("--segmentation=pause",),
    "window": ("--segmentation=window",),
}
"""Name of each picture on the page, and the job's options that it is drawn with."""
_TICKS = frozenset({"Tick"})
"""What only wakes a step is not drawn."""


def drawn(pipeline: beam.Pipeline) -> str:
    """A Mermaid flowchart: a node for each step that has a label, a line for each collection that
    leaves one, with the type of its elements; what carries dead letters is dashed."""
    steps = _steps(pipeline)
    name_of = {step: f"s{number}" for number, step in enumerate(steps)}
    lines = ["flowchart TD"]
    lines += [f'    {name_of[step]}["{step.full_label}"]' for step in steps]
    made_by = {output: step for step in steps for output in step.outputs.values()}
    failures: set[AppliedPTransform] = set()
    for step in steps:
        read = [one for one in step.main_inputs.values() if one in made_by]
        dead = [one for one in read if one.tag == DEAD_LETTERS or made_by[one] in failures]
        if read and read == dead:
            failures.add(step)
        for one in read:
            kind = DeadLetter.__name__ if one in dead else _shown(one.element_type)
            arrow = "-.->" if one in dead else "-->"
            if kind not in _TICKS:
                lines.append(f'    {name_of[made_by[one]]} {arrow}|"{kind}"| {name_of[step]}')
    return "\n".join(lines)


def _steps(pipeline: beam.Pipeline) -> list[AppliedPTransform]:
    """The outermost transforms, in the order in which they are applied."""
    (root,) = pipeline.transforms_stack
    return list(root.parts)


def _shown(kind: object) -> str:
    """A type without its modules: ``tuple[str, ReadRecord]``."""
    plain = re.sub(r"<class '([^']+)'>", r"\1", str(kind))
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", plain)


def with_pictures(text: str) -> str:
    """``text`` with every picture drawn anew. Raises ValueError when the page lacks one."""
    for picture, options in PICTURES.items():
        place = rf"(<!-- graph: {picture} -->\n```mermaid\n).*?(```\n)"
        graph = rf"\g<1>{drawn(live_pipeline(options))}\n\g<2>"
        text, count = re.subn(place, graph, text, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{PAGE.name} has {count} places for the picture {picture!r}")
    return text


def main() -> None:
    PAGE.write_text(with_pictures(PAGE.read_text()))


if __name__ == "__main__":
    main()
