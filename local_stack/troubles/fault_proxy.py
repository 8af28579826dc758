"""Stands between the system and a service, and refuses, delays or hides what it is told to.

AWS fails by answers, not by dying: a quota, a policy, an iterator that is too old. This gives such
answers to real clients, in front of a local service that would not. It lives in a thread of its
own, so that the services of a stack can be started and stopped by blocking code.
"""

from __future__ import annotations

import asyncio
import json
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

_TARGET = "X-Amz-Target"
_START_TIMEOUT_S = 10.0
_HOPS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})
"""Headers between two neighbours. The host stays: signatures were made over it."""


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


class FaultProxy:
    """``with FaultProxy(url) as proxy:`` and ``proxy.url`` is to be called instead of ``url``.

    ``refused`` counts by a call's name. Faults are changed from any thread.
    """

    def __init__(self, upstream_url: str) -> None:
        self._upstream_url = upstream_url.rstrip("/")
        self._faults: tuple[Fault, ...] = ()
        self._matched: Counter[Fault] = Counter()
        self._loop = LiveLoop()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.refused: Counter[str] = Counter()
        self.url = ""

    def __enter__(self) -> FaultProxy:
        port = self._loop.wait(self._loop.start(self._start()), _START_TIMEOUT_S)
        self.url = f"http://{LOOPBACK}:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.wait(self._loop.start(self._stop()), _START_TIMEOUT_S)
        self._loop.stop()  # and with it the connections that clients keep open

    @contextmanager
    def with_faults(self, *faults: Fault) -> Generator[None]:
        """These, and no others, until the block is left."""
        self._faults = faults
        try:
            yield
        finally:
            self._faults = ()

    async def _start(self) -> int:
        # Answers go on as they came: what is packed stays packed.
        self._session = aiohttp.ClientSession(
            auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)
        )
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
        return await self._pass_on(request)

    async def _pass_on(self, request: web.Request) -> web.Response:
        if self._session is None:
            raise web.HTTPServiceUnavailable
        headers = _kept(request.headers)
        url = self._upstream_url + request.raw_path
        try:
            async with self._session.request(
                request.method,
                URL(url, encoded=True),
                data=await request.read(),
                headers=headers,
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                return web.Response(status=answer.status, body=body, headers=_kept(answer.headers))
        except aiohttp.ClientConnectionError:
            return web.Response(status=502)


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
