"""The pool keeps the workers of two jobs apart, whose ids Flink counts from the same start."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
from apache_beam.portability.api import beam_fn_api_pb2, endpoints_pb2

from beam_flink_kit import worker_pool
from beam_flink_kit.worker_pool import WorkerPool

pytestmark = pytest.mark.integration

WORKER = "1-1"


class SleepingWorkers(WorkerPool):
    """Its workers sleep; ``started`` are all of them, in order."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []
        super().__init__(())

    def prepare(self) -> None:
        """None waits."""

    def _tell_waiting(self, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        self.started.append(subprocess.Popen(["sleep", "600"]))
        return self.started[-1]


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[SleepingWorkers]:
    monkeypatch.setattr(worker_pool, "worker_environment", lambda *_: {})
    monkeypatch.setattr(worker_pool, "LOOK_AGAIN_AFTER_S", 0.05)
    pool = SleepingWorkers()
    yield pool
    pool.stop_all()


@pytest.fixture
def job() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


@pytest.fixture
def other_job() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


def start(pool: SleepingWorkers, job: socket.socket) -> subprocess.Popen[bytes]:
    """A worker for the job that is provisioned from there."""
    host, port = job.getsockname()
    endpoint = endpoints_pb2.ApiServiceDescriptor(url=f"{host}:{port}")
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id=WORKER, provision_endpoint=endpoint)
    assert not pool.StartWorker(request, None).error  # type: ignore[arg-type]
    return pool.started[-1]


def stop(pool: SleepingWorkers) -> None:
    request = beam_fn_api_pb2.StopWorkerRequest(worker_id=WORKER)
    pool.StopWorker(request, None)  # type: ignore[arg-type]


def runs(worker: subprocess.Popen[bytes]) -> bool:
    return worker.poll() is None


def test_a_second_job_does_not_end_the_first_ones_worker(
    pool: SleepingWorkers, job: socket.socket, other_job: socket.socket
) -> None:
    first, second = start(pool, job), start(pool, other_job)
    assert runs(first)
    assert runs(second)


def test_a_job_that_starts_its_worker_again_has_one(
    pool: SleepingWorkers, job: socket.socket
) -> None:
    first, again = start(pool, job), start(pool, job)
    assert not runs(first)
    assert runs(again)


def test_the_worker_of_a_killed_flink_ends_when_a_new_one_asks(
    pool: SleepingWorkers, job: socket.socket, other_job: socket.socket
) -> None:
    first = start(pool, job)
    job.close()
    second = start(pool, other_job)
    assert not runs(first)
    assert runs(second)


def test_a_worker_that_is_the_only_one_of_its_id_is_stopped(
    pool: SleepingWorkers, job: socket.socket
) -> None:
    worker = start(pool, job)
    stop(pool)
    assert not runs(worker)


def test_of_two_jobs_the_one_that_ends_ends_its_own_worker(
    pool: SleepingWorkers, job: socket.socket, other_job: socket.socket
) -> None:
    first, second = start(pool, job), start(pool, other_job)
    stop(pool)  # the first one's, by what the pool is told as good as the second one's
    assert runs(first)
    job.close()
    first.wait(5.0)
    assert runs(second)
