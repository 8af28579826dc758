"""Starts Beam's Python workers, each a process of its own, when Flink asks for one.

Does for the EXTERNAL environment what ``apache_beam.runners.worker.worker_pool_main`` does, with
differences that matter here: it listens on the loopback interface only, hands the job's options to
the worker (state cache, log level), never lets a worker wait on a pipe that is not read, forks its
workers from one process that has imported everything already, and serves two jobs of one
TaskManager: Flink counts the workers of each job from 1-1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from types import FrameType

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from beam_flink_kit.worker_provision import worker_environment

_LOG = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
STOP_GRACE_S = 5.0
FORK_WITHIN_S = 60.0
"""The first one waits until everything is imported."""
LOOK_AGAIN_AFTER_S = 10.0
_CONNECT_WITHIN_S = 0.5


class Worker:
    """A worker process: not a child of this process, but of the template that it was forked from.

    ProcessLookupError: there is no process of this id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # there was no such process
            os.close(self._pidfd)

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Whether it has ended, or does so within that time."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(within_s * 1000))

    def stop(self) -> None:
        """Ask it to end, and end it after ``STOP_GRACE_S``."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)
            if self.has_ended(STOP_GRACE_S):
                return


class Template:
    """The process that workers are forked from (``worker_template``); started at once."""

    def __init__(self, preloaded: tuple[str, ...]) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(FORK_WITHIN_S)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "beam_flink_kit.worker_template",
                    str(theirs.fileno()),
                    *preloaded,
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._answers = self._socket.makefile("r")

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def fork(self, environment: dict[str, str]) -> Worker:
        """OSError: the template has ended, or does not answer."""
        self._socket.sendall(json.dumps(environment).encode() + b"\n")
        answer = self._answers.readline()
        if not answer:
            raise BrokenPipeError("the process that workers are forked from has ended")
        return Worker(int(answer))

    def close(self) -> None:
        self._answers.close()
        self._socket.close()
        self._process.kill()  # it holds nothing
        self._process.wait()


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Worker processes, and the template that they are forked from.

    A worker is known by the id that Flink gave it and by the address that its job is provisioned
    from: ids are unique within a job only, and each run of a job has a server of its own.
    """

    def __init__(self, preloaded: tuple[str, ...]) -> None:
        self._preloaded = preloaded
        self._workers: dict[tuple[str, str], Worker] = {}
        self._lock = threading.Lock()
        self._forking = threading.Lock()
        self._template: Template | None = None
        self._is_closed = False
        self.prepare()

    def prepare(self) -> None:
        """Have a template, unless there is one."""
        with self._forking:
            self._running_template()

    def StartWorker(  # noqa: N802 (named by Beam's service)
        self, request: beam_fn_api_pb2.StartWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StartWorkerResponse:
        endpoint = request.provision_endpoint.url
        try:
            environment = worker_environment(request.worker_id, endpoint)
            worker = self._fork(environment)
        except (grpc.RpcError, OSError) as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=repr(error))
        # Its Flink was killed, and a new one counts from the start again.
        self._stop_abandoned(request.worker_id)
        with self._lock:
            before = self._workers.pop((request.worker_id, endpoint), None)
            self._workers[request.worker_id, endpoint] = worker
        if before is not None:
            before.stop()
        _LOG.info("worker %s is process %d", request.worker_id, worker.pid)
        return beam_fn_api_pb2.StartWorkerResponse()

    def _fork(self, environment: dict[str, str]) -> Worker:
        with self._forking:
            try:
                return self._running_template().fork(environment)
            except OSError:
                self._close_template()
                return self._running_template().fork(environment)

    def _running_template(self) -> Template:
        """Another one where it was killed."""
        if self._is_closed:
            raise BrokenPipeError("the worker pool is closed")
        if self._template is not None and self._template.has_ended():
            self._close_template()
        if self._template is None:
            self._template = Template(self._preloaded)
        return self._template

    def _close_template(self) -> None:
        template, self._template = self._template, None
        if template is not None:
            template.close()

    def StopWorker(  # noqa: N802 (named by Beam's service)
        self, request: beam_fn_api_pb2.StopWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StopWorkerResponse:
        """Flink says the id and not the job: of two jobs' workers with that id, the one whose job
        is gone is stopped, now or when its job's servers have closed."""
        named = self._named(request.worker_id)
        if len(named) == 1:
            self._stop_these(named)
            _LOG.info("worker %s stopped", request.worker_id)
        else:
            self._stop_abandoned(request.worker_id)
            _later(LOOK_AGAIN_AFTER_S, lambda: self._stop_abandoned(request.worker_id))
        return beam_fn_api_pb2.StopWorkerResponse()

    def _named(self, worker_id: str) -> list[tuple[str, str]]:
        with self._lock:
            return [key for key in self._workers if key[0] == worker_id]

    def _stop_abandoned(self, worker_id: str) -> None:
        """Stop the workers of this id whose job is not there any more."""
        self._stop_these([key for key in self._named(worker_id) if not _is_served(key[1])])

    def _stop_these(self, keys: list[tuple[str, str]]) -> None:
        with self._lock:
            found = [self._workers.pop(key, None) for key in keys]
        for worker in found:
            if worker is not None:
                worker.stop()

    def stop_all(self) -> None:
        with self._forking:
            self._is_closed = True
        with self._lock:
            workers, self._workers = self._workers, {}
        for worker in workers.values():
            worker.stop()
        with self._forking:
            self._close_template()  # the last one: it is told of the workers' ends


def _later(after_s: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(after_s, call)
    timer.daemon = True
    timer.start()


def _is_served(endpoint: str) -> bool:
    """Whether anything answers at ``host:port``."""
    host, _, port = endpoint.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _CONNECT_WITHIN_S):
            return True
    except (OSError, ValueError):
        return False


def serve(host: str, port: int, preloaded: tuple[str, ...]) -> None:
    """Until SIGTERM or Ctrl-C; then every worker is stopped."""
    pool = WorkerPool(preloaded)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    server.add_insecure_port(f"{host}:{port}")
    server.start()
    _LOG.info("ready on %s:%d", host, port)

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    try:
        server.wait_for_termination()
    finally:
        server.stop(grace=None)
        pool.stop_all()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--preload", nargs="*", default=[], help="modules that workers will need")
    given = parser.parse_args()
    serve(given.host, given.port, tuple(given.preload))
