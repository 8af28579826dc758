"""How late clips are, and whether checkpoints come: read off what the buckets report.

The buckets tell a queue of each clip and each finished checkpoint, and a Lambda turns a hundred at
a time into metrics. The job knows nothing of it, so it is measured even while the job is ill.
"""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration, Stack, aws_iam, aws_lambda_event_sources, aws_s3, aws_sqs
from constructs import Construct

from infrastructure.exceptions import accept
from infrastructure.functions import Function
from infrastructure.handlers import METER, METER_CODE, code
from infrastructure.stage import Stage
from infrastructure.stored import Stored

BATCH = 100
BATCH_WAIT_S = 5
CREATED = "s3:ObjectCreated:*"


def state_bucket_name(stage: Stage, account: str) -> str:
    """The account is in it because no protocol names this bucket, and names are the world's."""
    return f"flink-state-{stage.name}-{account}"


class ClipMetering(Construct):
    def __init__(self, scope: Construct, stage: Stage, stored: Stored) -> None:
        super().__init__(scope, "ClipMetering")
        self.queue = aws_sqs.Queue(
            self,
            "Stored",
            encryption=aws_sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.hours(1),  # later than that it is history
            visibility_timeout=Duration.seconds(6 * METER.timeout_s),
        )
        accept(
            self.queue,
            {"AwsSolutions-SQS3": "A lost measurement is not worth a second queue."},
        )
        names = (stage.names.clip_bucket, state_bucket_name(stage, Stack.of(self).account))
        self.queue.add_to_resource_policy(
            aws_iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                principals=[aws_iam.ServicePrincipal("s3.amazonaws.com")],
                conditions={
                    "ArnEquals": {
                        "aws:SourceArn": [
                            Stack.of(self).format_arn(
                                service="s3", region="", account="", resource=name
                            )
                            for name in names
                        ]
                    },
                    "StringEquals": {"aws:SourceAccount": Stack.of(self).account},
                },
            )
        )
        self.function = Function(self, METER, stage, code(METER_CODE))
        self.function.function.add_environment("METRICS_NAMESPACE", stage.metrics)
        self.function.live.add_event_source(
            aws_lambda_event_sources.SqsEventSource(
                self.queue,
                batch_size=BATCH,
                max_batching_window=Duration.seconds(BATCH_WAIT_S),
                max_concurrency=50,
            )
        )
        stored.clips.node.add_dependency(self.queue)
        report(stored.clips, self.queue, suffix=".mp3")


def report(bucket: aws_s3.Bucket, queue: aws_sqs.IQueue, *, suffix: str) -> None:
    """By CloudFormation alone: CDK's own way would add a Lambda that sets this up."""
    resource = cast("aws_s3.CfnBucket", bucket.node.default_child)
    kind = aws_s3.CfnBucket
    resource.notification_configuration = kind.NotificationConfigurationProperty(
        queue_configurations=[
            kind.QueueConfigurationProperty(
                event=CREATED,
                queue=queue.queue_arn,
                filter=kind.NotificationFilterProperty(
                    s3_key=kind.S3KeyFilterProperty(
                        rules=[kind.FilterRuleProperty(name="suffix", value=suffix)]
                    )
                ),
            )
        ]
    )
