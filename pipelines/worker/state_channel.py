"""The worker's channel for state, on one event loop instead of four threads.

Beam sends each request for state through a queue, a sending thread, gRPC's own thread and a
receiving thread, all of them taking turns for Python's lock: about 2 ms a request when the worker
is busy, one after the other, whatever the number of cores (docs/decisions/0011). Here requests that
come together leave together, and one thread does it all.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker import sdk_worker

_log = logging.getLogger(__name__)

_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_LOOK_EVERY_S = 1.0


class LoopedStateHandler(sdk_worker.StateHandler):
    """What ``sdk_worker.GrpcStateHandler`` is; its methods are called from bundles' threads."""

    def __init__(self, url: str, worker_id: str) -> None:
        self._url = url
        self._worker_id = worker_id
        self._bundle = threading.local()
        self._ids = itertools.count(1)
        self._unsent: deque[Any] = deque()
        self._answers: dict[str, Any] = {}
        self._error: Exception | None = None
        self._is_done = False
        self._loop = asyncio.new_event_loop()
        self._sendable = asyncio.Event()
        self._is_woken = False
        self._thread = threading.Thread(target=self._run, name="state-loop", daemon=True)
        self._thread.start()

    @contextmanager
    def process_instruction_id(self, bundle_id: str) -> Generator[None]:
        if getattr(self._bundle, "id", None) is not None:
            raise RuntimeError(f"already bound to {self._bundle.id!r}")
        self._bundle.id = bundle_id
        try:
            yield
        finally:
            self._bundle.id = None

    def get_raw(
        self, state_key: Any, continuation_token: bytes | None = None
    ) -> tuple[bytes, bytes | None]:
        get = beam_fn_api_pb2.StateGetRequest(continuation_token=continuation_token)
        request = beam_fn_api_pb2.StateRequest(state_key=state_key, get=get)
        answer = self._ask(request)
        while not answer.wait(timeout=_LOOK_EVERY_S):
            if self._error is not None:
                raise self._error
            if self._is_done:
                raise RuntimeError("the channel for state is closed")
        response = answer.get()
        return response.get.data, response.get.continuation_token

    def append_raw(self, state_key: Any, data: bytes) -> Any:
        append = beam_fn_api_pb2.StateAppendRequest(data=data)
        return self._ask(beam_fn_api_pb2.StateRequest(state_key=state_key, append=append))

    def clear(self, state_key: Any) -> Any:
        clear = beam_fn_api_pb2.StateClearRequest()
        return self._ask(beam_fn_api_pb2.StateRequest(state_key=state_key, clear=clear))

    def done(self) -> None:
        self._is_done = True
        self._loop.call_soon_threadsafe(self._sendable.set)

    def _ask(self, request: Any) -> Any:
        request.id = str(next(self._ids))
        request.instruction_id = self._bundle.id
        answer: Any = sdk_worker._Future()  # pyright: ignore[reportPrivateUsage] (Beam waits for these)
        self._answers[request.id] = answer
        self._unsent.append(request)
        if not self._is_woken:  # one wake for all that come before the loop gets to it
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._sendable.set)
        return answer

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            self._error = error
            if not self._is_done:
                _log.warning("the channel for state broke: %s", type(error).__name__)

    async def _serve(self) -> None:
        async with grpc.aio.insecure_channel(self._url, options=_UNLIMITED) as channel:
            stub: Any = beam_fn_api_pb2_grpc.BeamFnStateStub(channel)
            stream = stub.State(metadata=(("worker_id", self._worker_id),))
            receiving = asyncio.create_task(self._receive(stream))
            sending = asyncio.create_task(self._send(stream))
            done, left = await asyncio.wait(
                (receiving, sending), return_when=asyncio.FIRST_COMPLETED
            )
            for task in left:
                task.cancel()
            for task in done:
                task.result()

    async def _send(self, stream: Any) -> None:
        while not self._is_done:
            await self._sendable.wait()
            self._sendable.clear()
            self._is_woken = False
            while self._unsent:
                await stream.write(self._unsent.popleft())

    async def _receive(self, stream: Any) -> None:
        async for response in stream:
            self._answers.pop(response.id).set(response)
        raise RuntimeError("Flink closed the channel for state")


def use_looped_state_channel() -> None:
    """Of this process, for good. May be repeated."""
    sdk_worker.GrpcStateHandlerFactory.create_state_handler = _create_state_handler


def _create_state_handler(self: Any, api_service_descriptor: Any) -> Any:
    """As Beam has it, but for the kind of handler."""
    if not api_service_descriptor:
        return self._throwing_state_handler
    url = api_service_descriptor.url
    with self._lock:
        if url not in self._state_handler_cache:
            handler = LoopedStateHandler(url, self._worker_id)
            self._state_handler_cache[url] = sdk_worker.GlobalCachingStateHandler(
                self._state_cache, handler
            )
    return self._state_handler_cache[url]
