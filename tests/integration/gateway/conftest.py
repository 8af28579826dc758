"""A whole gateway on a loopback port, over tables and a stream in memory that tests look into."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.dead_letters import MemoryDeadLetters
from connectors.memory.document_store import MemoryDocumentStore
from connectors.memory.erasure import MemoryErasure
from connectors.memory.ledger import MemoryLedger
from connectors.memory.record_sink import MemoryRecordSink
from connectors.memory.session_tables import MemorySessionTables
from ingest_gateway.access.auth import LocalIssuer
from ingest_gateway.access.edge import Edge
from ingest_gateway.gateway import Gateway, GatewayDependencies, wall_clock_ms
from ingest_gateway.hosts.server.app import ServerApp
from ingest_gateway.hosts.server.edge_app import EdgeApp, behind_edge
from ingest_gateway.hosts.server.guard import Guard, GuardLimits
from ingest_gateway.hosts.server.uvicorn_server import server_config
from ingest_gateway.protocol.frames import AudioFrame, encode_frame
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.sessions.languages import Languages
from schemas.avro_codec import decode
from schemas.values import AudioChunk, SessionControl, StreamRecord
from tests.integration.gateway.api_gateway import OVERLAP_S, ApiGateway
from tests.integration.gateway.prompt_server import PromptServer

ISSUER = LocalIssuer()
WAIT_S = 60.0
"""When a test is taken to hang: what passes never waits for so long, also on a busy machine."""
ROUTES = {("en", "es"), ("en", "ca"), ("en", "fr"), ("es", "en")}


def audio_fields(session_id: str, frame: AudioFrame) -> dict[str, Any]:
    """An ``audioChunk`` message's."""
    return {
        "sessionId": session_id,
        "audioData": base64.b64encode(frame.pcm).decode(),
        "timestamp": frame.timestamp_ms,
        "format": "pcm",
        "sampleRate": 16000,
        "channels": 1,
        "encoding": "s16le",
        "sequence": frame.sequence,
    }


def plain_http(url: str, **options: Any) -> httpx.AsyncClient:
    """A client that reads no authorities of TLS, which takes 40 ms of CPU each time."""
    options = {"timeout": WAIT_S, "verify": False} | options
    return httpx.AsyncClient(base_url=url, **options)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


