"""Stands between the clients and ``kinesis-local``.

It adds what Amazon documents and ``kinesis-local`` 0.6.2 leaves out of SubscribeToShard: the
initial response, and the end of a closed shard, with its children. And it refuses on order.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from botocore.eventstream import EventStreamBuffer

from local_stack.amazon_servers.event_stream import encode_message

_TARGET = "X-Amz-Target"
_SERVICE = "Kinesis_20131202"
_THROTTLED = "ProvisionedThroughputExceededException"
_EXPIRED = "ExpiredIteratorException"
_NOT_PASSED_ON = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_EVENT = {":message-type": "event", ":content-type": "application/x-amz-json-1.1"}


@dataclass(frozen=True, slots=True)
class Faults:
    """``throttled_puts``: the share of records that PutRecords refuses. Every so many-th GetRecords
    is throttled or finds its iterator expired; 0: none is."""

    throttled_puts: float = 0.0
    throttled_reads_every: int = 0
    expired_reads_every: int = 0


class Front:
    def __init__(self, kinesis_url: str, faults: Faults | None = None) -> None:
        self._kinesis_url = kinesis_url
        self._faults = faults or Faults()
        self._chance = random.Random(6)
        self.offered_records = 0
        self.refused_records = 0
        self.ended_shards: set[str] = set()
        """Closed shards that were pushed to their end."""
        self.refused_reads: dict[str, int] = {_THROTTLED: 0, _EXPIRED: 0}
        self._reads = 0
        self._session: aiohttp.ClientSession
        self._runner: web.AppRunner

    async def __aenter__(self) -> Front:
        self._session = aiohttp.ClientSession()
        app = web.Application(client_max_size=8 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        operation = request.headers[_TARGET].removeprefix(f"{_SERVICE}.")
        body = await request.read()
        if operation == "SubscribeToShard":
            return await self._subscribe(request, body)
        if operation == "PutRecords" and self._faults.throttled_puts:
            return await self._put(request, json.loads(body))
        if operation == "GetRecords" and (refusal := self._refusal_of_read()):
            self.refused_reads[refusal] += 1
            return _json({"__type": refusal, "message": "scripted"}, 400)
        async with self._passed_on(request, body) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers={"Content-Type": answer.headers["Content-Type"]},
            )

    def _refusal_of_read(self) -> str:
        self._reads += 1
        faults = self._faults
        if faults.throttled_reads_every and self._reads % faults.throttled_reads_every == 0:
            return _THROTTLED
        if faults.expired_reads_every and self._reads % faults.expired_reads_every == 0:
            return _EXPIRED
        return ""

    async def _put(self, request: web.Request, call: dict[str, Any]) -> web.Response:
        records = call["Records"]
        refused = [self._chance.random() < self._faults.throttled_puts for _ in records]
        self.offered_records += len(records)
        self.refused_records += sum(refused)
        taken = [each for each, is_refused in zip(records, refused, strict=True) if not is_refused]
        stored: list[dict[str, Any]] = []
        if taken:
            passed = json.dumps({**call, "Records": taken}).encode()
            async with self._passed_on(request, passed) as answer:
                stored = (await answer.json(content_type=None))["Records"]
        results = iter(stored)
        refusal = {"ErrorCode": _THROTTLED, "ErrorMessage": "scripted"}
        return _json(
            {
                "FailedRecordCount": sum(refused),
                "Records": [refusal if each else next(results) for each in refused],
            }
        )

    async def _subscribe(self, request: web.Request, body: bytes) -> web.StreamResponse:
        call = json.loads(body)
        async with self._passed_on(request, body) as answer:
            if answer.status != 200:
                return web.Response(status=answer.status, body=await answer.read())
            pushing = web.StreamResponse(
                headers={"Content-Type": "application/vnd.amazon.eventstream"}
            )
            await pushing.prepare(request)
            await pushing.write(
                encode_message({**_EVENT, ":event-type": "initial-response"}, b"{}")
            )
            was_closed = False
            async for event in _events(answer):
                # What is empty after the shard was closed is its end: nothing can come any more.
                if was_closed and not event["Records"]:
                    children = await self._children(request, call)
                    await pushing.write(_event({**event, "ChildShards": children}))
                    self.ended_shards.add(call["ShardId"])
                    break
                await pushing.write(_event(event))
                was_closed = bool(await self._children(request, call))
            return pushing

    async def _children(self, request: web.Request, call: dict[str, Any]) -> list[dict[str, Any]]:
        stream = call["ConsumerARN"].split("/")[1]
        asked = json.dumps({"StreamName": stream}).encode()
        async with self._passed_on(request, asked, "ListShards") as answer:
            shards = (await answer.json(content_type=None))["Shards"]
        parent = call["ShardId"]
        return [
            {
                "ShardId": shard["ShardId"],
                "HashKeyRange": shard["HashKeyRange"],
                "ParentShards": _parents(shard),
            }
            for shard in shards
            if parent in _parents(shard)
        ]

    def _passed_on(self, request: web.Request, body: bytes, operation: str = "") -> Any:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _NOT_PASSED_ON
        }
        if operation:
            headers[_TARGET] = f"{_SERVICE}.{operation}"
        return self._session.post(self._kinesis_url, data=body, headers=headers)


def _parents(shard: dict[str, Any]) -> list[str]:
    found = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    return [each for each in found if each]


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    buffer = EventStreamBuffer()
    async for data in answer.content.iter_any():
        buffer.add_data(data)
        for message in buffer:
            yield json.loads(message.payload)


def _event(event: dict[str, Any]) -> bytes:
    present = {name: value for name, value in event.items() if value is not None}
    return encode_message(
        {**_EVENT, ":event-type": "SubscribeToShardEvent"}, json.dumps(present).encode()
    )


def _json(content: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(content, status=status, content_type="application/x-amz-json-1.1")
