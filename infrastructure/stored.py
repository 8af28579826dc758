"""Streams, tables and buckets of a stage, as the code names and shapes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, RemovalPolicy, aws_dynamodb, aws_kinesis, aws_s3
from constructs import Construct

from connectors.amazon import layout as layout
from infrastructure.exceptions import accept
from infrastructure.stage import LOG_FILES_KEPT_DAYS, Stage

_ATTRIBUTE_TYPES = {
    "S": aws_dynamodb.AttributeType.STRING,
    "N": aws_dynamodb.AttributeType.NUMBER,
}


def attribute(key: layout.Key) -> aws_dynamodb.Attribute:
    return aws_dynamodb.Attribute(name=key.name, type=_ATTRIBUTE_TYPES[key.type])


def stream(scope: Construct, name: str, stream_name: str) -> aws_kinesis.Stream:
    """On demand, for a day, encrypted with Amazon's own key."""
    return aws_kinesis.Stream(
        scope,
        name,
        stream_name=stream_name,
        stream_mode=aws_kinesis.StreamMode.ON_DEMAND,
        retention_period=Duration.hours(24),
        encryption=aws_kinesis.StreamEncryption.MANAGED,
        removal_policy=RemovalPolicy.DESTROY,
    )


def table(scope: Construct, shape: layout.Table, stage: Stage) -> aws_dynamodb.Table:
    made = aws_dynamodb.Table(
        scope,
        shape.name.removesuffix(f"-{stage.name}"),
        table_name=shape.name,
        partition_key=attribute(shape.partition),
        sort_key=None if shape.sort is None else attribute(shape.sort),
        billing_mode=aws_dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=aws_dynamodb.TableEncryption.AWS_MANAGED,
        point_in_time_recovery_specification=aws_dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute=layout.EXPIRES_AT,
        removal_policy=stage.removal,
    )
    for name, (partition, sort) in shape.indexes.items():
        made.add_global_secondary_index(
            index_name=name, partition_key=attribute(partition), sort_key=attribute(sort)
        )
    return made


def log_bucket(scope: Construct, *, is_for_cloudfront: bool = False) -> aws_s3.Bucket:
    """Where it is written who fetched or did what. CloudFront still writes by lists of S3."""
    made = aws_s3.Bucket(
        scope,
        "AccessLogs",
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        encryption=aws_s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        object_ownership=aws_s3.ObjectOwnership.BUCKET_OWNER_PREFERRED
        if is_for_cloudfront
        else aws_s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        lifecycle_rules=[
            aws_s3.LifecycleRule(id="expire", expiration=Duration.days(LOG_FILES_KEPT_DAYS))
        ],
        removal_policy=RemovalPolicy.DESTROY,
    )
    accept(made, {"AwsSolutions-S1": "It holds the others' access logs; its own would never end."})
    return made


def bucket(
    scope: Construct,
    name: str,
    logs: aws_s3.Bucket,
    stage: Stage,
    *,
    bucket_name: str | None = None,
    kept_days: int | None = layout.STORED_DAYS,
    kept_days_by_tag: Mapping[int | None, int] | None = None,
    expires_under: Sequence[str] = (),
    fetched_by_pages: bool = False,
) -> aws_s3.Bucket:
    """Private, encrypted, TLS only. ``kept_days`` None: until it is deleted by hand;
    ``kept_days_by_tag``: by the value of a clip's tag instead. ``expires_under``: nothing else
    expires; empty: everything does.

    ``fetched_by_pages``: pages on any origin may read what a signed link leads to.
    """
    return aws_s3.Bucket(
        scope,
        name,
        bucket_name=bucket_name,
        block_public_access=aws_s3.BlockPublicAccess.BLOCK_ALL,
        encryption=aws_s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        server_access_logs_bucket=logs,
        server_access_logs_prefix=f"{name}/",
        lifecycle_rules=[
            _expiry(tag, days, under)
            for tag, days in (kept_days_by_tag or {None: kept_days}).items()
            if days is not None
            for under in expires_under or (None,)
        ],
        cors=[
            aws_s3.CorsRule(
                allowed_methods=[aws_s3.HttpMethods.GET], allowed_origins=["*"], max_age=3600
            )
        ]
        if fetched_by_pages
        else None,
        removal_policy=stage.removal,
    )


def _expiry(tag: int | None, days: int, under: str | None) -> aws_s3.LifecycleRule:
    if tag is not None:
        return aws_s3.LifecycleRule(
            id=f"expire-{layout.KEEP_TAG}-{tag}",
            expiration=Duration.days(days),
            tag_filters={layout.KEEP_TAG: str(tag)},
        )
    return aws_s3.LifecycleRule(
        id="expire" if under is None else f"expire-{under.rstrip('/')}",
        prefix=under,
        expiration=Duration.days(days),
        abort_incomplete_multipart_upload_after=Duration.days(1),
    )


class Stored(Construct):
    """``tables`` by the names that the code knows them by."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "Stored")
        names = stage.names
        self.audio = stream(self, "Audio", names.audio_stream)
        self.dead_letters = stream(self, "DeadLetters", names.dead_letter_stream)
        self.tables: Mapping[str, aws_dynamodb.Table] = {
            shape.name: table(self, shape, stage) for shape in layout.tables(names)
        }
        self.logs = log_bucket(self)
        self.clips = bucket(
            self,
            "Clips",
            self.logs,
            stage,
            bucket_name=names.clip_bucket,
            kept_days_by_tag=layout.clip_expiry_days(),
            fetched_by_pages=True,
        )
        self.trail = bucket(self, "Trail", self.logs, stage, bucket_name=names.audio_bucket)
