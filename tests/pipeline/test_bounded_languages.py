"""Languages as a side input: none, very many, and such that come after the utterances."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue

from pipelines.coders import register_coders
from pipelines.transforms.bounded_languages import JoinLanguages
from schemas.values import (
    EntryKind,
    LedgerEntry,
    ListenerLanguages,
    RoutedUtterance,
    Timeline,
    Utterance,
)

pytestmark = pytest.mark.pipeline

Languages = tuple[str, ListenerLanguages]
JOINED: dict[str, list[RoutedUtterance]] = {}


def utterance(session_id: str, number: int) -> Utterance:
    entry = LedgerEntry(
        session_id, number, 0, EntryKind.SPEECH, 0, 16, "so", "en", 0, 0, "w", 16, 1, 16
    )
    return Utterance(entry, Timeline.start(0))


def keep(routed: RoutedUtterance, name: str) -> None:
    JOINED[name].append(routed)


def join(utterances: Sequence[Utterance], languages: Iterable[Languages]) -> list[RoutedUtterance]:
    register_coders()
    name = uuid.uuid4().hex
    JOINED[name] = []
    with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline:
        wanted = pipeline | "Languages" >> beam.Create(list(languages)).with_output_types(Languages)
        spoken = pipeline | "Spoken" >> beam.Create(list(utterances)).with_output_types(Utterance)
        _ = spoken | JoinLanguages(wanted) | beam.Map(keep, name)
    return JOINED.pop(name)


def routes(
    joined: Iterable[RoutedUtterance],
) -> dict[tuple[str, int], list[tuple[str, int | None]]]:
    return {
        (each.utterance.entry.session_id, each.utterance.entry.number): [
            (route.language, route.previous_number) for route in each.routes
        ]
        for each in joined
    }


def test_without_any_languages_nothing_is_routed_and_nothing_fails() -> None:
    assert join([utterance("a", 0)], []) == []
    assert join([utterance("a", 0)], [("a", ListenerLanguages((), 1))]) == []


def test_a_session_of_which_nothing_is_said_has_no_languages() -> None:
    joined = join([utterance("a", 0), utterance("b", 0)], [("b", ListenerLanguages(("es",), 1))])
    assert routes(joined) == {("b", 0): [("es", None)]}


def test_languages_of_twenty_thousand_sessions_and_five_hundred_languages_of_one() -> None:
    many = tuple(f"l{number}" for number in range(500))
    languages = [(f"s{number}", ListenerLanguages(("es",), 1)) for number in range(20_000)]
    joined = join(
        [utterance("s7", 0), utterance("wide", 0), utterance("s19999", 3)],
        [*languages, ("wide", ListenerLanguages(many, 1))],
    )
    found = routes(joined)
    assert [language for language, _ in found["wide", 0]] == list(many)
    assert found["s7", 0] == found["s19999", 3] == [("es", None)]


def test_utterances_wait_for_languages_that_come_later() -> None:
    register_coders()
    name = uuid.uuid4().hex
    JOINED[name] = []
    stream = (
        TestStream(output_tags={"spoken", "wanted"})
        .add_elements([TimestampedValue(utterance("a", 0), 1)], tag="spoken")
        .advance_watermark_to(2, tag="spoken")
        .add_elements([TimestampedValue(utterance("a", 1), 3)], tag="spoken")
        .advance_watermark_to_infinity(tag="spoken")
        .advance_processing_time(600)
        .add_elements([TimestampedValue(("a", ListenerLanguages(("es",), 1)), 1)], tag="wanted")
        .advance_watermark_to_infinity(tag="wanted")
    )
    options = PipelineOptions(["--runner=DirectRunner", "--streaming"])
    with beam.Pipeline(options=options) as pipeline:
        came = pipeline | stream
        spoken = came["spoken"] | "As spoken" >> beam.Map(lambda each: each).with_output_types(
            Utterance
        )
        wanted = came["wanted"] | "As wanted" >> beam.Map(lambda each: each).with_output_types(
            Languages
        )
        _ = spoken | JoinLanguages(wanted) | "Keep" >> beam.Map(keep, name)
    assert sorted(routes(JOINED.pop(name))) == [("a", 0), ("a", 1)]
