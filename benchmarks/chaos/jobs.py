"""The job under chaos: what can be killed, frozen, or run a second time beside itself."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from local_stack.cluster.job import ClusterJob
from local_stack.flink import FlinkError, FlinkSettings
from local_stack.job import JobSettings, LiveJob
from local_stack.ports import free_ports
from local_stack.processes import ProcessError, Processes, Running

WHOLE_AGAIN_S = 180.0
NOTICED_WITHIN_S = 8.0
LOOK_EVERY_S = 0.2
_RESUME = "resume"
_OVER = ("FINISHED", "CANCELED", "FAILED")


class Job(Protocol):
    def worker_pids(self) -> tuple[int, ...]:
        """The Python workers that run now."""
        ...

    def servers(self, role: str) -> Mapping[str, Running]:
        """Flink's processes of a role (``flink``; ``jobmanager``, ``taskmanager``), by name."""
        ...

    def kill(self, name: str) -> None:
        """``kill -9`` a process of Flink's, and another one in its place at once."""
        ...

    def mend(self) -> None:
        """Start what has ended by itself, as a supervisor would."""
        ...

    def is_whole(self) -> bool:
        """Whether every task of the job runs."""
        ...

    def run_second(self, lasts_s: float) -> None:
        """Submit the job again under the same name, let both run for ``lasts_s``, cancel the first.
        From then on the second is the job."""
        ...


class EmbeddedJob:
    """``Job`` on embedded Flink. A second job has a Flink and a worker pool of its own."""

    def __init__(self, processes: Processes, directory: Path, settings: JobSettings) -> None:
        self._processes = processes
        self._directory = directory
        self._settings = settings
        self._started = 0
        self._job = self._another()

    def start(self) -> None:
        self._run(self._job, "latest")

    def worker_pids(self) -> tuple[int, ...]:
        return self._job.worker_pids()

    def servers(self, role: str) -> Mapping[str, Running]:
        return {role: self._job.server}

    def kill(self, name: str) -> None:
        self._job.kill_flink()
        self._run(self._job, _RESUME)

    def mend(self) -> None:
        if not self._job.server.is_alive:
            self.kill("flink")

    def is_whole(self) -> bool:
        job = self._job.job_id()
        with contextlib.suppress(FlinkError):
            return job is not None and self._job.rest.all_tasks_run(job)
        return False

    def run_second(self, lasts_s: float) -> None:
        first, second = self._job, self._another()
        self._run(second, _RESUME)
        time.sleep(lasts_s)
        self._job = second
        first.cancel()
        first.stop()

    def _another(self) -> LiveJob:
        self._started += 1
        flink = FlinkSettings(self._directory / f"flink-{self._started}", *free_ports(6))
        return LiveJob(self._processes, flink, self._settings)

    def _run(self, job: LiveJob, start: str) -> None:
        job.start_servers(start)
        job.submit()
        job.wait_until_running(WHOLE_AGAIN_S)


class ClusteredJob:
    """``Job`` on a standalone cluster, with slots for two of it. ``jar``: the job, beginning from
    what the tables say."""

    def __init__(self, cluster: ClusterJob, jar: Path) -> None:
        self._cluster = cluster
        self._jar = jar

    def worker_pids(self) -> tuple[int, ...]:
        return self._cluster.worker_pids()

    def servers(self, role: str) -> Mapping[str, Running]:
        if role == "jobmanager":
            return {role: self._cluster.jobmanager}
        return {str(number): one for number, one in self._cluster.taskmanagers.items()}

    def kill(self, name: str) -> None:
        if name == "jobmanager":
            self._cluster.replace_jobmanager()
        else:
            self._cluster.replace_taskmanager(int(name))

    def mend(self) -> None:
        self._cluster.replace_ended()

    def is_whole(self) -> bool:
        return len(self._running()) == 1

    def run_second(self, lasts_s: float) -> None:
        wait_until_whole(self)  # acts may overlap: it starts again just now, perhaps
        (first,) = self._running()
        self._cluster.submit_beside(self._jar)
        try:
            wait_until(self, lambda: len(self._running() - {first}) == 1, "a second job runs")
            time.sleep(lasts_s)
        except ProcessError:
            self._cancel_all_but(first)  # one is to be left, whichever
            raise
        self._cluster.rest.cancel(first)
        wait_until(self, lambda: first not in self._running(), "the first job ended")

    def _cancel_all_but(self, kept: str) -> None:
        for job, state in self._cluster.rest.job_states().items():
            if job != kept and state not in _OVER:
                self._cluster.rest.cancel(job)

    def _running(self) -> frozenset[str]:
        with contextlib.suppress(FlinkError):
            return self._cluster.running_jobs()
        return frozenset()


def wait_until_whole(job: Job) -> None:
    """ProcessError: not every task of the job ran within three minutes."""
    wait_until(job, job.is_whole, "every task runs")


def wait_until(job: Job, condition: Callable[[], bool], what: str) -> None:
    """Mend the job's processes meanwhile. ProcessError: ``condition`` stayed false."""
    until_s = time.monotonic() + WHOLE_AGAIN_S
    while not condition():
        if time.monotonic() > until_s:
            raise ProcessError(f"not within {WHOLE_AGAIN_S:.0f} s: {what}")
        job.mend()
        time.sleep(LOOK_EVERY_S)


def wait_until_noticed(job: Job) -> None:
    """Until Flink has noticed a loss; not for ever, for it may have got over it unseen."""
    until_s = time.monotonic() + NOTICED_WITHIN_S
    while time.monotonic() < until_s and job.is_whole():
        time.sleep(LOOK_EVERY_S)


@contextmanager
def frozen_pid(pid: int) -> Generator[None]:
    """One process, not its group, stands still until the block is left."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
