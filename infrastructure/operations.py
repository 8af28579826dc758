"""``Operations-{stage}``: what wakes somebody, what they look at, and what was done by whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import (
    RemovalPolicy,
    Stack,
    aws_budgets,
    aws_cloudtrail,
    aws_cloudwatch,
    aws_cloudwatch_actions,
    aws_iam,
    aws_kms,
    aws_sns,
    aws_sns_subscriptions,
    aws_sqs,
)
from constructs import Construct

from infrastructure.dashboard import dashboard
from infrastructure.functions import Function
from infrastructure.kvs_webrtc import KvsWebRtc
from infrastructure.meter.clip_meter import ON_TIME_MS
from infrastructure.metrics import MINUTE, StageMetrics
from infrastructure.objective import BURNS, burn_alarm
from infrastructure.session_http_api import SessionHttpApi
from infrastructure.session_management import SessionManagement
from infrastructure.stage import Stage
from infrastructure.stored import log_bucket

_ABOVE = aws_cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW = aws_cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_FINE = aws_cloudwatch.TreatMissingData.NOT_BREACHING
_BAD = aws_cloudwatch.TreatMissingData.BREACHING


@dataclass(frozen=True, slots=True)
class Trouble:
    """``in_minutes`` of the last five before it rings. ``says``: what it means and where to read
    on. ``silence_is``: what no data at all means."""

    name: str
    metric: aws_cloudwatch.IMetric
    threshold: float
    says: str
    in_minutes: int = 3
    is_too_much: bool = True
    silence_is: aws_cloudwatch.TreatMissingData = _FINE


def troubles(metrics: StageMetrics) -> Iterator[Trouble]:
    yield Trouble(
        "lag", metrics.lag_ms("p95"), ON_TIME_MS, "Clips are late, p95 in ms: run-book, trouble 4"
    )
    yield Trouble(
        "backlog",
        metrics.backlog_ms(),
        15_000,
        "The job reads audio that is old, ms: run-book, trouble 4",
    )
    yield Trouble(
        "dead-letters",
        metrics.dead_letters(),
        0,
        "Something could not be done for good: run-book, trouble 6",
        in_minutes=1,
    )
    yield Trouble(
        "stale-checkpoints",
        metrics.checkpoints(),
        1,
        "No checkpoint was finished: the job is down or cannot write: run-book, trouble 7",
        in_minutes=5,
        is_too_much=False,
        silence_is=_BAD,
    )
    yield Trouble(
        "stream-throttled",
        metrics.stream_throttled(),
        0,
        "Kinesis refuses records for now; the gateway puts them again: run-book, trouble 8",
    )
    for name, refused in (
        ("table-reads", metrics.tables_throttled("Read")),
        ("table-writes", metrics.tables_throttled("Write")),
    ):
        yield Trouble(
            f"{name}-throttled", refused, 0, "DynamoDB refuses calls for now: run-book, trouble 8"
        )
    yield Trouble(
        "speech-throttled",
        metrics.speech_throttled(),
        0,
        "Transcribe or Translate refuses calls: a quota: run-book, trouble 8",
    )
    yield Trouble(
        "upload",
        metrics.upload_success(),
        99,
        "Audio does not become durable, % that did: run-book, trouble 8",
        is_too_much=False,
    )
    yield Trouble(
        "connections",
        metrics.connections_refused(),
        5,
        "The WebSocket API fails to hand on what it is sent: run-book, trouble 9",
    )
    yield Trouble(
        "http-faults",
        metrics.http_faults(),
        5,
        "The HTTP API answers 5xx; sessions may not be created: run-book, trouble 5",
    )


class Operations(Stack):
    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        sessions: SessionManagement,
        http: SessionHttpApi,
        webrtc: KvsWebRtc,
        **options: Any,
    ) -> None:
        super().__init__(scope, f"Operations-{stage.name}", **options)
        self.prefix = f"live-translation-{stage.name}"
        metrics = StageMetrics(stage, sessions, http)
        tell = aws_cloudwatch_actions.SnsAction(self._topic(stage))
        functions = (
            *sessions.functions,
            sessions.metering.function,
            http.http,
            webrtc.relay,
        )
        alarms: list[aws_cloudwatch.AlarmBase] = [
            self._any_fails(functions),
            *(self._alarm(trouble) for trouble in troubles(metrics)),
            self._alarm(_viewers_not_told(webrtc.untold)),
            *(burn_alarm(self, self.prefix, metrics.outcomes(), burn) for burn in BURNS),
        ]
        for alarm in alarms:
            alarm.add_alarm_action(tell)
            alarm.add_ok_action(tell)
        dashboard(self, self.prefix, metrics, functions, alarms)
        self._budget(stage)
        self._audit(stage)

    def _alarm(self, trouble: Trouble) -> aws_cloudwatch.Alarm:
        return aws_cloudwatch.Alarm(
            self,
            f"Alarm-{trouble.name}",
            alarm_name=f"{self.prefix}-{trouble.name}",
            alarm_description=trouble.says,
            metric=trouble.metric,
            threshold=trouble.threshold,
            comparison_operator=_ABOVE if trouble.is_too_much else _BELOW,
            evaluation_periods=5,
            datapoints_to_alarm=trouble.in_minutes,
            treat_missing_data=trouble.silence_is,
        )

    def _any_fails(self, functions: Sequence[Function]) -> aws_cloudwatch.CompositeAlarm:
        """Each has its own alarm, which takes a release back; here they are heard."""
        return aws_cloudwatch.CompositeAlarm(
            self,
            "Lambdas",
            composite_alarm_name=f"{self.prefix}-lambdas",
            alarm_description="A Lambda raises or is throttled: run-book, trouble 9",
            alarm_rule=aws_cloudwatch.AlarmRule.any_of(*(one.failing for one in functions)),
        )

    def _topic(self, stage: Stage) -> aws_sns.Topic:
        key = aws_kms.Key(
            self,
            "AlarmKey",
            description=f"Alarms of {stage.name} on their way",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        key.grant_encrypt_decrypt(aws_iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        topic = aws_sns.Topic(
            self, "Alarms", topic_name=f"{self.prefix}-alarms", master_key=key, enforce_ssl=True
        )
        if stage.alarm_email is not None:
            topic.add_subscription(aws_sns_subscriptions.EmailSubscription(stage.alarm_email))
        return topic

    def _budget(self, stage: Stage) -> None:
        kind = aws_budgets.CfnBudget
        notices = [
            kind.NotificationWithSubscribersProperty(
                notification=kind.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=of,
                    threshold=per_cent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[kind.SubscriberProperty(subscription_type="EMAIL", address=reader)],
            )
            for reader in ([] if stage.alarm_email is None else [stage.alarm_email])
            for of, per_cent in (("ACTUAL", 80), ("FORECASTED", 100))
        ]
        aws_budgets.CfnBudget(
            self,
            "Budget",
            budget=kind.BudgetDataProperty(
                budget_name=self.prefix,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=kind.SpendProperty(amount=stage.monthly_dollars, unit="USD"),
                # Needs the tag to be activated for costs once in the account: see the run-book.
                cost_filters={"TagKeyValue": [f"user:stage${stage.name}"]},
            ),
            notifications_with_subscribers=notices,
        )

    def _audit(self, stage: Stage) -> None:
        """Who changed what on AWS. Not who fetched which clip: that is in the access logs."""
        made = log_bucket(self)
        aws_cloudtrail.Trail(
            self,
            "Audit",
            trail_name=self.prefix,
            bucket=made,
            enable_file_validation=True,
            is_multi_region_trail=False,
            include_global_service_events=stage.region == "us-east-1",
        )


def _viewers_not_told(queue: aws_sqs.Queue) -> Trouble:
    return Trouble(
        "viewers-not-told",
        queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic="Maximum"),
        0,
        "A session has no viewer of its WebRTC channel: run-book, trouble 2",
        in_minutes=1,
    )
