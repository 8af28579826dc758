"""docs/how-it-works.md shows the graph that the code builds, and links every step of it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor

from local_stack.cluster.state import live_pipeline
from local_stack.graph_picture import PAGE, PICTURES, drawn, with_pictures
from schemas.values import DeadLetter
from tests.unit.house.pages import links
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.unit


def test_the_pictures_are_those_of_the_graph() -> None:
    """Out of date? ``python -m local_stack.graph_picture`` draws them anew."""
    page = PAGE.read_text()
    assert with_pictures(page) == page


def test_a_page_without_a_place_for_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places"):
        with_pictures("# No picture\n")


def test_what_carries_dead_letters_is_dashed_and_ticks_are_left_out() -> None:
    pipeline = beam.Pipeline()
    numbers = pipeline | "Numbers" >> beam.Create([1]).with_output_types(int)
    parts: Any = numbers | "Halve" >> beam.ParDo(_Halve()).with_outputs("dead_letters", main="main")
    _ = (parts.dead_letters,) | "Failures" >> beam.Flatten()
    assert drawn(pipeline).splitlines()[1:] == [
        '    s0["Numbers"]',
        '    s1["Halve"]',
        '    s2["Failures"]',
        '    s0 -->|"int"| s1',
        f'    s1 -.->|"{DeadLetter.__name__}"| s2',
    ]


class _Halve(beam.DoFn):
    def process(self, element: int) -> Any:
        yield element / 2


class _Steps(PipelineVisitor):
    """Collects the files that hold the steps of a graph: a DoFn's, or its handler's."""

    def __init__(self) -> None:
        self.files: set[Path] = set()

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        fn = getattr(transform_node.transform, "fn", None)
        for part in (fn, getattr(fn, "_handler", None)):
            if part is not None:
                self.files.add(Path(inspect.getfile(type(part))))


@pytest.mark.parametrize("picture", PICTURES)
def test_every_step_of_the_graph_is_linked(picture: str) -> None:
    steps = _Steps()
    live_pipeline(PICTURES[picture]).visit(steps)
    own = {file for file in steps.files if file.is_relative_to(ROOT / "pipelines")}
    linked = {(PAGE.parent / link.partition("#")[0]).resolve() for link in links(PAGE)}
    assert len(own) >= 6
    assert own - linked == set()
