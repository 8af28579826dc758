"""Proxies between the system and a service, which cut, refuse, delay or choose on command.

``TcpProxy`` passes bytes on and can be cut. ``FirstAnswerProxy`` is what API Gateway is to the job:
a post to a connection reaches it whichever gateway holds it. ``FaultyProxy`` gives AWS's answers in
front of a local service that would not: a quota, a policy, an iterator that is too old. All run on
a loop in a thread of its own, so that blocking code can start and stop the services of a stack.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from beam_flink_kit.loops import LiveLoop
from local_stack.ports import LOOPBACK

_CALL_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 10.0
_MOST_BODY_BYTES = 16 << 20
_READ_BYTES = 64 * 1024
_TARGET = "X-Amz-Target"
_HOPS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})
"""Headers between two neighbours. The host stays: signatures were made over it."""
_GONE = 410


class TcpProxy:
    """A load balancer: a whole connection goes to the target that is current when it begins.

    ``target_port``: of the current target, changed from any thread.
    """

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


class HttpProxy(ABC):
    """Serves on a free port of the loopback interface; ``url`` is known once it has started."""

    def __init__(self, loop: LiveLoop, answer_timeout_s: float | None = None) -> None:
        self._loop = loop
        self._timeout = aiohttp.ClientTimeout(total=answer_timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.url = ""

    def start(self) -> None:
        port = self._loop.wait(self._loop.start(self._start()), _CALL_TIMEOUT_S)
        self.url = f"http://{LOOPBACK}:{port}"

    def stop(self) -> None:
        self._loop.wait(self._loop.start(self._stop()), _CALL_TIMEOUT_S)

    @abstractmethod
    async def respond(self, request: web.Request) -> web.Response:
        """On the proxy's loop, for every request."""

    async def forward(self, url: str, request: web.Request) -> web.Response | None:
        """The answer of the service at ``url`` to the same request; None: it gave none."""
        if self._session is None:
            return None
        try:
            async with self._session.request(
                request.method,
                URL(url + request.raw_path, encoded=True),
                data=await request.read(),
                headers=_kept(request.headers),
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                return web.Response(status=answer.status, body=body, headers=_kept(answer.headers))
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def _start(self) -> int:
        # Answers go on as they came: what is packed stays packed.
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            timeout=self._timeout,
            connector=aiohttp.TCPConnector(limit=0),
        )
        app = web.Application(client_max_size=_MOST_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self.respond)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        return int(self._runner.addresses[0][1])

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()


class FirstAnswerProxy(HttpProxy):
    """Asks one gateway after another until one holds the connection.

    ``urls``: of the gateways that run, the newest first; changed from any thread.
    """

    def __init__(self, loop: LiveLoop) -> None:
        super().__init__(loop, _ANSWER_TIMEOUT_S)
        self.urls: tuple[str, ...] = ()

    async def respond(self, request: web.Request) -> web.Response:
        """The answer of the gateway that holds the connection. A gateway that did not answer may
        hold it: then the caller is to try again, and is not told that it is gone."""
        gone, unknown = web.Response(status=_GONE), False
        for url in self.urls:
            answer = await self.forward(url, request)
            if answer is None:
                unknown = True
            elif answer.status == _GONE:
                gone = answer
            else:
                return answer
        return web.Response(status=503) if unknown or not self.urls else gone


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to calls whose name matches ``calls``, a pattern of the shell.

    A call's name is AWS's (``PutRecords``), where it says one, else method and path
    (``PUT /bucket/key``). ``status`` 0: it is only ``delay_s`` late. ``every``: so many-th calls
    fail, 1: all. ``code`` is AWS's word for what is wrong.
    """

    calls: str
    status: int = 0
    code: str = ""
    delay_s: float = 0.0
    every: int = 1


class FaultyProxy(HttpProxy):
    """``with FaultyProxy(url) as proxy:`` and ``proxy.url`` is to be called instead of ``url``.

    ``refused`` counts by a call's name. Faults are changed from any thread.
    """

    def __init__(self, upstream_url: str) -> None:
        super().__init__(LiveLoop())
        self._upstream_url = upstream_url.rstrip("/")
        self._faults: tuple[Fault, ...] = ()
        self._matched: Counter[Fault] = Counter()
        self.refused: Counter[str] = Counter()

    def __enter__(self) -> FaultyProxy:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.stop()  # and with it the connections that clients keep open

    @contextmanager
    def with_faults(self, *faults: Fault) -> Generator[None]:
        """These, and no others, until the block is left."""
        self._faults = faults
        try:
            yield
        finally:
            self._faults = ()

    async def respond(self, request: web.Request) -> web.Response:
        name = call_name(request.method, request.path, request.headers.get(_TARGET))
        for fault in self._faults:
            if not fnmatchcase(name, fault.calls):
                continue
            self._matched[fault] += 1
            if self._matched[fault] % fault.every:
                continue
            await asyncio.sleep(fault.delay_s)
            if fault.status:
                self.refused[name] += 1
                return _refusal(fault, is_aws_json=_TARGET in request.headers)
        answer = await self.forward(self._upstream_url, request)
        return answer if answer is not None else web.Response(status=502)


def call_name(method: str, path: str, target: str | None) -> str:
    """``Kinesis_20131202.PutRecords`` is ``PutRecords``; without a target, ``PUT /bucket/key``."""
    return target.rpartition(".")[2] if target else f"{method} {path}"


def _kept(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _HOPS
    )


def _refusal(fault: Fault, *, is_aws_json: bool) -> web.Response:
    if is_aws_json:
        body = json.dumps({"__type": fault.code, "message": "provoked"})
        return web.Response(
            status=fault.status, text=body, content_type="application/x-amz-json-1.1"
        )
    xml = f"<Error><Code>{fault.code}</Code><Message>provoked</Message></Error>"
    return web.Response(status=fault.status, text=xml, content_type="application/xml")
