"""What each part may do on AWS: each action that its code calls, on the resources it is called on.

A test compares the actions with the calls in ``connectors/amazon/``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Aws, aws_iam

from infrastructure.exceptions import accept, wildcard
from infrastructure.stage import MODEL, Stage
from infrastructure.stored import Stored
from schemas.names import LISTENERS_INDEX

ROWS = (
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)
SCANNED = ("dynamodb:Scan",)
READ_STREAM = (
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
FAN_OUT = (
    "kinesis:DescribeStreamConsumer",
    "kinesis:RegisterStreamConsumer",
    "kinesis:SubscribeToShard",
)
SPEECH = (
    "polly:SynthesizeSpeech",
    "transcribe:StartStreamTranscription",
    "translate:TranslateText",
)
MODELS = ("bedrock:InvokeModel",)
"""What Converse asks for."""
TRACES = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")
CONNECT = ("kinesisvideo:ConnectAsMaster", "kinesisvideo:ConnectAsViewer")
CHANNELS = (
    "kinesisvideo:CreateSignalingChannel",
    "kinesisvideo:DeleteSignalingChannel",
    "kinesisvideo:DescribeSignalingChannel",
    "kinesisvideo:GetIceServerConfig",
    "kinesisvideo:GetSignalingChannelEndpoint",
)
VIEWER = ("kinesisvideo:ConnectAsViewer",)


@dataclass(frozen=True, slots=True)
class Access:
    """Statements for a role, and why they may say "any": by finding of cdk-nag."""

    statements: tuple[aws_iam.PolicyStatement, ...]
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])

    def give(self, role: aws_iam.Role) -> None:
        for statement in self.statements:
            role.add_to_policy(statement)
        accept(role, self.reasons)


def allow(actions: Sequence[str], *resources: str) -> aws_iam.PolicyStatement:
    return aws_iam.PolicyStatement(actions=list(actions), resources=list(resources))


def to_any(actions: Sequence[str], pattern: str, reason: str) -> Access:
    """``pattern``: an ARN with ``*``, and ``{partition}`` and ``{account}`` for those."""
    arn = pattern.format(partition=Aws.PARTITION, account=Aws.ACCOUNT_ID)
    shown = pattern.format(partition="<AWS::Partition>", account="<AWS::AccountId>")
    return Access((allow(actions, arn),), {wildcard(shown): reason})


def clips(actions: Sequence[str], stage: Stage) -> Access:
    pattern = f"arn:{{partition}}:s3:::{stage.names.clip_bucket}/sessions/*"
    return to_any(actions, pattern, "A clip is named when it is made.")


def channels(actions: Sequence[str], stage: Stage) -> Access:
    """Of every session: ``session-{sessionId}`` and when it was created."""
    pattern = f"arn:{{partition}}:kinesisvideo:{stage.region}:{{account}}:channel/session-*/*"
    return to_any(actions, pattern, "A channel is named when its session is created.")


def signaling_role_name(stage: Stage) -> str:
    """Known before it exists: the gateway, which takes it on, is deployed first."""
    return f"live-translation-signaling-{stage.name}"


def signaling_role_arn(stage: Stage) -> str:
    return f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{signaling_role_name(stage)}"


def with_channels(stage: Stage) -> tuple[Access, ...]:
    """Of the part of the gateway that opens sessions: make their channels, hand out keys."""
    return (
        channels(CHANNELS, stage),
        Access((allow(("sts:AssumeRole",), signaling_role_arn(stage)),)),
    )


IN_A_VPC = Access(
    (
        allow(
            (
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
            ),
            "*",
        ),
    ),
    {wildcard("*"): "A Lambda's network interfaces are named when they are made."},
)


def gateway(stored: Stored, stage: Stage) -> tuple[Access, ...]:
    """Of what takes audio and tells listeners: the Lambdas, or the gateway as a server."""
    names, tables = stage.names, stored.tables
    connections = tables[names.connections_table].table_arn
    sessions = tables[names.sessions_table].table_arn
    kept = (
        names.listener_counts_table,
        names.rate_limits_table,
        names.utterances_table,
        names.rooms_table,
    )
    bus = f"arn:{Aws.PARTITION}:events:{stage.region}:{Aws.ACCOUNT_ID}:event-bus/default"
    rows = allow(
        ROWS,
        connections,
        sessions,
        f"{connections}/index/{LISTENERS_INDEX}",
        *(tables[name].table_arn for name in kept),
    )
    return (
        Access(
            (
                rows,
                allow(SCANNED, connections, sessions),  # the sweeper: what ended without a word
                allow(("kinesis:PutRecord", "kinesis:PutRecords"), stored.audio.stream_arn),
                allow(("events:PutEvents",), bus),
            )
        ),
        # Of a clip that is not there (yet) S3 says so to those alone who may list its bucket.
        Access((allow(("s3:ListBucket",), stored.trail.bucket_arn, stored.clips.bucket_arn),)),
        to_any(
            ("s3:GetObject",),
            f"arn:{{partition}}:s3:::{names.audio_bucket}/dead-letters/*",
            "Operators read the newest dead letters.",
        ),
        # What it signs for a page, the page may do: read one clip.
        clips(("s3:GetObject",), stage),
    )


def erasure(stored: Stored, stage: Stage) -> tuple[Access, ...]:
    """Of the parts of the gateway that delete a talk: for its organiser, and once more later. Its
    rows are among those that every part may change, its clips' names among those that it lists."""
    trail = f"arn:{{partition}}:s3:::{stage.names.audio_bucket}"
    reason = "What a deleted talk left behind is named by the talk."
    return (
        clips(("s3:DeleteObject",), stage),
        to_any(("s3:DeleteObject",), f"{trail}/dead-letters/*", reason),
        to_any(("s3:DeleteObject",), f"{trail}/sessions/*", reason),
    )


