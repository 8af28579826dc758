"""A local cloud that does not answer is told in a sentence that every command prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from connectors.amazon.clients import AwsSettings
from connectors.interfaces.errors import RetryableError
from local_stack import live
from local_stack.cloud import local_cloud
from local_stack.cloud.local_cloud import LocalCloud
from local_stack.processes import ProcessError, Running

pytestmark = pytest.mark.unit


@pytest.fixture
def slow_cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalCloud:
    async def too_slow(_settings: AwsSettings, *, shards: int) -> None:
        raise RetryableError("create a stream: ReadTimeoutError")

    monkeypatch.setattr(local_cloud, "create_resources", too_slow)
    ended = subprocess.Popen(["true"])
    ended.wait()
    return LocalCloud(Running("local-cloud", tmp_path / "local-cloud.log", ended), 4566)


def test_a_cloud_that_is_too_slow_is_named_with_its_log(slow_cloud: LocalCloud) -> None:
    with pytest.raises(ProcessError) as found:
        slow_cloud.create_resources("live", shards=2)
    assert str(found.value) == (
        f"local-cloud: create a stream: ReadTimeoutError, see {slow_cloud.process.log}"
    )


def test_make_live_says_so(
    slow_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_speech: str, _access: live.Access) -> int:
        slow_cloud.create_resources("live", shards=2)
        return 0

    monkeypatch.setattr(live, "run", run)
    monkeypatch.setattr(live, "stop_on_terminate", lambda: None)
    monkeypatch.setattr("sys.argv", ["live"])
    assert live.main() == 1
    assert capsys.readouterr().err.startswith("live: local-cloud: create a stream: ")
