"""What a bundle reports: what our DoFns count, nothing else; and Beam still is so made."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import pytest
from apache_beam.metrics import Metrics
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.worker import bundle_processor

from pipelines.worker.beam_bundles import report_own_metrics_only

pytestmark = pytest.mark.unit


class CountClips(beam.DoFn):
    def process(self, element: int) -> None:
        Metrics.counter("stages", "clips").inc(element)


def test_only_what_our_dofns_count_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = bundle_processor.BundleProcessor
    monkeypatch.setattr(processor, "monitoring_infos", processor.monitoring_infos)
    report_own_metrics_only()
    reported = list[Any]()
    own_infos: Any = processor.monitoring_infos

    def noted(bundle: Any) -> list[Any]:
        infos = own_infos(bundle)
        reported.extend(infos)
        return infos

    monkeypatch.setattr(processor, "monitoring_infos", noted)
    pipeline = beam.Pipeline(runner=fn_runner.FnApiRunner())
    _ = pipeline | beam.Create([1, 2]) | beam.ParDo(CountClips())
    (clips,) = pipeline.run().metrics().query()["counters"]
    assert (clips.key.metric.name, clips.committed) == ("clips", 3)
    assert {info.labels["NAME"] for info in reported} == {"clips"}
