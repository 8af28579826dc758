"""The live job on a standalone cluster: submitted, moved by a savepoint, and broken on purpose."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from deployment.bundled_python import BundledPython
from deployment.job_jar import build_jar
from local_stack.cluster.flink import (
    ClusterSettings,
    flink_command,
    prepare_cluster,
    start_application,
    start_jobmanager,
    start_pool_beside,
    start_taskmanager,
    start_zookeeper,
)
from local_stack.flink import FlinkError, FlinkRest
from local_stack.job import is_worker
from local_stack.processes import ProcessError, Processes, Running

START_TIMEOUT_S = 300.0
SAVEPOINT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Restored:
    """What a running job began from. ``path``: of the checkpoint or savepoint."""

    checkpoint: int
    is_savepoint: bool
    path: str


class ClusterJob:
    """One job on one cluster. ``options`` are those of ``pipelines.main``. With a ``python``
    its jar brings that, and no worker pool stands beside the TaskManagers. With ``is_application``
    the JobManager is started with the jar, for this job alone, instead of being given it."""

    def __init__(
        self,
        processes: Processes,
        cluster: ClusterSettings,
        options: tuple[str, ...],
        python: BundledPython | None = None,
        *,
        is_application: bool = False,
    ) -> None:
        self._processes = processes
        self._cluster = cluster
        self._python = python
        self._options = (*options, f"--worker_pool={cluster.pool}")
        self._is_application = is_application
        self._jar: Path | None = None
        self._jobmanager: Running | None = None
        self._taskmanagers: dict[int, Running] = {}
        self._pools: dict[int, Running] = {}
        self.rest = FlinkRest(cluster.rest_port)

    def start_servers(self) -> None:
        """Start ZooKeeper, JobManager, TaskManagers and what is to stand beside them; wait for all
        slots. An application's jar was built before."""
        cluster = self._cluster
        prepare_cluster(cluster)
        zookeeper = start_zookeeper(self._processes, cluster)
        zookeeper.wait_for_port(cluster.zookeeper_port)
        self._jobmanager = self._start_jobmanager()
        for number in range(cluster.taskmanagers):
            if self._python is None:
                self._pools[number] = start_pool_beside(self._processes, cluster, number)
            self._taskmanagers[number] = start_taskmanager(self._processes, cluster, number)
        self.wait_for_slots()

    def wait_for_slots(self) -> None:
        """Until every TaskManager has offered its slots."""
        wanted = self._cluster.taskmanagers * self._cluster.slots
        self._wait(lambda: self._slots() == wanted, "all slots")

    def build(self, jar: Path, *changed: str) -> Path:
        """Write the job as ``jar``; options in ``changed`` come later and win."""
        jar.parent.mkdir(parents=True, exist_ok=True)
        scratch = jar.with_suffix(".scratch")
        build_jar(self._processes, jar, (*self._options, *changed), scratch, self._python)
        self._jar = jar
        return jar

    def run(self, jar: Path, savepoint: str | None = None) -> None:
        """``flink run -d``, from ``savepoint`` if one is named; until every task runs. An
        application runs already."""
        if self._is_application:
            self.wait_until_tasks_run()
            return
        start = ("-s", savepoint) if savepoint else ()
        command = flink_command(
            self._processes, self._cluster, "flink-run", "run", "-d", *start, str(jar.resolve())
        )
        command.wait_for_exit(START_TIMEOUT_S)
        self.wait_until_tasks_run()

    def wait_until_tasks_run(self) -> None:
        self._wait(self._all_run, "all tasks ran")

    def wait_for_checkpoint(self) -> None:
        """Until the job has a checkpoint to go back to."""
        self._wait(lambda: self._completed_checkpoints() > 0, "a checkpoint")

    def job_id(self) -> str | None:
        """The job that is not done for good yet, whatever its state."""
        try:
            states = self.rest.job_states()
        except FlinkError:
            return None
        over = ("FINISHED", "CANCELED", "FAILED")
        return next((job for job, state in states.items() if state not in over), None)

    def restored(self) -> Restored | None:
        """What the job began from the last time it was restarted; None: from nothing."""
        found = self._checkpoints()["latest"]["restored"]
        if found is None:
            return None
        return Restored(found["id"], found["is_savepoint"], found["external_path"] or "")

    def busiest(self) -> int:
        """The TaskManager whose workers have used the most processor time: a session is there."""
        return max(
            self._taskmanagers, key=lambda number: sum(map(_cpu_s, self._started_for(number)))
        )

    def worker_programs(self) -> frozenset[Path]:
        """What the Python workers run by, as the system tells."""
        started = (one for number in self._taskmanagers for one in self._started_for(number))
        return frozenset(Path(process.exe()) for process in started if is_worker(process))

    def _started_for(self, taskmanager: int) -> list[psutil.Process]:
        """Its workers and what these have started."""
        starter = self._pools.get(taskmanager, self._taskmanagers[taskmanager])
        return psutil.Process(starter.pid).children(recursive=True)

    def kill_taskmanager(self, number: int) -> None:
        """``kill -9``, and another one in its place at once, as a supervisor would. Returns when
        the job runs again, on whatever slots there are."""
        self.replace_taskmanager(number)
        self._wait(lambda: not self._all_run(), "the loss was noticed")
        self.wait_until_tasks_run()

    def kill_jobmanager(self) -> None:
        """``kill -9``, and another one in its place at once. It finds the job and its last
        checkpoint in the store that ZooKeeper points to. Returns when the job runs again."""
        self.replace_jobmanager()
        self.wait_until_tasks_run()

    @property
    def jobmanager(self) -> Running:
        if self._jobmanager is None:
            raise ProcessError("the cluster was never started")
        return self._jobmanager

    @property
    def taskmanagers(self) -> Mapping[int, Running]:
        return self._taskmanagers

    def worker_pids(self) -> tuple[int, ...]:
        """The Python workers that run now, of all TaskManagers."""
        started = (one for number in self._taskmanagers for one in self._started_for(number))
        return tuple(process.pid for process in started if is_worker(process))

    def replace_taskmanager(self, number: int) -> None:
        """``kill -9``, and another one in its place; waits for nothing."""
        self._processes.kill(self._taskmanagers[number])
        self._taskmanagers[number] = start_taskmanager(self._processes, self._cluster, number)

    def replace_jobmanager(self) -> None:
        """``kill -9``, and another one in its place; waits for nothing."""
        self._processes.kill(self.jobmanager)
        self._jobmanager = self._start_jobmanager()

    def replace_ended(self) -> tuple[str, ...]:
        """Start what has ended by itself, as a supervisor would; its names."""
        ended = [number for number, one in self._taskmanagers.items() if not one.is_alive]
        for number in ended:
            self.replace_taskmanager(number)
        names = tuple(self._taskmanagers[number].name for number in ended)
        if self.jobmanager.is_alive:
            return names
        self.replace_jobmanager()
        return (*names, self.jobmanager.name)

    def submit_beside(self, jar: Path) -> None:
        """``flink run -d`` another job, whatever runs already; waits for none of its tasks."""
        command = flink_command(
            self._processes, self._cluster, "flink-run", "run", "-d", str(jar.resolve())
        )
        command.wait_for_exit(START_TIMEOUT_S)

    def running_jobs(self) -> frozenset[str]:
        """The jobs of which every task runs. FlinkError: the JobManager does not answer."""
        states = self.rest.job_states()
        return frozenset(
            job
            for job, state in states.items()
            if state == "RUNNING" and self.rest.all_tasks_run(job)
        )

    def _start_jobmanager(self) -> Running:
        if not self._is_application:
            return start_jobmanager(self._processes, self._cluster)
        if self._jar is None:
            raise ProcessError("an application has no jar yet")
        return start_application(self._processes, self._cluster, self._jar)

    def stop_with_savepoint(self) -> str:
        """End the job with a savepoint; its path."""
        job = self.job_id()
        if job is None:
            raise ProcessError("there is no job to stop")
        asked = self.rest.post(
            f"/jobs/{job}/stop",
            {"targetDirectory": self._cluster.savepoints.as_uri(), "drain": False},
        )
        path = f"/jobs/{job}/savepoints/{asked['request-id']}"
        self._wait(
            lambda: str(self.rest.get(path)["status"]["id"]) == "COMPLETED",
            "a savepoint",
            SAVEPOINT_TIMEOUT_S,
        )
        operation = self.rest.get(path)["operation"]
        if "location" not in operation:
            raise ProcessError(f"no savepoint: {operation.get('failure-cause', {}).get('class')}")
        self._wait(lambda: self.job_id() is None, "the job ended")
        return str(operation["location"])

    def _wait(
        self, condition: Callable[[], bool], what: str, timeout_s: float = START_TIMEOUT_S
    ) -> None:
        if self._jobmanager is None:
            raise ProcessError("the cluster was never started")

        def holds() -> bool:
            ended = next((one for one in self._taskmanagers.values() if not one.is_alive), None)
            if ended is not None:
                raise ProcessError(f"{ended.name} ended before {what}, see {ended.log}")
            with contextlib.suppress(FlinkError):
                return condition()
            return False

        self._jobmanager.wait_until(holds, what, timeout_s)

    def _all_run(self) -> bool:
        job = self.job_id()
        return job is not None and self.rest.all_tasks_run(job)

    def _slots(self) -> int:
        return int(self.rest.get("/overview")["slots-total"])

    def _checkpoints(self) -> dict[str, Any]:
        return self.rest.get(f"/jobs/{self.job_id()}/checkpoints")

    def _completed_checkpoints(self) -> int:
        return int(self._checkpoints()["counts"]["completed"])


def _cpu_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        used = process.cpu_times()
        return used.user + used.system
    return 0.0
