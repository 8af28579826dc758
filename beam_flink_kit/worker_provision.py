"""What a Beam worker is told by the runner that wants it: by ``sdk_worker_main``'s variables."""

from __future__ import annotations

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from google.protobuf import json_format, text_format

ANSWER_WITHIN_S = 30.0


def worker_environment(worker_id: str, provision_endpoint: str) -> dict[str, str]:
    """The variables of ``sdk_worker_main``, with the endpoints and options of the provisioning
    service at ``provision_endpoint`` (host:port). grpc.RpcError: it did not answer."""
    with grpc.insecure_channel(provision_endpoint) as channel:
        provision = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        info = provision.GetProvisionInfo(
            beam_provision_api_pb2.GetProvisionInfoRequest(),
            metadata=[("worker_id", worker_id)],
            timeout=ANSWER_WITHIN_S,
        ).info
    return {
        "WORKER_ID": worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.control_endpoint),
        "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.logging_endpoint),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
