"""The looped channel for state against a real gRPC server that answers as Flink does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import pytest
from apache_beam.coders import BytesCoder
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_fn_api_pb2_grpc,
    endpoints_pb2,
)
from apache_beam.runners.worker import sdk_worker, statecache

from pipelines.worker.state_channel import LoopedStateHandler, use_looped_state_channel

pytestmark = pytest.mark.integration


class Flink(beam_fn_api_pb2_grpc.BeamFnStateServicer):
    """State of bags by key, kept in memory."""

    def __init__(self) -> None:
        self.bags: dict[bytes, bytes] = {}
        self.bundles: set[str] = set()
        self.workers: set[str] = set()

    def State(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802 (gRPC's)
        self.workers |= {
            value for key, value in context.invocation_metadata() if key == "worker_id"
        }
        for request in requests:
            self.bundles.add(request.instruction_id)
            key = request.state_key.bag_user_state.key
            response = beam_fn_api_pb2.StateResponse(id=request.id)
            if request.HasField("append"):
                self.bags[key] = self.bags.get(key, b"") + request.append.data
                response.append.SetInParent()
            elif request.HasField("clear"):
                self.bags.pop(key, None)
                response.clear.SetInParent()
            else:
                response.get.data = self.bags.get(key, b"")
            yield response


@pytest.fixture
def flink() -> Iterator[tuple[Flink, str]]:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    servicer = Flink()
    beam_fn_api_pb2_grpc.add_BeamFnStateServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(None)


def key_of(name: str) -> beam_fn_api_pb2.StateKey:
    return beam_fn_api_pb2.StateKey(
        bag_user_state=beam_fn_api_pb2.StateKey.BagUserState(key=name.encode())
    )


def test_requests_of_many_bundles_are_answered_in_the_order_of_each(
    flink: tuple[Flink, str],
) -> None:
    servicer, url = flink
    handler = LoopedStateHandler(url, "worker-7")

    def bundle(number: int) -> None:
        with handler.process_instruction_id(f"bundle-{number}"):
            key = key_of(f"{number}")
            handler.append_raw(key, b"old")
            handler.clear(key)
            for step in range(50):
                last = handler.append_raw(key, f"{step},".encode())
            last.get(10)

    threads = [threading.Thread(target=bundle, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    expected = "".join(f"{step}," for step in range(50)).encode()
    assert servicer.bags == {f"{number}".encode(): expected for number in range(8)}
    assert servicer.bundles == {f"bundle-{number}" for number in range(8)}
    assert servicer.workers == {"worker-7"}
    with handler.process_instruction_id("reader"):
        assert handler.get_raw(key_of("3")) == (expected, b"")
    handler.done()


def test_a_bundle_is_not_left_waiting_when_flink_goes(flink: tuple[Flink, str]) -> None:
    _, url = flink
    handler = LoopedStateHandler(url, "worker")
    with handler.process_instruction_id("first"):
        handler.append_raw(key_of("a"), b"x").get(10)
    handler.done()
    handler._thread.join(10)
    assert not handler._thread.is_alive()
    with handler.process_instruction_id("second"), pytest.raises(RuntimeError):
        handler.get_raw(key_of("a"))


def test_this_version_of_beam_uses_it(
    flink: tuple[Flink, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    servicer, url = flink
    factory_class = sdk_worker.GrpcStateHandlerFactory
    monkeypatch.setattr(factory_class, "create_state_handler", factory_class.create_state_handler)
    use_looped_state_channel()
    factory = factory_class(statecache.StateCache(1 << 20), worker_id="worker-9")
    handler = factory.create_state_handler(endpoints_pb2.ApiServiceDescriptor(url=url))
    assert factory.create_state_handler(endpoints_pb2.ApiServiceDescriptor(url=url)) is handler
    with handler.process_instruction_id("bundle", ()):
        handler.extend(key_of("k"), BytesCoder().get_impl(), [b"one", b"two"]).get(10)
        assert list(handler.blocking_get(key_of("k"), BytesCoder().get_impl())) == [b"one", b"two"]
    assert servicer.workers == {"worker-9"}
    factory.close()
