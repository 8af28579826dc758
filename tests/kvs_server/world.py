"""A gateway that gives sessions a signaling channel, a worker over the same tables and stream, and
the service itself: all in this process, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from connectors.amazon.clients import AwsClients
from connectors.amazon.signaling_channels import AmazonSignalingAccess, AmazonSignalingChannels
from connectors.interfaces.signaling_channels import TemporaryCredentials
from connectors.memory.record_sink import MemoryRecordSink
from connectors.memory.session_events import MemorySessionEvents
from ingest_gateway.gateway import Gateway, wall_clock_ms
from ingest_gateway.kvs.viewer import ViewerDependencies, ViewerTimes
from ingest_gateway.kvs.worker import KvsWorker
from ingest_gateway.webrtc.ice import IceSettings
from schemas.values import AudioChunk
from tests.integration.gateway.conftest import (
    ISSUER,
    WAIT_S,
    RunningGateway,
    in_memory,
    running,
)
from tests.integration.gateway.webrtc_clients import SampleTrack
from tests.kvs_server.master import Master
from tests.kvs_server.server import KvsServer, kvs_server

ROLE_ARN = "arn:aws:iam::000000000000:role/signaling"
QUICK = ViewerTimes(answer_s=1.0, first_wait_s=0.05, longest_wait_s=0.2, look_s=0.05)


@dataclass
class World:
    """One gateway, one worker of its own over the same tables and stream, and the service."""

    gateway: RunningGateway
    worker: KvsWorker
    core: Gateway
    """The worker's."""
    server: KvsServer
    new_worker: Callable[[], tuple[Gateway, KvsWorker]]
    pass_ms: Callable[[int], None]
    """Sets the workers' clocks on."""

    async def session(self) -> dict[str, Any]:
        """As its speaker created it; the worker is told."""
        created = await self.post("/sessions", {"sourceLanguage": "en"}, ISSUER.issue("ada"))
        assert created.status_code == 201, created.text
        events = self.gateway.needs.events
        assert isinstance(events, MemorySessionEvents)
        assert await self.worker.take(events.published[-1])
        return created.json()

    async def post(
        self, path: str, body: dict[str, Any] | None = None, token: str | None = None
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with self.gateway.http() as http:
            return await http.post(path, json=body or {}, headers=headers)

    async def delete(self, session_id: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {ISSUER.issue('ada')}"}
        options = {"base_url": self.gateway.url, "headers": headers, "timeout": 30}
        async with httpx.AsyncClient(**options) as http:
            return await http.delete(f"/sessions/{session_id}")

    async def keys(self, session_id: str, token: str | None) -> dict[str, Any]:
        given = await self.post(f"/sessions/{session_id}/signaling-keys", token=token)
        assert given.status_code == 201, given.text
        return given.json()

    async def master(self, session_id: str, track: SampleTrack | None) -> Master:
        """The speaker's browser, with the keys that the gateway gave it."""
        master = Master(track)
        keys = await self.keys(session_id, ISSUER.issue("ada"))
        await master.open(
            keys["channelEndpoint"], keys["channelArn"], credentials(keys), self.server.trusting()
        )
        return master

    async def connected(self, session_id: str) -> None:
        viewer = self.worker.viewer(session_id)
        assert viewer is not None
        async with asyncio.timeout(WAIT_S):
            await viewer.connected.wait()

    def chunks(self, session_id: str) -> list[AudioChunk]:
        return [
            one
            for one in self.gateway.records()
            if isinstance(one, AudioChunk) and one.session_id == session_id
        ]


def credentials(keys: dict[str, Any]) -> TemporaryCredentials:
    return TemporaryCredentials(keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"])


@asynccontextmanager
async def kvs_world(folder: Path) -> AsyncGenerator[World, None]:
    async with AsyncExitStack() as exits:
        server = await exits.enter_async_context(kvs_server(folder, limit=2))
        clients, token_clients = AwsClients(server.settings), AwsClients(server.token_settings)
        exits.push_async_callback(clients.close)
        exits.push_async_callback(token_clients.close)
        # Opened before anything is timed: reading the services' descriptions takes a while.
        await clients.kinesis_video()
        await clients.kinesis_video_signaling(server.control.url)
        await token_clients.sts()
        access = AmazonSignalingAccess(token_clients, ROLE_ARN)
        needs = in_memory(
            sink=MemoryRecordSink(),
            channels=AmazonSignalingChannels(clients),
            channel_access=access,
        )

        passed_ms = [0]

        def pass_ms(by_ms: int) -> None:
            passed_ms[0] += by_ms

        def new_worker() -> tuple[Gateway, KvsWorker]:
            core = Gateway(
                replace(needs, gateway_id="worker", now_ms=lambda: wall_clock_ms() + passed_ms[0])
            )
            viewing = ViewerDependencies(
                gateway=core,
                channels=AmazonSignalingChannels(clients),
                access=access,
                region="us-east-1",
                ice=IceSettings("127.0.0.1"),
                tls=server.trusting(),
                times=QUICK,
            )
            return core, KvsWorker(viewing, most=2)

        gateway = await exits.enter_async_context(running(needs))
        core, worker = new_worker()
        await core.start()
        exits.push_async_callback(core.stop)
        exits.push_async_callback(worker.close)
        yield World(gateway, worker, core, server, new_worker, pass_ms)
