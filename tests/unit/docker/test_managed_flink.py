"""What the run-book has Amazon's Managed Service for Apache Flink create is what it takes."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from local_stack.flink import ROOT

pytestmark = pytest.mark.unit

APPLICATION: dict[str, Any] = json.loads(
    (ROOT / "docker" / "managed-flink" / "application.json").read_text()
)


def test_the_service_takes_the_application() -> None:
    service = botocore.session.get_session().get_service_model("kinesisanalyticsv2")
    shape = service.operation_model("CreateApplication").input_shape
    report = ParamValidator().validate(APPLICATION, shape)
    assert not report.has_errors(), report.generate_report()
    runtimes = service.shape_for("RuntimeEnvironment").enum
    assert APPLICATION["RuntimeEnvironment"] in runtimes


def test_its_flink_is_the_one_that_jars_are_built_for() -> None:
    versions = tomllib.loads((ROOT / "versions.toml").read_text())
    runtime = f"FLINK-{versions['flink_runner'].replace('.', '_')}"
    assert APPLICATION["RuntimeEnvironment"] == runtime


def test_the_service_does_not_scale_by_itself() -> None:
    """Each change of the parallelism restarts the job: seconds of silence for every listener."""
    flink = APPLICATION["ApplicationConfiguration"]["FlinkApplicationConfiguration"]
    assert flink["ParallelismConfiguration"]["AutoScalingEnabled"] is False
    assert flink["CheckpointConfiguration"]["CheckpointInterval"] == 2000