def model(stage: Stage) -> tuple[Access, ...]:
    """Of the job, where a language model translates: that model, and no other. An inference profile
    hands calls on to its model in regions of its choice, and only by it the role may come there."""
    named = MODEL.fullmatch(stage.bedrock_model or "")
    if named is None:
        return ()
    bedrock = f"arn:{Aws.PARTITION}:bedrock:{stage.region}"
    geography = named["profile"]
    if geography is None:
        return (Access((allow(MODELS, f"{bedrock}::foundation-model/{named[0]}"),)),)
    profile = f"{bedrock}:{Aws.ACCOUNT_ID}:inference-profile/{named[0]}"
    reached = to_any(
        MODELS,
        f"arn:{{partition}}:bedrock:*::foundation-model/{named[0].removeprefix(f'{geography}.')}",
        "An inference profile chooses the region.",
    )
    reached.statements[0].add_condition("StringEquals", {"bedrock:InferenceProfileArn": profile})
    return (Access((allow(MODELS, profile),)), reached)


def job(stored: Stored, stage: Stage) -> tuple[Access, ...]:
    """Of the pipeline's workers, posts to connections apart."""
    names, tables = stage.names, stored.tables
    connections = tables[names.connections_table].table_arn
    rows = (
        allow(("dynamodb:GetItem",), tables[names.sessions_table].table_arn),
        allow(("dynamodb:Query",), f"{connections}/index/{LISTENERS_INDEX}"),
        allow(("dynamodb:DeleteItem",), connections),  # those that are gone
        allow(
            ("dynamodb:GetItem", "dynamodb:UpdateItem"),
            tables[names.listener_counts_table].table_arn,
        ),
        allow(
            ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
            tables[names.utterances_table].table_arn,
        ),
        allow(
            ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
            tables[names.positions_table].table_arn,
        ),
    )
    consumers = (
        f"arn:{{partition}}:kinesis:{stage.region}:{{account}}:"
        f"stream/{names.audio_stream}/consumer/*"
    )
    letters = f"arn:{{partition}}:s3:::{names.audio_bucket}/dead-letters/*"
    return (
        Access(
            (
                *rows,
                allow((*READ_STREAM, *FAN_OUT), stored.audio.stream_arn),
                allow(("kinesis:PutRecord",), stored.dead_letters.stream_arn),
                allow(SPEECH, "*"),
                allow(TRACES, "*"),  # of the collector beside the workers, which has their role
            ),
            {wildcard("*"): "Polly, Translate, Transcribe's streams, X-Ray know no resources."},
        ),
        to_any(FAN_OUT, consumers, "A consumer is named by the job."),
        clips(("s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"), stage),
        to_any(("s3:PutObject",), letters, "A dead letter is named when it is written."),
    )
