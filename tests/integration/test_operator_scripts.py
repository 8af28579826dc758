"""The operators' scripts: against a gateway here, and a stand-in of AWS's command line."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from connectors.amazon.layout import tables
from connectors.amazon.resources import create_resources
from schemas.names import Names
from tests.conftest import LocalCloud
from tests.integration.gateway.conftest import ISSUER
from tests.integration.operator_scripts import Aws, Ran, script
from tests.kvs_server.world import kvs_world

pytestmark = pytest.mark.integration


@pytest.fixture
def aws(tmp_path: Path) -> Aws:
    return Aws(tmp_path)


@pytest.fixture(scope="module")
def gateway(local_cloud: LocalCloud) -> Iterator[str]:
    """The address of a gateway process over the local cloud, one for this module."""
    settings = local_cloud.settings()
    asyncio.run(create_resources(settings))
    port = free_port()
    command = [
        *(sys.executable, "-m", "ingest_gateway", f"--port={port}", f"--stage={settings.stage}"),
        "--trust-loopback",
        *(f"--aws-endpoint={settings.endpoint_url}", "--languages=any"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"gateway ready")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


class _Well(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        """Quiet."""


@pytest.fixture
def answering() -> Iterator[str]:
    """The address of something that answers 200 to all."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Well) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_gateway_that_works_passes_the_smoke_test(gateway: str) -> None:
    ran = await script("production-smoke-test.sh", gateway)
    pages = {f"BAD   the {who}'s page is there: wanted 200, found 503" for who in WHO}
    assert set(ran.bad) <= pages, ran.out  # where the pages are not built
    assert "ok    a stranger creates no session" in ran.out
    assert "ok    everybody can look it up" in ran.out
    assert "ok    it has ended" in ran.out
    assert ran.code == (1 if ran.bad else 0)
    passed, of = re.fullmatch(r"smoke: (\d+) of (\d+) checks passed", ran.last).groups()  # type: ignore[union-attr]
    assert int(of) == int(passed) + len(ran.bad) == 10


WHO = ("speaker", "listener")


async def test_a_gateway_that_is_not_there_fails_it_at_once() -> None:
    ran = await script("production-smoke-test.sh", f"http://127.0.0.1:{free_port()}")
    assert ran.code == 1
    assert ran.last == "smoke: 0 of 1 checks passed"


async def test_a_token_that_is_none_creates_nothing(gateway: str) -> None:
    ran = await script("production-smoke-test.sh", gateway, SPEAKER_TOKEN="no.such.token")
    assert ran.code == 1
    assert "BAD   a speaker creates a session: wanted 201, found 401" in ran.out
    assert "no.such.token" not in ran.out + ran.err


async def test_a_session_without_a_channel_is_told_apart(gateway: str) -> None:
    ran = await script("test-kvs-connection.sh", gateway)
    assert ran.code == 1
    assert "ok    a session is created" in ran.out
    assert any(line.startswith("BAD   it has a channel of its own") for line in ran.bad)


async def test_keys_for_a_session_that_never_was_are_refused(gateway: str) -> None:
    ran = await script("debug-listener-credentials.sh", gateway, "nobody-speaks-here")
    assert ran.code == 1
    assert ran.bad == ["BAD   no such session: nobody-speaks-here"]


async def test_a_channels_keys_and_host_are_looked_at(tmp_path: Path) -> None:
    async with kvs_world(tmp_path) as world:
        ran = await script(
            "test-kvs-connection.sh",
            world.gateway.url,
            SPEAKER_TOKEN=ISSUER.issue("ada"),
            CURL_CA_BUNDLE=str(world.server.ca_file),
        )
    lines = ran.out.splitlines()
    assert lines[:4] == [
        "ok    a session is created",
        "ok    it has a channel of its own",
        "ok    its speaker is the master",
        "ok    a guest is a viewer",
    ]
    assert lines[4].startswith("ok    the channel's host answers: ")
    assert ran.bad == ["BAD   the channel has TURN servers"]  # the stand-in has none


WHOSE = "sts get-caller-identity*"
SIGNALING = "arn:aws:sts::1:assumed-role/live-translation-signaling-dev/guest"


@pytest.mark.parametrize(
    ("answers", "bad"),
    [
        ({WHOSE: SIGNALING}, []),
        ({WHOSE: "FAIL"}, ["BAD   they are the signaling role's: AWS does not know them yet"]),
        (
            {WHOSE: SIGNALING, "kinesisvideo delete-signaling-channel*": ""},
            ["BAD   they open the channel and nothing else"],
        ),
    ],
)
async def test_a_guests_keys_are_looked_at_and_never_shown(
    aws: Aws, tmp_path: Path, answers: dict[str, str], bad: list[str]
) -> None:
    async with kvs_world(tmp_path) as world:
        session = (await world.session())["sessionId"]
        ran = await aws.script(
            "debug-listener-credentials.sh", world.gateway.url, session, answers=answers
        )
        keys = await world.keys(session, None)
    assert ran.out.splitlines()[:2] == ["ok    keys are given", "ok    they are a viewer's"]
    assert len(ran.bad) == len(bad)
    assert all(line.startswith(start) for line, start in zip(ran.bad, bad, strict=True)), ran.bad
    assert ran.code == (1 if bad else 0)
    shown = ran.out + ran.err + "\n".join(aws.calls)
    assert keys["secretAccessKey"] not in shown
    assert keys["accessKeyId"] not in shown


