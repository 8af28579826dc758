"""What a notifier posts to: the two HTTP faces of a gateway, over listeners in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Collection
from dataclasses import asdict

from aiohttp import web

from connectors.interfaces.errors import ConnectorError, RetryableError
from connectors.interfaces.listener_connections import Listener
from connectors.interfaces.notifier import Audience, Delivery
from connectors.memory.notifier import MemoryNotifier

SESSION = "joyful-mountain-789"


class WebGateway:
    """The two HTTP faces of a gateway over listeners in memory; posts can be held back."""

    def __init__(self) -> None:
        self.memory = MemoryNotifier()
        self.inboxes = self.memory.inboxes
        self.look_ups = 0
        self.posts = 0
        self.holding: dict[str, asyncio.Event] = {}
        self.arrived: dict[str, asyncio.Event] = {}
        self.refuse_all: web.Response | None = None
        self.authorization: str | None = None
        self.batches: list[list[str]] = []
        self.hold_batches: asyncio.Event | None = None
        self.url = ""

    def connect(
        self,
        session_id: str,
        language: str,
        connection_id: str,
        capabilities: Collection[str] = (),
    ) -> None:
        self.memory.connect(session_id, language, connection_id, capabilities)
        self.arrived[connection_id] = asyncio.Event()

    def speak(self, session_id: str, connection_id: str) -> None:
        self.memory.speak(session_id, connection_id)
        self.arrived[connection_id] = asyncio.Event()

    def hang_up(self, connection_id: str) -> None:
        self.memory.hang_up(connection_id)

    def fail(self, connection_id: str, error: ConnectorError) -> None:
        self.memory.fail(connection_id, error)

    def is_connected(self, connection_id: str) -> bool:
        return self.memory.is_connected(connection_id)

    # ListenerConnections

    async def connections(self, session_id: str, language: str) -> tuple[Listener, ...]:
        self.look_ups += 1
        return tuple(
            Listener(one, self.memory.capabilities(one))
            for one in self.memory.listening(session_id, language)
        )

    async def speaker(self, session_id: str) -> str | None:
        return self.memory.speaker(session_id)

    async def lose(self, connection_id: str) -> None:
        self.memory.disconnect(connection_id)

    # HTTP

    async def post_to_connection(self, request: web.Request) -> web.Response:
        connection_id = request.match_info["connection"]
        self.posts += 1
        if connection_id in self.holding:
            await self.holding[connection_id].wait()
        status, code = self._status(self.memory.fault(connection_id))
        if status == 200:
            self.inboxes[connection_id].append(await request.json())
            self.arrived[connection_id].set()
        return web.json_response({}, status=status, headers={"x-amzn-errortype": code})

    async def notify(self, request: web.Request) -> web.Response:
        self.authorization = request.headers.get("Authorization")
        if self.refuse_all is not None:
            return self.refuse_all
        names = request.match_info
        session_id, language = names["session"], names["language"]
        audience = Audience(request.query.get("audience", "all"))
        message = await request.json()
        sending = self.memory.notify(session_id, language, message, audience=audience)
        inline = len(self.memory.listening(session_id, language, Audience.INLINE))
        return await _answered(sending, inline)

    async def tell_speakers(self, request: web.Request) -> web.Response:
        if self.refuse_all is not None:
            return self.refuse_all
        notes = await request.json()
        self.batches.append([note["sessionId"] for note in notes])
        if self.hold_batches is not None:
            await self.hold_batches.wait()
        answers: list[object] = []
        for note in notes:
            try:
                done = await self.memory.tell_speaker(note["sessionId"], note["message"])
                answers.append(asdict(done))
            except RetryableError:
                answers.append(None)
        return web.json_response(answers)

    def _status(self, fault: ConnectorError | None) -> tuple[int, str]:
        if fault is None:
            return 200, ""
        if isinstance(fault, RetryableError):
            return 500, "InternalServerError"
        if "hung up" in str(fault):
            return 410, "GoneException"
        return 413, "PayloadTooLargeException"

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/@connections/{connection}", self.post_to_connection)
        app.router.add_post("/notify/{session}/{language}", self.notify)
        app.router.add_post("/notify", self.tell_speakers)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()


async def _answered(sending: Awaitable[Delivery], inline: int) -> web.Response:
    try:
        done = await sending
    except RetryableError:
        return web.json_response({"error": "nobody was reached"}, status=503)
    return web.json_response(asdict(done) | {"inline": inline})