@dataclass
class Client:
    """One WebSocket; what comes in is kept and waited for by type. ``json_audio``: frames go as
    messages, into the session that was named last."""

    socket: ClientConnection
    json_audio: bool = False
    session_id: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)
    taken: int = 0

    async def send(self, action: str, **fields: Any) -> None:
        self.session_id = fields.get("sessionId", self.session_id)
        await self.socket.send(json.dumps({"action": action, **fields}))

    async def frame(self, sequence: int, pcm: bytes = b"\x01\x00" * 1600, at_ms: int = 0) -> None:
        frame = AudioFrame(sequence, at_ms or wall_clock_ms() - 100, pcm)
        if self.json_audio:
            await self.send("audioChunk", **audio_fields(self.session_id, frame))
        else:
            await self.socket.send(encode_frame(frame))

    async def expect(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next message of this type with these fields; others are passed over."""
        async with asyncio.timeout(WAIT_S):
            while True:
                while self.taken < len(self.received):
                    message = self.received[self.taken]
                    self.taken += 1
                    if message["type"] == kind and fields.items() <= message.items():
                        return message
                self.received.append(json.loads(await self.socket.recv()))

    async def ask(self, action: str, answer: str, **fields: Any) -> dict[str, Any]:
        await self.send(action, **fields)
        return await self.expect(answer)

    async def acknowledged(self, sequence: int) -> None:
        while (await self.expect("audioAck"))["sequence"] < sequence:
            pass

    async def closed(self) -> tuple[int, str]:
        """How the gateway closed it."""
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(ConnectionClosed) as raised:
                await self._receive_on()
        close = raised.value.rcvd
        assert close is not None
        return close.code, close.reason

    async def _receive_on(self) -> None:
        while True:
            self.received.append(json.loads(await self.socket.recv()))


class RunningGateway:
    """``restart`` is a new process' life over the same tables and stream. ``taken_over``: how a
    socket ends whose speaker goes on in another one."""

    json_audio = False
    guard_limits = GuardLimits()
    taken_over = (4409, "SPEAKER_TAKEN")

    def __init__(self, needs: GatewayDependencies) -> None:
        self.needs = needs
        self._exits = AsyncExitStack()
        self._server: PromptServer

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition)

    async def start(self, port: int = 0) -> None:
        self.gateway = Gateway(self.needs)
        loop = asyncio.get_running_loop()
        self.guard = Guard(self.guard_limits, self.gateway.security, loop.time)
        config = server_config(self.app(), "127.0.0.1", port, guard=self.guard)
        self._server = PromptServer(config)
        self.port = await self._server.start()

    def app(self) -> EdgeApp:
        return behind_edge(self.gateway, ServerApp(self.gateway))

    async def stop(self) -> None:
        await self._exits.aclose()
        await self._server.stop()

    async def restart(self, port: int = 0) -> None:
        await self.stop()
        await self.start(port)

    async def durable(self, session_id: str) -> None:
        """Until all that was taken into this session is on the stream."""
        await self.gateway.writer.wait_until_durable(session_id)

    async def key(self, session_id: str) -> str:
        """The secret of a session's link."""
        row = await self.tables.get(session_id)
        assert row is not None
        return row.info.extra["listeningKey"]

    async def hung_up(self, *clients: Client) -> None:
        """Close these and wait until they are counted out."""
        here = len(self.gateway.hub.all())
        for client in clients:
            await client.socket.close()
        await until(lambda: len(self.gateway.hub.all()) == here - len(clients))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def http(self, **options: Any) -> httpx.AsyncClient:
        return plain_http(self.url, **options)

    @property
    def sink(self) -> MemoryRecordSink:
        assert isinstance(self.needs.sink, MemoryRecordSink)
        return self.needs.sink

    @property
    def tables(self) -> MemorySessionTables:
        assert isinstance(self.needs.tables, MemorySessionTables)
        return self.needs.tables

    def records(self) -> list[StreamRecord]:
        return [decode(record.data) for record in self.sink.stored]

    def chunks(self) -> list[tuple[int, int]]:
        """(epoch, sequence) in the order they became durable."""
        return [(one.epoch, one.sequence) for one in self.records() if isinstance(one, AudioChunk)]

    def stored_pcm(self, session_id: str) -> bytes:
        """The samples of a session's first epoch as a reader puts them together."""
        chunks = {
            one.sequence: one.pcm
            for one in self.records()
            if isinstance(one, AudioChunk) and one.session_id == session_id and one.epoch == 0
        }
        return b"".join(chunks[number] for number in sorted(chunks))

    def controls(self, *kinds: str) -> list[SessionControl]:
        return [
            one for one in self.records() if isinstance(one, SessionControl) and one.kind in kinds
        ]

    def token(self, subject: str = "ada") -> str:
        return ISSUER.issue(subject)

    async def connect(
        self, token: str | None = None, *, ticket: str | None = None, query: str = ""
    ) -> Client:
        subprotocols = ["live-translation"]
        subprotocols += [f"token.{token}"] if token else []
        subprotocols += [f"ticket.{ticket}"] if ticket else []
        socket = await self._exits.enter_async_context(
            connect(
                f"ws://127.0.0.1:{self.port}/ws{query}",
                subprotocols=subprotocols,  # type: ignore[arg-type]
                proxy=None,
                ping_interval=None,
                close_timeout=1,
                max_size=None,
            )
        )
        return Client(socket, self.json_audio)

    async def speaker(
        self, session_id: str | None = None, stream: str = "s1", subject: str = "ada"
    ) -> tuple[Client, str]:
        """Somebody who has joined as the speaker of a session."""
        client = await self.connect(self.token(subject))
        if session_id is None:
            created = await client.ask("createSession", "sessionCreated", sourceLanguage="en")
            session_id = str(created["sessionId"])
        await client.ask(
            "joinAsSpeaker", "speakerJoined", sessionId=session_id, streamId=stream, nextSequence=0
        )
        return client, session_id

    async def listener(self, session_id: str, language: str = "es", **more: Any) -> Client:
        client = await self.connect()
        await client.ask(
            "joinSession", "sessionJoined", sessionId=session_id, targetLanguage=language, **more
        )
        return client


class RunningHandlers(RunningGateway):
    """The functions' handlers behind an API Gateway of the tests, over the same tables."""

    json_audio = True
    taken_over = (1000, "")
    overlap_s = OVERLAP_S

    async def start(self, port: int = 0) -> None:
        self.api = ApiGateway(self.needs, self.overlap_s)
        config = server_config(self.api, "127.0.0.1", port)  # type: ignore[arg-type]
        config.lifespan = "off"
        self._server = PromptServer(config)
        self.port = await self._server.start()

    async def durable(self, session_id: str) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.api.idle()

    async def hung_up(self, *clients: Client) -> None:
        here = self.api.connections
        for client in clients:
            await client.socket.close()
        await until(lambda: self.api.connections == here - len(clients))
        await self.durable("")

    def chunks(self) -> list[tuple[int, int]]:
        """As a reader puts them in order: handlers overlap."""
        return sorted(super().chunks())


async def listened_languages(
    host: RunningGateway, session_id: str
) -> list[tuple[int, tuple[str, ...]]]:
    """The ``listeners`` records of the session's stream: (revision, languages)."""
    await host.durable(session_id)
    return [
        (one.revision, one.languages or ())
        for one in host.controls("listeners")
        if one.session_id == session_id
    ]


LIMITS = Limits(creates_per_minute=1000, joins_per_minute=1000)


def in_memory(limits: Limits = LIMITS, **changes: Any) -> GatewayDependencies:
    numbers = itertools.count(100)
    tables, ledger = MemorySessionTables(wall_clock_ms), MemoryLedger()
    clips, letters = changes.pop("clips", MemoryClipStore()), MemoryDeadLetters()
    needs = GatewayDependencies(
        tables=tables,
        sink=MemoryRecordSink(),
        ledger=ledger,
        clips=clips,
        erasure=MemoryErasure(tables, ledger, clips, letters),
        languages=Languages(
            can_hear=lambda source: source in ("en", "es"),
            can_translate=lambda source, target: (source, target) in ROUTES,
            can_speak=lambda target: target != "fr",
        ),
        verifier=ISSUER,
        issuer=ISSUER,
        gateway_id="gateway-1",
        edge=Edge(trust_loopback=True),
        dead_letters=letters,
        flink_url="http://127.0.0.1:8081",
        limits=limits,
        new_session_id=lambda: f"joyful-mountain-{next(numbers)}",
        fraction=lambda: 0.0,
    )
    needs = replace(needs, **changes)
    return replace(needs, documents=needs.documents or MemoryDocumentStore(needs.now_ms))


Start = Callable[..., Awaitable[RunningGateway]]
HOSTS = {"server": RunningGateway, "handlers": RunningHandlers}


@asynccontextmanager
async def running(
    needs: GatewayDependencies, kind: type[RunningGateway] = RunningGateway
) -> AsyncGenerator[RunningGateway]:
    gateway = kind(needs)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """``await start(limits, sink=...)``: a gateway with other limits or parts."""
    async with AsyncExitStack() as exits:

        async def start_one(limits: Limits = LIMITS, **changes: Any) -> RunningGateway:
            return await exits.enter_async_context(running(in_memory(limits, **changes)))

        yield start_one


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with running(in_memory()) as one:
        yield one


@pytest.fixture(params=list(HOSTS))
def host_kind(request: pytest.FixtureRequest) -> type[RunningGateway]:
    return HOSTS[request.param]


@pytest.fixture
async def host(host_kind: type[RunningGateway]) -> AsyncIterator[RunningGateway]:
    """The server, then the handlers: what clients notice no difference in."""
    async with running(in_memory(), host_kind) as one:
        yield one


@pytest.fixture
async def start_host(host_kind: type[RunningGateway]) -> AsyncIterator[Start]:
    """As ``start``, of both kinds."""
    async with AsyncExitStack() as exits:

        async def start_one(limits: Limits = LIMITS, **changes: Any) -> RunningGateway:
            return await exits.enter_async_context(running(in_memory(limits, **changes), host_kind))

        yield start_one
