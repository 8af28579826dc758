"""The live job on embedded Flink: submitted, watched, cancelled, and broken on purpose."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from typing import Protocol

import psutil

from beam_flink_kit.worker_template import WORKER_NAME
from local_stack.flink import (
    JOB_MODULES,
    ROOT,
    FlinkError,
    FlinkRest,
    FlinkSettings,
    start_expansion_service,
    start_job_server,
    start_worker_pool,
)
from local_stack.ports import LOOPBACK
from local_stack.processes import ProcessError, Processes, Running

START_TIMEOUT_S = 120.0
SUBMISSION = "local_stack.submission"
"""The module that submits the job; a benchmark has one of its own, with engines it chose."""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """The job's own options, by the names of ``python -m pipelines.main``."""

    stage: str
    aws_endpoint: str
    notify_endpoint: str
    speech_to_text: str = "offline"
    translation: str = "offline"
    speech_synthesis: str = "offline"
    notifier: str = "api_gateway"
    readers: int = 4
    parallelism: int = 1
    checkpointing_interval_ms: int = 2000
    job_name: str = "live-translation"
    more: tuple[str, ...] = ()
    submission: str = SUBMISSION

    preloaded: tuple[str, ...] = JOB_MODULES

    def submit_arguments(self, flink: FlinkSettings, start: str) -> list[str]:
        return [
            f"--job_endpoint={LOOPBACK}:{flink.job_port}",
            f"--expansion_service={LOOPBACK}:{flink.expansion_port}",
            f"--worker_pool={LOOPBACK}:{flink.worker_pool_port}",
            f"--aws_endpoint={self.aws_endpoint}",
            f"--stage={self.stage}",
            f"--job_name={self.job_name}",
            f"--start={start}",
            f"--speech_to_text={self.speech_to_text}",
            f"--translation={self.translation}",
            f"--speech_synthesis={self.speech_synthesis}",
            f"--notifier={self.notifier}",
            f"--notify_endpoint={self.notify_endpoint}",
            f"--readers={self.readers}",
            f"--parallelism={self.parallelism}",
            f"--checkpointing_interval={self.checkpointing_interval_ms}",
            "--no_wait",
            *self.more,
        ]


class SubmittedJob(Protocol):
    """A job that ``submission``, a module, hands to Flink: it is called with a file, whose
    appearance it waits for, and ``submit_arguments``. Workers import ``preloaded``."""

    @property
    def submission(self) -> str: ...

    @property
    def preloaded(self) -> tuple[str, ...]: ...

    def submit_arguments(self, flink: FlinkSettings, start: str) -> list[str]: ...


class LiveJob:
    """One job on one embedded Flink.

    Starting up is ``start_servers``, ``submit``, ``wait_until_running``, with other work between.
    """

    def __init__(self, processes: Processes, flink: FlinkSettings, job: SubmittedJob) -> None:
        self._processes = processes
        self._flink = flink
        self._job = job
        self._server: Running | None = None
        self._expansion: Running | None = None
        self._pool: Running | None = None
        self._submission: Running | None = None
        self._go = flink.directory / "submit"
        self.rest = FlinkRest(flink.rest_port)

    def start_servers(self, start: str = "latest") -> None:
        """Start what is not there of job server, worker pool and expansion service, all at once,
        and the submission, which imports Beam meanwhile and waits for ``submit``."""
        self._pool = self._pool or start_worker_pool(
            self._processes, self._flink.worker_pool_port, preloaded=self._job.preloaded
        )
        self._server = self._server or start_job_server(self._processes, self._flink)
        self._expansion = start_expansion_service(self._processes, self._flink)
        self._go.unlink(missing_ok=True)
        self._submission = self._processes.start(
            "submission",
            [
                sys.executable,
                "-m",
                self._job.submission,
                str(self._go),
                *self._job.submit_arguments(self._flink, start),
            ],
            cwd=ROOT,
        )

    def submit(self) -> None:
        """Let the job be submitted; what it reads and writes must be there.

        It waits for the job server by itself, but not for the expansion service.
        """
        if self._expansion is None:
            raise ProcessError("submit comes after start_servers")
        self._expansion.wait_for_port(self._flink.expansion_port)
        self._go.touch()

    def wait_until_running(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Until every task of the submitted job runs; then drop what only submitting needs."""
        submission = self._submission
        if submission is None or self._expansion is None:
            raise ProcessError("the job was never started")
        submission.wait_for_exit(timeout_s)
        self.wait_until_tasks_run(timeout_s)
        self._processes.stop(self._expansion)
        self._processes.stop(submission)

    def wait_until_tasks_run(self, timeout_s: float = START_TIMEOUT_S) -> None:
        if self._server is None:
            raise ProcessError("the job was never started")
        self._server.wait_until(self._is_running, "the job ran", timeout_s)

    @property
    def server(self) -> Running:
        """The JVM that Flink is in. ProcessError: it was never started, or killed."""
        if self._server is None:
            raise ProcessError("there is no Flink")
        return self._server

    def job_id(self) -> str | None:
        """The job that is not done for good yet, whatever its state."""
        try:
            states = self.rest.job_states()
        except FlinkError:
            return None
        over = ("FINISHED", "CANCELED", "CANCELLING", "FAILED")
        return next((job for job, state in states.items() if state not in over), None)

    def cancel(self, timeout_s: float = 30.0) -> None:
        """End the job; Flink and the worker pool stay."""
        job = self.job_id()
        if job is None or self._server is None:
            return
        self.rest.cancel(job)
        self._server.wait_until(lambda: self.job_id() is None, "the job ended", timeout_s)

    def worker_pids(self) -> tuple[int, ...]:
        """The Python workers that run now."""
        if self._pool is None or not self._pool.is_alive:
            return ()
        children = psutil.Process(self._pool.pid).children(recursive=True)
        return tuple(child.pid for child in children if is_worker(child))

    def kill_workers(self) -> tuple[int, ...]:
        """``kill -9`` of the Python workers. Flink restarts the job from its last checkpoint."""
        pids = self.worker_pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pids

    def kill_flink(self) -> None:
        """``kill -9`` of the JVM and, with it, the job; back with ``start_servers("resume")``."""
        if self._server is not None:
            self._processes.kill(self._server)
            self._server = None

    def stop(self) -> None:
        """End Flink and the worker pool, and with them the job."""
        for process in (self._submission, self._expansion, self._server, self._pool):
            if process is not None:
                self._processes.stop(process)
        self._server = self._pool = None

    def fail_a_checkpoint(self, timeout_s: float = 20.0) -> None:
        """Make Flink restart the job for a reason that is not the worker: a checkpoint that cannot
        be written. Returns when the restart has begun; everything can be written again then."""
        job, server = self.job_id(), self._server
        if job is None or server is None:
            raise ProcessError("there is no job to disturb")
        checkpoints = self._flink.directory / "checkpoints" / job
        aside = checkpoints.with_suffix(".aside")
        checkpoints.rename(aside)
        try:
            checkpoints.write_text("in the way")
            server.wait_until(lambda: self._state(job) != "RUNNING", "a restart", timeout_s)
        finally:
            checkpoints.unlink()
            aside.rename(checkpoints)

    def _state(self, job: str) -> str:
        return self.rest.job_states().get(job, "UNKNOWN")

    def _is_running(self) -> bool:
        job = self.job_id()
        try:
            return job is not None and self.rest.all_tasks_run(job)
        except FlinkError:
            return False


def is_worker(process: psutil.Process) -> bool:
    try:
        return process.name() == WORKER_NAME and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
