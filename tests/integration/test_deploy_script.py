"""``make deploy``, read before it is run: its commands, their order, the manifests it writes."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.integration.operator_scripts import ROOT, Aws, script

pytestmark = pytest.mark.integration


@pytest.fixture
def aws(tmp_path: Path) -> Aws:
    return Aws(tmp_path)


@pytest.mark.parametrize(
    ("upgrade", "order"),
    [
        ("", ["Images-dev", "docker/gateway", "KVSWebRTC-dev", "s3 sync", "job-jar", "kustomize"]),
        ("1", ["Images-dev", "job-jar", "kustomize", "=RUNNING", "KVSWebRTC-dev", "s3 sync"]),
    ],
)
async def test_a_deployment_can_be_read_before_it_is_run(upgrade: str, order: list[str]) -> None:
    """Where a job runs, it goes first: it reads what gateways of before it write. Alarms come last,
    when there are checkpoints."""
    environment = {"ALARM_EMAIL": "on-call@example.com", "UPGRADE": upgrade}
    ran = await script("deploy.sh", "dev", DRY_RUN="1", **environment)
    assert ran.code == 0, ran.err
    commands = [line.removeprefix("+ ") for line in ran.out.splitlines() if line.startswith("+ ")]
    found = [next(n for n, one in enumerate(commands) if part in one) for part in order]
    assert found == sorted(found)
    assert "deploy --require-approval never Operations-dev " in commands[-2]
    assert sum("Operations-dev" in one for one in commands) == 1
    assert all("alarmEmail=on-call@example.com" in one for one in commands if "aws-cdk" in one)
    assert ran.last.startswith("deploy: dev is at ")


async def test_what_runs_an_image_is_told_of_it_by_its_digest() -> None:
    """A tag would stay the same, and with it what runs: the operator and ECS look at the name."""
    ran = await script("deploy.sh", "dev", DRY_RUN="1")
    lines = ran.out.splitlines()
    (overlay,) = (line for line in lines if "write-overlay.sh" in line)
    assert len(re.findall(r"@sha256:[0-9a-f]{64}\b", overlay)) == 2
    (worker,) = (line for line in lines if "KVSWebRTC-dev" in line)
    assert re.search(r"-c gatewayImage=sha256:[0-9a-f]{64}\b", worker)
    built = [line for line in lines if line.startswith("+ docker build")]
    assert len(built) == 3
    assert all(" --platform linux/amd64 " in line for line in built)


async def test_the_new_job_is_waited_for_and_not_the_one_of_before() -> None:
    ran = await script("deploy.sh", "dev", DRY_RUN="1", UPGRADE="1")
    waited = [line for line in ran.out.splitlines() if "live-translation wait" in line]
    assert [line.partition("--for=jsonpath=")[2].partition("=")[0] for line in waited] == [
        "{.status.observedGeneration}",
        "{.status.lifecycleState}",
        "{.status.jobStatus.state}",
    ]


async def test_the_operator_is_the_one_that_the_manifests_are_checked_against() -> None:
    versions = tomllib.loads((ROOT / "versions.toml").read_text())
    ran = await script("deploy.sh", "dev", DRY_RUN="1")
    assert f"/flink-kubernetes-operator-{versions['flink_operator']}/ " in ran.out


@pytest.mark.parametrize(
    ("caller", "role"),
    [
        ("arn:aws:iam::1:user/ada", "arn:aws:iam::1:user/ada"),
        ("arn:aws:sts::1:assumed-role/Admin/ada@example.com", "arn:aws:iam::1:role/sso/Admin"),
    ],
)
async def test_who_deploys_is_let_into_the_cluster(aws: Aws, caller: str, role: str) -> None:
    """CloudFormation makes it, so nobody else would be. A session is no principal of IAM."""
    for program in ("docker", "kubectl", "helm"):
        (aws.folder / program).symlink_to("/bin/false")
    npx = aws.folder / "npx"
    npx.write_text('#!/bin/sh\necho "$*" >> "$AWS_CALLS"\nexit 3\n')
    npx.chmod(0o755)
    answers = {
        "sts get-caller-identity*": caller,
        "iam get-role --role-name Admin *": "arn:aws:iam::1:role/sso/Admin",
    }
    ran = await aws.script("deploy.sh", "dev", answers=answers, OPERATORS_CIDR="203.0.113.7/32")
    assert ran.code == 3, ran.err
    assert f"-c operatorsCidr=203.0.113.7/32 -c operatorsRole={role}" in aws.calls[-1]


async def test_without_a_way_to_the_cluster_nothing_is_begun() -> None:
    ran = await script("deploy.sh", "dev", DRY_RUN="", OPERATORS_CIDR="")
    assert (ran.code, ran.out) == (2, "")
    assert "OPERATORS_CIDR is not set" in ran.err


async def test_the_job_takes_more_options() -> None:
    """They come last, where Beam lets them win."""
    ran = await script("deploy.sh", "dev", DRY_RUN="1", JOB_OPTIONS="--readers=8 --parallelism=8")
    (jar,) = (line for line in ran.out.splitlines() if "job-jar" in line)
    assert jar.endswith(" --readers=8 --parallelism=8")


async def test_a_model_that_translates_is_named_to_its_role_and_to_the_job() -> None:
    ran = await script("deploy.sh", "dev", DRY_RUN="1", BEDROCK_MODEL="eu.amazon.nova-lite-v1:0")
    assert ran.code == 0, ran.err
    (jar,) = (line for line in ran.out.splitlines() if "job-jar" in line)
    assert "--translation=bedrock --bedrock_model=eu.amazon.nova-lite-v1:0 " in jar
    assert "--translation_fallback=amazon" in jar
    deployed = [line for line in ran.out.splitlines() if "LiveTranslation-dev" in line]
    assert deployed
    assert all("-c bedrockModel=eu.amazon.nova-lite-v1:0" in line for line in deployed)


@pytest.mark.parametrize("stage", ["", "Prod", "a b", "x", "dev;ls"])
async def test_a_stage_with_an_impossible_name_is_not_deployed(stage: str) -> None:
    ran = await script("deploy.sh", stage, DRY_RUN="1")
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.skipif(
    subprocess.run(["bash", "-c", "command -v kubectl"], capture_output=True).returncode != 0,
    reason="kubectl is not installed",
)
async def test_the_overlay_puts_a_stages_names_into_the_manifests() -> None:
    images = ("repo/job@sha256:1", "repo/pool@sha256:2")
    ran = await script("write-overlay.sh", "try", "state-1", *images)
    assert ran.code == 0, ran.err
    process = await asyncio.create_subprocess_exec(
        *("kubectl", "kustomize", ran.last), stdout=asyncio.subprocess.PIPE
    )
    written = (await process.communicate())[0].decode()
    assert process.returncode == 0
    assert all(f"image: {image}\n" in written for image in images)
    assert set(re.findall(r"s3://([^/]+)/", written)) == {"state-1"}
    assert "role-arn" not in written
    found = list(yaml.safe_load_all(written))
    assert [one for one in found if one["metadata"]["name"] == "gateway"] == []
    (job,) = (one for one in found if one["kind"] == "FlinkDeployment")
    pod = job["spec"]["taskManager"]["podTemplate"]["spec"]
    assert [one["name"] for one in pod["containers"]][1:] == ["worker-pool", "collector"]
    # Nobody makes a secret there: a pod that wants one would wait for it.
    assert pod["volumes"] == [{"name": "tmp", "emptyDir": {}}]
    assert [one["name"] for one in pod["containers"][1]["volumeMounts"]] == ["tmp"]
