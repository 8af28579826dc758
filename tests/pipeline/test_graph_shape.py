"""What the three graphs look like to Beam: types, coders, display data, labels, metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam import coders
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.transforms.display import DisplayData

from beam_flink_kit.process_scope import held
from connectors.files.stored_chunks import read_stored_audio
from connectors.testing.words import write_words
from pipelines.bounded_run import build_bounded
from pipelines.coders import register_coders
from pipelines.options import BoundedJob, JobOptions, LiveJob, read_options
from schemas.values import ControlKind
from tests.pipeline.test_bounded_run import SCRIPTED, write_wav
from tests.pipeline.world import World

pytestmark = pytest.mark.pipeline

OURS = ("pipelines.", "beam_flink_kit.")
CARD = {
    "pause": (
        "1 transcribe",
        "2 active_languages",
        "3 translate",
        "4 synthesize",
        "5 publish",
        "6 report",
        "x failures",
        "x dead_letter",
    ),
    "window": (
        "1 read_audio",
        "2 window_audio",
        "3 transcribe",
        "4 active_languages",
        "5 translate",
        "6 synthesize",
        "7 publish",
        "8 report",
        "x failures",
        "x dead_letter",
    ),
}
CARD["bounded"] = CARD["window"][1:]
SOURCES = ("Clock", "Stored chunks", "At capture time", "Languages")


class _Walk(PipelineVisitor):
    def __init__(self) -> None:
        self.applied: list[AppliedPTransform] = []

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        self.applied.append(transform_node)

    def enter_composite_transform(self, transform_node: AppliedPTransform) -> None:
        if transform_node.transform is not None:
            self.applied.append(transform_node)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    write_wav(path, write_words(0, 10, 0.4, 0.1)[0])
    return path


def bounded_job(talk: Path) -> BoundedJob:
    output = talk.parent / "out"
    job = read_options(JobOptions([f"--input={talk}", f"--output={output}", *SCRIPTED]), "job")
    assert isinstance(job, BoundedJob)
    return job


def pipeline_of(graph: str, talk: Path) -> beam.Pipeline:
    register_coders()
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"]))
    if graph == "bounded":
        build_bounded(pipeline, bounded_job(talk), read_stored_audio(talk))
        return pipeline
    job = read_options(JobOptions([f"--segmentation={graph}"]), "job")
    assert isinstance(job, LiveJob)
    job.build(pipeline | "Clock" >> beam.Create([0]).with_output_types(int))
    return pipeline


@pytest.fixture(params=["pause", "window", "bounded"])
def graph(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def applied(graph: str, talk: Path) -> list[AppliedPTransform]:
    walk = _Walk()
    pipeline_of(graph, talk).visit(walk)
    return walk.applied


def parts(coder: coders.Coder) -> Iterator[coders.Coder]:
    yield coder
    inner = getattr(coder, "item_coder", None)
    for each in (*coder._get_component_coders(), *([inner] if inner is not None else ())):
        yield from parts(each)


def test_every_collection_has_a_type_and_a_coder_of_its_own(
    applied: list[AppliedPTransform],
) -> None:
    """A value without either is pickled: another version of its class could not read it."""
    for node in applied:
        for tag, collection in node.outputs.items():
            name = f"{node.full_label}[{tag}]"
            assert "Any" not in str(collection.element_type), name
            for coder in parts(coders.registry.get_coder(collection.element_type)):
                pickles = isinstance(coder, coders.FastPrimitivesCoder | coders.PickleCoder)
                assert not pickles, f"{name}: {collection.element_type}"


def test_every_step_of_ours_shows_what_it_is_set_to(applied: list[AppliedPTransform]) -> None:
    for node in applied:
        fn: Any = getattr(node.transform, "fn", node.transform)
        if type(fn).__module__.startswith(OURS):
            shown = {each.key for each in DisplayData.create_from(node.transform).items}
            assert shown - {"fn"}, node.full_label


def test_steps_are_named_as_on_the_card(graph: str, applied: list[AppliedPTransform]) -> None:
    tops = dict.fromkeys(node.full_label.split("/")[0] for node in applied if node.full_label)
    assert sorted(set(tops) - set(SOURCES)) == sorted(CARD[graph])


def test_a_step_counts_under_the_name_that_it_has_in_the_graph(
    applied: list[AppliedPTransform],
) -> None:
    for node in applied:
        fn: Any = getattr(node.transform, "fn", None)
        if isinstance(fn, beam.DoFn) and type(fn).__module__.startswith(OURS):
            step = re.sub(r"^\w ", "", node.full_label.split("/")[0])
            assert fn.display_data()["stage"] == step, node.full_label


def test_every_step_counts_its_elements_and_measures_its_latency(talk: Path) -> None:
    job = bounded_job(talk)
    with held(job.graph.settings):
        result: Any = pipeline_of("bounded", talk).run()
        result.wait_until_finish()
    found = result.metrics().query(MetricsFilter())
    counted: dict[str, dict[str, Any]] = {}
    for each in (*found["counters"], *found["distributions"]):
        counted.setdefault(each.key.metric.namespace, {})[each.key.metric.name] = each.result
    steps = [re.sub(r"^\w ", "", label) for label in CARD["bounded"] if label[0] != "x"]
    for step in steps:
        of_step = counted[step]
        assert of_step["elements_in"] > 0, step
        assert of_step["elements_out"] > 0, step
        assert of_step["latency_ms"].count == of_step["elements_out"], step
    for before, after in pairwise(steps[1:]):
        assert counted[before]["elements_out"] == counted[after]["elements_in"], after


@pytest.mark.parametrize("graph", ["pause", "window"])
def test_every_live_step_counts_its_elements_and_measures_its_latency(graph: str) -> None:
    world = World()
    pcm, _words = write_words(0, 20, 0.4, 0.1)
    world.listen("talk", 0.1, "es", revision=1)
    chunks = world.speak("talk", pcm, 0.5)
    world.control("talk", ControlKind.END, 11.5, after=chunks - 1)
    counted = world.run(20.0, windows=graph == "window")
    utterances = len(world.entries("talk"))
    steps = [re.sub(r"^\w ", "", label) for label in CARD[graph] if label[0] != "x"]
    for step in steps:
        of_step = counted[step]
        assert of_step["latency_ms"] == of_step["elements_out"] > 0, step
    read, transcribed = counted[steps[0]], counted["transcribe"]
    assert read["elements_in"] == chunks + 2, "each chunk, the languages and the end"
    assert transcribed["elements_out"] == utterances
    for before, after in pairwise(steps[steps.index("transcribe") :]):
        assert counted[before]["elements_out"] == counted[after]["elements_in"], after