HEALTHY = {
    "cloudformation describe-stacks*StackStatus*": "UPDATE_COMPLETE",
    "kinesis describe-stream-summary*": "ACTIVE\\tKMS",
    "dynamodb describe-table*": "ACTIVE",
    "s3api get-public-access-block*": "True",
    "lambda get-function*": "Active",
    "eks describe-cluster*": "ACTIVE",
    "ecs list-services*": "arn:aws:ecs:us-east-1:1:service/x",
    "ecs describe-services*": "1",
    "cloudwatch describe-alarms*": "None",
}


def kubectl(folder: Path, says: str) -> None:
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)


async def test_a_healthy_stage_is_called_so(aws: Aws, answering: str) -> None:
    kubectl(aws.folder, "STABLE RUNNING")
    ran = await aws.script("check-deployment-health.sh", "dev", "--url", answering, answers=HEALTHY)
    assert (ran.code, ran.bad) == (0, []), ran.out
    asked = "\n".join(aws.calls)
    for name in ("audio-ingestion-dev", "low-latency-audio-dev"):
        assert name in asked
    for table in tables(Names("dev")):
        assert f"--table-name {table.name} " in asked
    # A Lambda rings with an alarm of alarms, which AWS shows to those who ask for them only.
    assert "--alarm-types MetricAlarm CompositeAlarm" in asked
    assert "--alarm-name-prefix live-translation-dev- " in asked


@pytest.mark.parametrize(
    ("what", "says", "line"),
    [
        ("cloudformation describe-stacks*KVSWebRTC*", "ROLLBACK_COMPLETE", "stack KVSWebRTC: ROL"),
        ("kinesis describe-stream-summary*audio*", "ACTIVE\\tNONE", "stream audio-ingestion-dev"),
        ("dynamodb describe-table*Positions*", "FAIL", "table Positions: wanted ACTIVE, found no"),
        ("s3api get-public-access-block*trans*", "False", "bucket translation-audio-dev is clos"),
        ("ecs describe-services*", "2", "WebRTC worker runs once: wanted 1, found 2"),
        ("cloudwatch describe-alarms*", "live-translation-dev-lag", "alarms: live-translation-dev"),
    ],
)
async def test_what_is_ill_is_named(
    aws: Aws, answering: str, what: str, says: str, line: str
) -> None:
    kubectl(aws.folder, "STABLE RUNNING")
    answers = {what: says} | HEALTHY | {what: says}
    ran = await aws.script("check-deployment-health.sh", "dev", "--url", answering, answers=answers)
    assert ran.code == 1
    assert [one.startswith(f"BAD   {line}") for one in ran.bad] == [True], ran.bad


LAMBDAS = {
    "lambda get-function-configuration*session-websocket-dev*": "arn:aws:iam::1:role/one",
    "lambda get-function-configuration*session-http-dev*": "arn:aws:iam::1:role/two",
    "iam update-assume-role-policy*": "",
}


async def test_a_role_that_trusts_who_is_there_is_left_alone(aws: Aws) -> None:
    trust = {"iam get-role*Principal*": "arn:aws:iam::1:role/two\\tarn:aws:iam::1:role/one"}
    answers = LAMBDAS | trust | {"iam get-role*": "{}"}
    ran = await aws.script("setup-listener-authentication.sh", "dev", answers=answers)
    assert (ran.code, ran.bad) == (0, [])
    assert not any("update" in call for call in aws.calls)


async def test_a_role_that_trusts_who_is_gone_is_told_anew(aws: Aws) -> None:
    answers = LAMBDAS | {"iam get-role*Principal*": "AROAGONE", "iam get-role*": "{}"}
    looked = await aws.script("setup-listener-authentication.sh", "dev", "--check", answers=answers)
    assert looked.code == 1
    assert not any("update" in call for call in aws.calls)
    ran = await aws.script("setup-listener-authentication.sh", "dev", answers=answers)
    assert ran.code == 0, ran.out
    (call,) = (one for one in aws.calls if one.startswith("iam update-assume-role-policy"))
    assert "--role-name live-translation-signaling-dev" in call
    (statement,) = json.loads(call.partition("--policy-document ")[2])["Statement"]
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::1:role/one", "arn:aws:iam::1:role/two"]}
    assert statement["Action"] == "sts:AssumeRole"


async def test_logs_of_one_lambda_or_of_all(aws: Aws) -> None:
    async def tail(*arguments: str) -> Ran:
        answers = {"logs tail*": "a line"}
        return await aws.script("tail-lambda-logs.sh", "dev", *arguments, answers=answers)

    one = await tail("session-http", "--follow")
    assert (one.code, one.out) == (0, "== session-http\na line\n")
    log = "/aws/lambda/session-http-dev"
    assert aws.calls == [f"logs tail {log} --since 10m --format short --follow"]
    assert (await tail("--since", "1h")).out.count("a line") == 6
    assert (await tail("--follow")).code == 2
    assert (await tail("no-such-lambda")).code == 2
