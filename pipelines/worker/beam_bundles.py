"""What Beam's Python worker reports with every bundle: only what is ours.

Beam reports what each operation cost and counted, which was a seventh of what a busy worker did;
Flink shows none of it, for it counts for itself. What the job's DoFns count (``Metrics.counter``,
``Metrics.distribution``) is reported as before. (docs/decisions/0011)
"""

from __future__ import annotations

from typing import Any

from apache_beam.runners.worker import bundle_processor


def report_own_metrics_only() -> None:
    """Of this process, for good. May be repeated."""
    bundle_processor.BundleProcessor.monitoring_infos = _own_infos


def _own_infos(self: Any) -> list[Any]:
    infos: dict[Any, Any] = {}
    for transform_id, operation in self.ops.items():
        infos.update(operation.user_monitoring_infos(transform_id))
    return list(infos.values())
