"""What a bundle reports: what our DoFns count, nothing else; and Beam still is so made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from apache_beam.metrics.execution import MetricsContainer
from apache_beam.metrics.metricbase import MetricName
from apache_beam.runners.worker import bundle_processor, operations

from pipelines.worker.beam_bundles import report_own_metrics_only

pytestmark = pytest.mark.unit


class Counting:
    """An operation in which a DoFn has counted."""

    def __init__(self) -> None:
        self.metrics_container = MetricsContainer("step")
        self.metrics_container.get_counter(MetricName("stages", "clips")).inc(3)

    user_monitoring_infos: Any = operations.Operation.user_monitoring_infos


def test_only_what_our_dofns_count_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = bundle_processor.BundleProcessor
    monkeypatch.setattr(processor, "monitoring_infos", processor.monitoring_infos)
    report_own_metrics_only()
    bundle: Any = SimpleNamespace(ops={"step": Counting()})
    (info,) = processor.monitoring_infos(bundle)
    assert info.urn == "beam:metric:user:sum_int64:v1"
    assert info.labels["NAME"] == "clips"
