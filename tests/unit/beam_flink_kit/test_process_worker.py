"""A worker that Flink starts as a process asks whom it works for, then works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent import futures

import grpc
import pytest
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from google.protobuf import json_format, struct_pb2

from beam_flink_kit import process_worker

pytestmark = pytest.mark.unit

INFO = beam_provision_api_pb2.ProvisionInfo(
    pipeline_options=json_format.ParseDict({"stage": "dev"}, struct_pb2.Struct()),
    control_endpoint=endpoints_pb2.ApiServiceDescriptor(url="localhost:1"),
    logging_endpoint=endpoints_pb2.ApiServiceDescriptor(url="localhost:2"),
    runner_capabilities=["a", "b"],
)


class Provision(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
    def __init__(self) -> None:
        self.asked_by: list[str] = []

    def GetProvisionInfo(  # noqa: N802 (named by Beam's service)
        self,
        request: beam_provision_api_pb2.GetProvisionInfoRequest,
        context: grpc.ServicerContext,
    ) -> beam_provision_api_pb2.GetProvisionInfoResponse:
        self.asked_by += [str(value) for key, value in context.invocation_metadata()]
        return beam_provision_api_pb2.GetProvisionInfoResponse(info=INFO)


@pytest.fixture
def provision() -> Iterator[tuple[Provision, str]]:
    service = Provision()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service, f"127.0.0.1:{port}"
    server.stop(grace=None)


def test_it_is_told_by_the_provisioning_service(
    provision: tuple[Provision, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, url = provision
    worked: list[Mapping[str, str]] = []
    monkeypatch.setattr(process_worker, "prepare", lambda _modules: None)
    monkeypatch.setattr(process_worker, "work", worked.append)
    others = ("--logging_endpoint=localhost:8", "--control_endpoint=localhost:9")
    process_worker.main(["--id=2-1", f"--provision_endpoint={url}", *others])
    assert "2-1" in service.asked_by
    (environment,) = worked
    assert environment["WORKER_ID"] == "2-1"
    assert '"dev"' in environment["PIPELINE_OPTIONS"]
    assert "localhost:1" in environment["CONTROL_API_SERVICE_DESCRIPTOR"]
    assert "localhost:2" in environment["LOGGING_API_SERVICE_DESCRIPTOR"]
    assert environment["RUNNER_CAPABILITIES"] == "a b"
