"""The job on a cluster, as far as it can be asked and told by Flink's REST interface."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local_stack.cluster import job as cluster_job
from local_stack.cluster.flink import ClusterSettings
from local_stack.cluster.job import ClusterJob, Restored
from local_stack.ports import free_ports
from local_stack.processes import ProcessError, Processes, Running

pytestmark = pytest.mark.integration

JOB = "f" * 32
SAVEPOINT = "file:/savepoints/savepoint-1"
DONE = {"status": {"id": "COMPLETED"}, "operation": {"location": SAVEPOINT}}
NOT_DONE = {"status": {"id": "COMPLETED"}, "operation": {"failure-cause": {"class": "NoSpace"}}}


class StandInFlink:
    """Answers by path; a savepoint that is asked for ends the job when it is looked at."""

    def __init__(self, port: int) -> None:
        self.answers: dict[str, Any] = {"/jobs": {"jobs": [{"id": JOB, "status": "RUNNING"}]}}
        self.asked: list[tuple[str, Any]] = []
        self.outcome: dict[str, Any] = DONE
        flink = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "/savepoints/" in self.path:
                    if "location" in flink.outcome["operation"]:
                        flink.answers["/jobs"] = {"jobs": [{"id": JOB, "status": "FINISHED"}]}
                    self._say(flink.outcome)
                else:
                    self._say(flink.answers[self.path])

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                flink.asked.append((self.path, body))
                self._say({"request-id": "r"})

            def _say(self, answer: Any) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 (the base's)

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def settings(tmp_path: Path) -> ClusterSettings:
    return ClusterSettings(tmp_path / "flink", *free_ports(3))


@pytest.fixture
def flink(settings: ClusterSettings) -> Iterator[StandInFlink]:
    stand_in = StandInFlink(settings.rest_port)
    yield stand_in
    stand_in.server.shutdown()
    stand_in.server.server_close()


@pytest.fixture
def job(
    settings: ClusterSettings, flink: StandInFlink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ClusterJob]:
    """Its processes sleep; what is asked of Flink is answered by the stand-in."""

    def sleeper(processes: Processes, _settings: ClusterSettings, *_number: int) -> Running:
        return processes.start("sleeper", ["sleep", "60"])

    for name in ("jobmanager", "taskmanager", "pool_beside"):
        monkeypatch.setattr(cluster_job, f"start_{name}", sleeper)
    monkeypatch.setattr(cluster_job, "prepare_cluster", lambda _settings: None)
    monkeypatch.setattr(
        cluster_job,
        "start_zookeeper",
        lambda processes, _settings: processes.start(
            "zookeeper",
            ["python3", "-m", "http.server", "-b", "127.0.0.1", str(_settings.zookeeper_port)],
        ),
    )
    flink.answers["/overview"] = {"slots-total": 8}
    with Processes(tmp_path / "logs") as processes:
        job = ClusterJob(processes, settings, ("--stage=x",))
        job.start_servers()
        yield job


def test_an_application_s_jobmanager_is_started_with_its_jar(
    settings: ClusterSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []

    def application(processes: Processes, _settings: ClusterSettings, jar: Path) -> Running:
        started.append(jar)
        return processes.start("application", ["sleep", "60"])

    monkeypatch.setattr(cluster_job, "start_application", application)
    monkeypatch.setattr(cluster_job, "build_jar", lambda *_arguments: None)
    with Processes(tmp_path / "logs") as processes:
        job = ClusterJob(processes, settings, (), is_application=True)
        with pytest.raises(ProcessError, match="no jar yet"):
            job._start_jobmanager()
        jar = job.build(tmp_path / "job.jar")
        job._start_jobmanager()
    assert started == [jar]


def test_a_job_is_stopped_with_a_savepoint_and_no_drain(
    job: ClusterJob, flink: StandInFlink, settings: ClusterSettings
) -> None:
    assert job.stop_with_savepoint() == SAVEPOINT
    path, body = flink.asked[0]
    assert path == f"/jobs/{JOB}/stop"
    assert body == {"targetDirectory": settings.savepoints.as_uri(), "drain": False}
    assert job.job_id() is None


def test_a_savepoint_that_cannot_be_written_is_told(job: ClusterJob, flink: StandInFlink) -> None:
    flink.outcome = NOT_DONE
    with pytest.raises(ProcessError, match="no savepoint: NoSpace"):
        job.stop_with_savepoint()


def test_what_a_job_began_from(job: ClusterJob, flink: StandInFlink) -> None:
    flink.answers[f"/jobs/{JOB}/checkpoints"] = {
        "latest": {"restored": {"id": 6, "is_savepoint": True, "external_path": SAVEPOINT}}
    }
    assert job.restored() == Restored(6, True, SAVEPOINT)
    flink.answers[f"/jobs/{JOB}/checkpoints"] = {"latest": {"restored": None}}
    assert job.restored() is None


def test_a_taskmanager_that_ends_by_itself_is_named(job: ClusterJob, flink: StandInFlink) -> None:
    flink.answers["/overview"] = {"slots-total": 4}
    job._processes.kill(job._taskmanagers[1])
    with pytest.raises(ProcessError, match="ended before all slots"):
        job.wait_for_slots()
