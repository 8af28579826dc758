"""The pool keeps the workers of two jobs apart, whose ids Flink counts from the same start."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, endpoints_pb2

from beam_flink_kit import worker_pool
from beam_flink_kit.worker_pool import Worker, WorkerPool
from beam_flink_kit.worker_template import WORKER_NAME
from tests.integration import sleeping_sdk_worker

pytestmark = pytest.mark.integration

WORKER = "1-1"


class SleepingWorkers(WorkerPool):
    """Its workers sleep; ``started`` are all of them, in order."""

    def __init__(self) -> None:
        self.started: list[Worker] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        super().__init__(())

    def prepare(self) -> None:
        """No template."""

    def _fork(self, environment: dict[str, str]) -> Worker:
        self._processes.append(subprocess.Popen(["sleep", "600"]))
        self.started.append(Worker(self._processes[-1].pid))
        return self.started[-1]

    def stop_all(self) -> None:
        super().stop_all()
        for process in self._processes:
            process.wait()


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[SleepingWorkers]:
    monkeypatch.setattr(worker_pool, "worker_environment", told)
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


def start(pool: SleepingWorkers, job: socket.socket) -> Worker:
    """A worker for the job that is provisioned from there."""
    host, port = job.getsockname()
    endpoint = endpoints_pb2.ApiServiceDescriptor(url=f"{host}:{port}")
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id=WORKER, provision_endpoint=endpoint)
    assert not pool.StartWorker(request, None).error  # type: ignore[arg-type]
    return pool.started[-1]


def stop(pool: SleepingWorkers) -> None:
    request = beam_fn_api_pb2.StopWorkerRequest(worker_id=WORKER)
    pool.StopWorker(request, None)  # type: ignore[arg-type]


def runs(worker: Worker) -> bool:
    return not worker.has_ended()


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
    assert first.has_ended(5.0)
    assert runs(second)


class TestTemplate:
    """Real workers, but for ``sdk_worker_main``, in the place of which they write and sleep."""

    @pytest.fixture
    def forking(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WorkerPool]:
        monkeypatch.setenv(sleeping_sdk_worker.FOLDER, str(tmp_path))
        monkeypatch.setattr(worker_pool, "worker_environment", told)
        pool = WorkerPool(("tests.integration.sleeping_sdk_worker",))
        yield pool
        pool.stop_all()

    @staticmethod
    def start(pool: WorkerPool, worker_id: str) -> int:
        """Its process, once it works."""
        endpoint = endpoints_pb2.ApiServiceDescriptor(url="127.0.0.1:1")
        request = beam_fn_api_pb2.StartWorkerRequest(
            worker_id=worker_id, provision_endpoint=endpoint
        )
        assert not pool.StartWorker(request, None).error  # type: ignore[arg-type]
        eventually(lambda: worker_id in sleeping_sdk_worker.written())
        return sleeping_sdk_worker.written()[worker_id]

    def test_workers_are_processes_of_one_template_each_with_its_own_environment(
        self, forking: WorkerPool
    ) -> None:
        first, second = (psutil.Process(self.start(forking, each)) for each in ("1-1", "1-2"))
        assert first.ppid() == second.ppid()
        assert psutil.Process(first.ppid()).ppid() == os.getpid()
        assert first.name() == second.name() == WORKER_NAME

    def test_a_pool_that_ends_leaves_no_process(self, forking: WorkerPool) -> None:
        worker = psutil.Process(self.start(forking, WORKER))
        template = worker.parent()
        assert template is not None
        forking.stop_all()
        assert not works(worker)
        assert not works(template)

    def test_another_template_takes_the_place_of_a_killed_one(self, forking: WorkerPool) -> None:
        first = psutil.Process(self.start(forking, "1-1"))
        template = first.parent()
        assert template is not None
        template.kill()
        second = psutil.Process(self.start(forking, "1-2"))
        assert second.ppid() != template.pid
        assert works(first)
        forking.stop_all()
        assert not works(first)


def works(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def told(worker_id: str, _endpoint: str) -> dict[str, str]:
    """In the place of what the provisioning service of a job tells."""
    return {"WORKER_ID": worker_id}


def eventually(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)
