"""What is stored: named and shaped as the code has it, private, not for longer than promised."""

from __future__ import annotations

import re
from typing import Any

import pytest

from connectors.amazon.layout import EXPIRES_AT, KEEP_TAG, STORED_DAYS, Table, tables
from infrastructure.tests.written import ROOT, Templates
from schemas.names import Names

pytestmark = pytest.mark.contract


def key_schema(table: Table) -> list[dict[str, str]]:
    keys = [{"AttributeName": table.partition.name, "KeyType": "HASH"}]
    if table.sort is not None:
        keys.append({"AttributeName": table.sort.name, "KeyType": "RANGE"})
    return keys


def buckets(templates: Templates) -> dict[Any, dict[str, Any]]:
    return {
        bucket["BucketName"]: bucket
        for bucket in templates.resources("AWS::S3::Bucket").values()
        if isinstance(bucket.get("BucketName"), str)
    }


def test_every_table_of_the_code_is_there_as_the_code_has_it(templates: Templates) -> None:
    made = {one["TableName"]: one for one in templates.resources("AWS::DynamoDB::Table").values()}
    wanted = {table.name: table for table in tables(Names(templates.stage))}
    assert set(made) == set(wanted)
    for name, table in wanted.items():
        found = made[name]
        assert found["KeySchema"] == key_schema(table)
        assert found["TimeToLiveSpecification"] == {"AttributeName": EXPIRES_AT, "Enabled": True}
        assert found["BillingMode"] == "PAY_PER_REQUEST"
        assert found["SSESpecification"] == {"SSEEnabled": True}
        types = {
            one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]
        }
        keys = [table.partition, *([table.sort] if table.sort else [])]
        keys += [key for pair in table.indexes.values() for key in pair]
        assert types == {key.name: key.type for key in keys}


def test_the_listeners_index_has_every_attribute(templates: Templates) -> None:
    indexes = [
        (one["TableName"], index["IndexName"], index["KeySchema"], index["Projection"])
        for one in templates.resources("AWS::DynamoDB::Table").values()
        for index in one.get("GlobalSecondaryIndexes", ())
    ]
    assert indexes == [
        (
            f"Connections-{templates.stage}",
            "sessionId-targetLanguage-index",
            [
                {"AttributeName": "sessionId", "KeyType": "HASH"},
                {"AttributeName": "targetLanguage", "KeyType": "RANGE"},
            ],
            {"ProjectionType": "ALL"},
        )
    ]


def test_streams_are_on_demand_for_a_day_and_encrypted(templates: Templates) -> None:
    streams = templates.resources("AWS::Kinesis::Stream").values()
    names = Names(templates.stage)
    assert {one["Name"] for one in streams} == {names.audio_stream, names.dead_letter_stream}
    for one in streams:
        assert one["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
        assert one["RetentionPeriodHours"] == 24
        assert one["StreamEncryption"]["EncryptionType"] == "KMS"


def test_letters_and_chunks_are_kept_for_a_day(templates: Templates) -> None:
    names = Names(templates.stage)
    found = buckets(templates)
    (rule,) = found[names.audio_bucket]["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (STORED_DAYS, "Enabled")
    assert "Prefix" not in rule


def test_what_a_new_jobmanager_begins_from_never_expires(templates: Templates) -> None:
    """Flink writes it once, when a job is submitted, and reads it when a JobManager has died."""
    (state,) = templates.resources("AWS::S3::Bucket", "LiveTranslation").values()
    rules = state["LifecycleConfiguration"]["Rules"]
    assert {rule.get("Prefix") for rule in rules} == {"checkpoints/", "savepoints/"}
    job = (ROOT / "docker" / "kubernetes" / "job.yaml").read_text()
    kept = re.findall(r"(\S+): s3://[^/]+/(\S+)", job)
    assert dict(kept) == {
        "high-availability.storageDir": "high-availability",
        "state.checkpoints.dir": "checkpoints",
        "state.savepoints.dir": "savepoints",
    }


def test_clips_are_kept_for_as_long_as_their_tag_says(templates: Templates) -> None:
    bucket = buckets(templates)[Names(templates.stage).clip_bucket]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert {rule["Status"] for rule in rules} == {"Enabled"}
    by_tag = {
        rule["TagFilters"][0]["Value"] if "TagFilters" in rule else None: rule["ExpirationInDays"]
        for rule in rules
    }
    assert by_tag == {"0": 1, "1": 1, "7": 7, "30": 30, None: 31}
    assert {rule["TagFilters"][0]["Key"] for rule in rules if "TagFilters" in rule} == {KEEP_TAG}


def test_no_bucket_is_public_unencrypted_or_reached_without_tls(templates: Templates) -> None:
    found = templates.resources("AWS::S3::Bucket")
    assert found
    for bucket in found.values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    policies = templates.resources("AWS::S3::BucketPolicy")
    assert len(policies) == len(found)
    for policy in policies.values():
        assert any(
            one["Effect"] == "Deny"
            and one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            and one["Principal"] == {"AWS": "*"}
            for one in policy["PolicyDocument"]["Statement"]
        )


def test_pages_may_fetch_clips_and_nothing_else(templates: Templates) -> None:
    with_cors = {
        name for name, bucket in buckets(templates).items() if "CorsConfiguration" in bucket
    }
    assert with_cors == {Names(templates.stage).clip_bucket}


def test_production_keeps_its_data_when_a_stack_goes(
    production: Templates, development: Templates
) -> None:
    def kept(templates: Templates) -> set[str]:
        return {
            resource["DeletionPolicy"]
            for _stack, _id, resource in templates.all()
            if resource["Type"] == "AWS::DynamoDB::Table"
        }

    assert kept(production) == {"Retain"}
    assert kept(development) == {"Delete"}
