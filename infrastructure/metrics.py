"""The metrics that alarms and the dashboard show, by what they mean."""

from __future__ import annotations

from typing import Literal

from aws_cdk import Duration, Stack
from aws_cdk.aws_cloudwatch import MathExpression, Metric

from infrastructure.objective import Outcomes
from infrastructure.session_http_api import SessionHttpApi
from infrastructure.session_management import SessionManagement
from infrastructure.stage import Stage

MINUTE = Duration.minutes(1)
SPEECH_REFUSALS = (
    ("AWS/Transcribe", "StartStreamTranscription", "ThrottledCount"),
    ("AWS/Transcribe", "StartStreamTranscription", "LimitExceededCount"),
    ("AWS/Translate", "TranslateText", "ThrottledCount"),
)
"""Namespace, operation, metric. One stream too many at once is no throttling to Transcribe."""


class StageMetrics:
    """All of one stage, by the minute."""

    def __init__(self, stage: Stage, sessions: SessionManagement, http: SessionHttpApi) -> None:
        self._stage = stage
        self._sessions = sessions
        self._http = http
        self.tables = tuple(sessions.stored.tables)

    def lag_ms(self, statistic: str) -> Metric:
        """From the first sample of an utterance to its clip being stored."""
        return self._own("ClipLag", statistic, f"clip lag {statistic}")

    def clips(self) -> Metric:
        return self._own("Clips", "Sum", "clips")

    def checkpoints(self) -> Metric:
        return self._own("Checkpoints", "Sum", "checkpoints")

    def outcomes(self) -> Outcomes:
        return Outcomes(
            self.clips(), self._own("ClipsOnTime", "Sum", "on time"), self.dead_letters()
        )

    def dead_letters(self) -> Metric:
        return self._stream(
            self._stage.names.dead_letter_stream, "IncomingRecords", "Sum", "dead letters"
        )

    def chunks(self) -> Metric:
        return self._stream(
            self._stage.names.audio_stream, "IncomingRecords", "Sum", "chunks received"
        )

    def chunk_bytes(self) -> Metric:
        return self._stream(self._stage.names.audio_stream, "IncomingBytes", "Sum", "bytes")

    def upload_success(self) -> MathExpression:
        """Per cent of the records that were put and are durable."""
        stream = self._stage.names.audio_stream
        return MathExpression(
            expression="IF(total > 0, 100 * stored / total, 100)",
            label="upload success, %",
            period=MINUTE,
            using_metrics={
                "stored": self._stream(stream, "PutRecords.SuccessfulRecords", "Sum", "stored"),
                "total": self._stream(stream, "PutRecords.TotalRecords", "Sum", "put"),
            },
        )

    def backlog_ms(self) -> Metric:
        """Age of the oldest record that was read last, of any shard."""
        return self._stream(
            self._stage.names.audio_stream,
            "GetRecords.IteratorAgeMilliseconds",
            "Maximum",
            "backlog, ms",
        )

    def stream_throttled(self) -> MathExpression:
        stream = self._stage.names.audio_stream
        return MathExpression(
            expression="FILL(puts, 0) + FILL(reads, 0)",
            label="Kinesis throttled",
            period=MINUTE,
            using_metrics={
                "puts": self._stream(stream, "PutRecords.ThrottledRecords", "Sum", "puts"),
                "reads": self._stream(stream, "ReadProvisionedThroughputExceeded", "Sum", "reads"),
            },
        )

    def tables_throttled(self, kind: Literal["Read", "Write"]) -> MathExpression:
        """Of every table; an alarm takes ten metrics, so reads and writes are apart."""
        used = {
            f"{kind.lower()}{at}": Metric(
                namespace="AWS/DynamoDB",
                metric_name=f"{kind}ThrottleEvents",
                dimensions_map={"TableName": name},
                statistic="Sum",
                period=MINUTE,
            )
            for at, name in enumerate(self.tables)
        }
        return MathExpression(
            expression=" + ".join(f"FILL({each}, 0)" for each in used),
            label=f"DynamoDB throttled, {kind.lower()}s",
            period=MINUTE,
            using_metrics=used,
        )

    def speech_throttled(self) -> MathExpression:
        """Of the whole account and region: these services know no stages."""
        region = Stack.of(self._sessions).region
        return MathExpression(
            expression=" + ".join(f"FILL(s{at}, 0)" for at in range(len(SPEECH_REFUSALS))),
            label="speech services throttled",
            period=MINUTE,
            using_metrics={
                f"s{at}": Metric(
                    namespace=namespace,
                    metric_name=metric,
                    dimensions_map={"Operation": operation},
                    statistic="Sum",
                    period=MINUTE,
                    region=region,
                )
                for at, (namespace, operation, metric) in enumerate(SPEECH_REFUSALS)
            },
        )

    def connections_refused(self) -> Metric:
        """Connections and messages that the WebSocket API answered with an error of ours."""
        return Metric(
            namespace="AWS/ApiGateway",
            metric_name="ExecutionError",
            dimensions_map={"ApiId": self._sessions.api.api_id, "Stage": self._stage.name},
            statistic="Sum",
            period=MINUTE,
            label="WebSocket errors",
        )

    def connected(self) -> Metric:
        return Metric(
            namespace="AWS/ApiGateway",
            metric_name="ConnectCount",
            dimensions_map={"ApiId": self._sessions.api.api_id, "Stage": self._stage.name},
            statistic="Sum",
            period=MINUTE,
            label="connections made",
        )

    def http_faults(self) -> Metric:
        return Metric(
            namespace="AWS/ApiGateway",
            metric_name="5xx",
            dimensions_map={"ApiId": self._http.api.api_id, "Stage": "$default"},
            statistic="Sum",
            period=MINUTE,
            label="HTTP 5xx",
        )

    def channel_failures(self) -> MathExpression:
        """Of every operation on every session's signaling channel."""
        return MathExpression(
            expression=(
                "SEARCH('{AWS/KinesisVideo,SignalingChannelName,Operation} "
                'MetricName="Failure" SignalingChannelName="session-"\', \'Sum\', 60)'
            ),
            label="",
            period=MINUTE,
            using_metrics={},
        )

    def spent_dollars(self) -> Metric:
        return Metric(
            namespace="AWS/Billing",
            metric_name="EstimatedCharges",
            dimensions_map={"Currency": "USD"},
            statistic="Maximum",
            period=Duration.hours(6),
            region="us-east-1",  # nowhere else
            label="this month, $ (all the account)",
        )

    def _own(self, name: str, statistic: str, label: str) -> Metric:
        return Metric(
            namespace=self._stage.metrics,
            metric_name=name,
            statistic=statistic,
            period=MINUTE,
            label=label,
        )

    def _stream(self, stream: str, name: str, statistic: str, label: str) -> Metric:
        return Metric(
            namespace="AWS/Kinesis",
            metric_name=name,
            dimensions_map={"StreamName": stream},
            statistic=statistic,
            period=MINUTE,
            label=label,
        )
