"""Starts Beam's Python workers, each a process of its own, when Flink asks for one.

Does for the EXTERNAL environment what ``apache_beam.runners.worker.worker_pool_main`` does, with
three differences that matter here: it listens on the loopback interface only, hands the job's
options to the worker (state cache, log level), and never lets a worker wait on a pipe nobody reads.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import subprocess
import sys
from concurrent import futures
from types import FrameType

import grpc
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
)
from google.protobuf import json_format, text_format

from local_stack.ports import LOOPBACK

_LOG = logging.getLogger(__name__)
STOP_GRACE_S = 5.0


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Worker processes by the id that Flink gave them."""

    def __init__(self) -> None:
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    def StartWorker(  # noqa: N802 (named by Beam's service)
        self, request: beam_fn_api_pb2.StartWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StartWorkerResponse:
        try:
            environment = worker_environment(request)
            worker = subprocess.Popen(
                [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
            )
        except (grpc.RpcError, OSError) as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=repr(error))
        self._workers[request.worker_id] = worker
        _LOG.info("worker %s started as process %d", request.worker_id, worker.pid)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(  # noqa: N802 (named by Beam's service)
        self, request: beam_fn_api_pb2.StopWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StopWorkerResponse:
        worker = self._workers.pop(request.worker_id, None)
        if worker is not None:
            _stop(worker)
            _LOG.info("worker %s stopped", request.worker_id)
        return beam_fn_api_pb2.StopWorkerResponse()

    def stop_all(self) -> None:
        for worker in self._workers.values():
            _stop(worker)
        self._workers.clear()


def worker_environment(request: beam_fn_api_pb2.StartWorkerRequest) -> dict[str, str]:
    """What ``sdk_worker_main`` reads: the endpoints and options of the provisioning service."""
    with grpc.insecure_channel(request.provision_endpoint.url) as channel:
        provision = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        info = provision.GetProvisionInfo(
            beam_provision_api_pb2.GetProvisionInfoRequest(),
            metadata=[("worker_id", request.worker_id)],
            timeout=30,
        ).info
    return {
        "WORKER_ID": request.worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(request.control_endpoint),
        "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(request.logging_endpoint),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


def _stop(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(STOP_GRACE_S)
        return
    worker.kill()
    worker.wait()


def serve(port: int) -> None:
    """Until SIGTERM or Ctrl-C; then every worker is stopped."""
    pool = WorkerPool()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    server.add_insecure_port(f"{LOOPBACK}:{port}")
    server.start()
    _LOG.info("ready on port %d", port)

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
    parser.add_argument("--port", type=int, required=True)
    serve(parser.parse_args().port)
