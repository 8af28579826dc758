"""Step 4 of a bounded run: the languages that are asked for, as a side input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsDict
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from beam_flink_kit.step_metrics import StepMetrics
from pipelines.coders import ValueCoder
from schemas.values import ListenerLanguages, Route, RoutedUtterance, Utterance


class JoinLanguages(beam.PTransform[Any, Any]):
    """Utterance -> RoutedUtterance. ``languages``: dict of session -> languages."""

    def __init__(self, languages: beam.PCollection[tuple[str, ListenerLanguages]]) -> None:
        super().__init__()
        self._languages = languages

    def display_data(self) -> dict[str, Any]:
        return {"listeners": "as asked for, a side input"}

    def expand(self, utterances: beam.PCollection[Utterance]) -> Any:
        return (
            utterances
            | "By session" >> beam.Map(_by_session).with_output_types(tuple[str, Utterance])
            | "Join languages"
            >> beam.ParDo(JoinSideInput(), AsDict(self._languages)).with_output_types(
                RoutedUtterance
            )
        )


class JoinSideInput(beam.DoFn):
    """Keeps the number of the session's last utterance: what went to one language went to all."""

    LAST = ReadModifyWriteStateSpec("last", ValueCoder(int))

    def __init__(self) -> None:
        self._metrics = StepMetrics("active_languages")

    def display_data(self) -> dict[str, Any]:
        return {"stage": self._metrics.stage}

    def process(
        self,
        element: tuple[str, Utterance],
        languages: dict[str, ListenerLanguages],
        last: Any = beam.DoFn.StateParam(LAST),
    ) -> Iterator[RoutedUtterance]:
        self._metrics.taken()
        session_id, utterance = element
        wanted = languages.get(session_id, ListenerLanguages()).languages
        if wanted:
            routes = tuple(Route(language, last.read()) for language in wanted)
            last.write(utterance.entry.number)
            entry = replace(utterance.entry, routes=routes)
            self._metrics.handed_on(0)
            yield RoutedUtterance(replace(utterance, entry=entry), routes)


def _by_session(utterance: Utterance) -> tuple[str, Utterance]:
    return utterance.entry.session_id, utterance
