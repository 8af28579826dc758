"""Where clients and the job reach the gateways, of which there is one, none or two at a time.

``ClientProxy`` is what a load balancer is: whole connections go to the gateway that is current when
they begin. ``NotifyProxy`` is what API Gateway is to the job: a post to a connection reaches it
whichever gateway holds it.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
from aiohttp import web
from yarl import URL

from beam_flink_kit.loops import LiveLoop
from local_stack.ports import LOOPBACK

_CALL_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 10.0
_READ_BYTES = 64 * 1024
_HOPS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})
_GONE = 410


class ClientProxy:
    """Passes bytes on in both directions. ``target_port``: of the current gateway."""

    def __init__(self, loop: LiveLoop, port: int, target_port: int) -> None:
        self._loop = loop
        self._port = port
        self.target_port = target_port
        self._is_open = True
        self._pairs: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        self._loop.wait(self._loop.start(self._start()), _CALL_TIMEOUT_S)

    def stop(self) -> None:
        self._loop.wait(self._loop.start(self._stop()), _CALL_TIMEOUT_S)

    def cut(self) -> int:
        """Break every connection and refuse new ones until ``mend``; how many were broken."""
        return self._loop.wait(self._loop.start(self._cut()), _CALL_TIMEOUT_S)

    def mend(self) -> None:
        self._is_open = True

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self._port)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._cut()

    async def _cut(self) -> int:
        self._is_open = False
        pairs = tuple(self._pairs)
        for pair in pairs:
            pair.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)
        return len(pairs)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or not self._is_open:
            writer.transport.abort()
            return
        self._pairs.add(task)
        try:
            await self._join(reader, writer)
        except asyncio.CancelledError:
            pass  # cut: asyncio would log it as an error of the server
        finally:
            self._pairs.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(LOOPBACK, self.target_port)
        except OSError:
            return
        try:
            directions = {
                asyncio.create_task(_pass_on(reader, there_writer)),
                asyncio.create_task(_pass_on(there_reader, writer)),
            }
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for direction in directions:
                    direction.cancel()
        finally:
            there_writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()
        # What was written last is on its way: closed it would arrive, aborted it would not.
        writer.close()
        await writer.wait_closed()


class NotifyProxy:
    """``urls``: of the gateways that run, the newest first; changed from any thread."""

    def __init__(self, loop: LiveLoop) -> None:
        self._loop = loop
        self.urls: tuple[str, ...] = ()
        self.url = ""
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        self.url = (
            f"http://{LOOPBACK}:{self._loop.wait(self._loop.start(self._start()), _CALL_TIMEOUT_S)}"
        )

    def stop(self) -> None:
        self._loop.wait(self._loop.start(self._stop()), _CALL_TIMEOUT_S)

    async def _start(self) -> int:
        timeout = aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        app = web.Application(client_max_size=16 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        return int(self._runner.addresses[0][1])

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _handle(self, request: web.Request) -> web.Response:
        """The answer of the gateway that holds the connection. A gateway that did not answer may
        hold it: then the caller is to try again, and is not told that it is gone."""
        body = await request.read()
        gone, unknown = web.Response(status=_GONE), False
        for url in self.urls:
            answer = await self._ask(url, request, body)
            if answer is None:
                unknown = True
            elif answer.status == _GONE:
                gone = answer
            else:
                return answer
        return web.Response(status=503) if unknown or not self.urls else gone

    async def _ask(self, url: str, request: web.Request, body: bytes) -> web.Response | None:
        if self._session is None:
            return None
        headers = [
            (name, value) for name, value in request.headers.items() if name.lower() not in _HOPS
        ]
        try:
            async with self._session.request(
                request.method,
                URL(url + request.raw_path, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as answer:
                kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOPS}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
