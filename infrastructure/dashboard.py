"""One page for the first bad night: what is late, why, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch
from aws_cdk.aws_cloudwatch import GraphWidget, IMetric
from constructs import Construct

from infrastructure.functions import Function
from infrastructure.metrics import MINUTE, StageMetrics
from infrastructure.objective import BURNS

_WIDTH = 8


def dashboard(
    scope: Construct,
    name: str,
    metrics: StageMetrics,
    functions: Sequence[Function],
    alarms: Sequence[aws_cloudwatch.IAlarm],
) -> aws_cloudwatch.Dashboard:
    outcomes = metrics.outcomes()
    return aws_cloudwatch.Dashboard(
        scope,
        "Dashboard",
        dashboard_name=name,
        widgets=[
            [
                aws_cloudwatch.AlarmStatusWidget(
                    title="What is wrong", alarms=list(alarms), width=24, height=3
                )
            ],
            [
                _graph(
                    "Lag: first sample to stored clip, ms",
                    *(metrics.lag_ms(statistic) for statistic in ("p50", "p95", "p99")),
                ),
                _graph(
                    "Clips a minute, and what became none", metrics.clips(), metrics.dead_letters()
                ),
                _graph(
                    "Budget of errors: burn rate (1 lasts a month)",
                    *(outcomes.burn_rate(burn.long_min) for burn in BURNS),
                ),
            ],
            [
                _graph("Chunks received", metrics.chunks(), right=metrics.chunk_bytes()),
                _graph("Upload success, %", metrics.upload_success()),
                _graph("Backlog, ms", metrics.backlog_ms(), right=metrics.checkpoints()),
            ],
            [
                _graph(
                    "Refused for now",
                    metrics.stream_throttled(),
                    metrics.tables_throttled("Read"),
                    metrics.tables_throttled("Write"),
                    metrics.speech_throttled(),
                ),
                _graph(
                    "Connections",
                    metrics.connected(),
                    right=metrics.connections_refused(),
                ),
                _graph(
                    "HTTP and WebRTC channels that failed",
                    metrics.http_faults(),
                    metrics.channel_failures(),
                ),
            ],
            [
                _graph(
                    "Lambdas: errors and throttles",
                    *(one.live.metric_errors(period=MINUTE) for one in functions),
                    *(one.live.metric_throttles(period=MINUTE) for one in functions),
                ),
                _graph(
                    "Lambdas: p99, ms",
                    *(
                        one.live.metric_duration(period=MINUTE, statistic="p99")
                        for one in functions
                    ),
                ),
                _graph("Cost", metrics.spent_dollars()),
            ],
        ],
    )


def _graph(title: str, *left: IMetric, right: IMetric | None = None) -> GraphWidget:
    return GraphWidget(
        title=title, left=list(left), right=[] if right is None else [right], width=_WIDTH
    )
