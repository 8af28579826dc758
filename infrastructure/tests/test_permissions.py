"""Nobody may do more than its code does, and everybody what its code does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure.tests.written import ROOT, Templates, write_templates

pytestmark = pytest.mark.contract

CALL = re.compile(r"(?:await|=|,|return)\s+(dynamodb|kinesis|s3|bus|sts|client)\.(\w+)\(")
SERVICES = {
    "dynamodb": "dynamodb",
    "kinesis": "kinesis",
    "s3": "s3",
    "bus": "events",
    "sts": "sts",
}
OF_ONE_MODULE = {
    "signaling_channels.py": "kinesisvideo",
    "speech_synthesis.py": "polly",
    "translation.py": "translate",
    "transcribe_wire.py": "transcribe",
}
"""Where a service's client is just called ``client``."""
S3_ACTIONS = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket"}
SETS_UP = {"resources.py"}
"""For local clouds only."""
OF_THE_JOB_ALONE = {
    "shard_source.py",
    "fan_out_source.py",
    "positions.py",
    "dead_letters.py",
    "speech_synthesis.py",
    "translation.py",
    "transcribe_wire.py",
}
OF_THE_GATEWAY_ALONE = {
    "record_sink.py",
    "session_events.py",
    "signaling_channels.py",
    "dead_letter_archive.py",
    "document_store.py",
    "erasure.py",
    "room_tables.py",
}
KNOW_NO_RESOURCES = {
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ecr:GetAuthorizationToken",
    "polly:SynthesizeSpeech",
    "transcribe:StartStreamTranscription",
    "translate:TranslateText",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def as_list(one: Any) -> list[Any]:
    return one if isinstance(one, list) else [one]


def statements(templates: Templates) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of every role's own policies; a key's and a bucket's say who may come to them."""
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for name, policy in templates.resources(kind).items():
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def actions_of(templates: Templates, fragment: str) -> set[str]:
    found = {
        action
        for name, statement in statements(templates)
        if fragment in name
        for action in as_list(statement["Action"])
    }
    assert found, fragment
    return found


def calls(modules: set[str]) -> set[str]:
    """Actions of IAM that the calls in these modules of ``connectors.amazon`` need."""
    found: set[str] = set()
    for name in modules:
        for client, method in CALL.findall((ROOT / "connectors" / "amazon" / name).read_text()):
            service = SERVICES.get(client) or OF_ONE_MODULE.get(name)
            if service is None or method == "close" or method.startswith("generate_"):
                continue
            action = "".join(part.capitalize() for part in method.split("_"))
            if service == "s3":
                action = S3_ACTIONS.get(action, action)
            found.add(f"{service}:{action}")
    return found


def modules() -> set[str]:
    return {file.name for file in (ROOT / "connectors" / "amazon").glob("*.py")} - SETS_UP


def test_calls_are_found_in_the_code() -> None:
    assert {"kinesis:SubscribeToShard", "dynamodb:UpdateItem", "events:PutEvents"} <= calls(
        modules()
    )


def test_the_job_may_do_all_that_its_code_does(templates: Templates) -> None:
    wanted = calls(modules() - OF_THE_GATEWAY_ALONE)
    # The rest of the session tables' calls are the gateway's: sessions, sweeping, rate limits.
    wanted -= {"dynamodb:Scan"}
    assert wanted <= actions_of(templates, "JobRole")


@pytest.mark.parametrize(
    ("table", "module"),
    [("Positions", "positions.py"), ("Utterances", "ledger.py")],
)
def test_the_job_may_do_it_on_the_very_table(templates: Templates, table: str, module: str) -> None:
    """An action that is allowed on another table only would pass the test above."""
    allowed = {
        action
        for name, statement in statements(templates)
        if "JobRole" in name and f"Stored{table}" in str(statement["Resource"])
        for action in as_list(statement["Action"])
    }
    assert allowed == calls({module})


@pytest.mark.parametrize(
    "role", ["sessionwebsocket", "sessionhttp", "sessionsweeper", "WorkerRole"]
)
def test_a_clip_that_is_not_there_is_told_from_one_that_may_not_be_seen(
    templates: Templates, role: str
) -> None:
    """S3 answers 404 to those who may list the bucket, and 403 to all others."""
    listed = [
        str(statement["Resource"])
        for name, statement in statements(templates)
        if role in name and "s3:ListBucket" in as_list(statement["Action"])
    ]
    assert "StoredClips" in "".join(listed)


@pytest.mark.parametrize("role", ["sessionwebsocket", "sessionhttp"])
def test_the_gateway_may_do_all_that_its_code_does(templates: Templates, role: str) -> None:
    # What it takes of the clips' store is looking and signing; the job stores them.
    wanted = calls(modules() - OF_THE_JOB_ALONE) - {"s3:PutObject"}
    if role == "sessionwebsocket":
        wanted -= {"s3:DeleteObject"}  # talks are deleted over HTTP, and by the sweeper
    assert wanted <= actions_of(templates, role)


def test_nobody_may_do_everything(templates: Templates) -> None:
    for name, statement in statements(templates):
        for action in as_list(statement["Action"]):
            service, _, what = action.partition(":")
            assert what != "*", f"{name}: {action}"
            assert service != "*", f"{name}: {action}"


def test_any_resource_is_only_for_what_knows_none(templates: Templates) -> None:
    for name, statement in statements(templates):
        if "*" in as_list(statement["Resource"]):
            assert set(as_list(statement["Action"])) <= KNOW_NO_RESOURCES, name


def test_what_was_said_is_deleted_by_who_deletes_talks_and_nobody_else(
    templates: Templates,
) -> None:
    deleting: set[str] = set()
    for name, statement in statements(templates):
        actions = set(as_list(statement["Action"]))
        if "s3:DeleteObject" in actions and "flink-state" not in str(statement["Resource"]):
            assert actions == {"s3:DeleteObject"}, name
            assert str(statement["Resource"]).count("*") == 1
            deleting.add(name)
        assert not actions & {"s3:DeleteBucket", "dynamodb:DeleteTable", "kinesis:DeleteStream"}
    assert len(deleting) == 2
    assert all("http" in name.lower() or "sweeper" in name.lower() for name in deleting), deleting


def test_keys_for_a_channel_open_channels_and_nothing_else(templates: Templates) -> None:
    assert actions_of(templates, "Signaling") == {
        "kinesisvideo:ConnectAsMaster",
        "kinesisvideo:ConnectAsViewer",
    }
    (role,) = (
        one
        for name, one in templates.resources("AWS::IAM::Role", "KVSWebRTC").items()
        if "Signaling" in name
    )
    trusted = [one["Principal"]["AWS"] for one in role["AssumeRolePolicyDocument"]["Statement"]]
    assert len(trusted) == 2
    assert all("session" in str(one) for one in trusted)


def test_no_lambda_reads_audio_back(templates: Templates) -> None:
    for role in ("sessionwebsocket", "sessionhttp", "sessionsweeper", "sessionauthorizer"):
        assert not actions_of(templates, role) & {"kinesis:GetRecords", "kinesis:SubscribeToShard"}


def models_allowed(templates: Templates) -> list[dict[str, Any]]:
    return [
        statement
        for name, statement in statements(templates)
        if any(action.startswith("bedrock:") for action in as_list(statement["Action"]))
        and "JobRole" in name
    ]


def test_no_model_may_be_asked_where_none_translates(templates: Templates) -> None:
    assert "bedrock:" not in json.dumps(templates.by_stack)


def test_the_job_may_ask_the_model_that_translates_and_no_other(tmp_path: Path) -> None:
    written = write_templates("dev", tmp_path, bedrockModel="amazon.nova-lite-v1:0")
    assert models_allowed(written) == [
        {
            "Action": "bedrock:InvokeModel",
            "Effect": "Allow",
            "Resource": arn(":bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"),
        }
    ]


def test_an_inference_profile_is_asked_and_its_model_by_it_alone(tmp_path: Path) -> None:
    written = write_templates("dev", tmp_path, bedrockModel="us.amazon.nova-lite-v1:0")
    profile = arn(
        ":bedrock:us-east-1:",
        {"Ref": "AWS::AccountId"},
        ":inference-profile/us.amazon.nova-lite-v1:0",
    )
    assert models_allowed(written) == [
        {"Action": "bedrock:InvokeModel", "Effect": "Allow", "Resource": profile},
        {
            "Action": "bedrock:InvokeModel",
            "Condition": {"StringEquals": {"bedrock:InferenceProfileArn": profile}},
            "Effect": "Allow",
            "Resource": arn(":bedrock:*::foundation-model/amazon.nova-lite-v1:0"),
        },
    ]


def arn(*rest: Any) -> dict[str, Any]:
    return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, *rest]]}
