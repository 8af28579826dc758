"""Where clients and the job reach the gateways of a chaos run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from beam_flink_kit.loops import LiveLoop
from local_stack.ports import free_ports
from local_stack.proxies import FirstAnswerProxy, TcpProxy

pytestmark = pytest.mark.integration


@asynccontextmanager
async def gateway(name: str, *connections: str) -> AsyncIterator[int]:
    """Its port. It holds ``connections``, and tells its name to whoever asks."""

    async def post(request: web.Request) -> web.Response:
        if request.match_info["id"] not in connections:
            return web.Response(status=410)
        return web.Response(text=f"{name} got {(await request.read()).decode()}")

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=name)

    app = web.Application()
    app.router.add_post("/@connections/{id}", post)
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@pytest.fixture
def loop() -> Iterator[LiveLoop]:
    loop = LiveLoop()
    yield loop
    loop.stop()


@pytest.fixture
def notify(loop: LiveLoop) -> Iterator[FirstAnswerProxy]:
    front = FirstAnswerProxy(loop)
    front.start()
    yield front
    front.stop()


async def posted(front: FirstAnswerProxy, connection: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{front.url}/@connections/{connection}", data=b"hello") as answer,
    ):
        return answer.status, await answer.text()


async def test_a_post_reaches_the_gateway_that_holds_the_connection(
    notify: FirstAnswerProxy,
) -> None:
    async with gateway("old", "a") as old, gateway("new", "b") as new:
        notify.urls = (f"http://127.0.0.1:{new}", f"http://127.0.0.1:{old}")
        assert await posted(notify, "a") == (200, "old got hello")
        assert await posted(notify, "b") == (200, "new got hello")
        assert (await posted(notify, "c"))[0] == 410


async def test_a_connection_is_not_gone_while_a_gateway_does_not_answer(
    notify: FirstAnswerProxy,
) -> None:
    (nobody,) = free_ports(1)
    async with gateway("new", "b") as new:
        notify.urls = (f"http://127.0.0.1:{new}", f"http://127.0.0.1:{nobody}")
        assert (await posted(notify, "a"))[0] == 503
        assert await posted(notify, "b") == (200, "new got hello")
    notify.urls = ()
    assert (await posted(notify, "a"))[0] == 503


async def test_clients_keep_their_gateway_and_new_ones_come_to_the_current(
    loop: LiveLoop,
) -> None:
    (port,) = free_ports(1)
    async with gateway("old") as old, gateway("new") as new:
        front = TcpProxy(loop, port, old)
        front.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as early:
                assert await (await early.get("/")).text() == "old"
                front.target_port = new
                assert await (await early.get("/")).text() == "old"
                async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as late:
                    assert await (await late.get("/")).text() == "new"
        finally:
            front.stop()


async def test_clients_that_are_cut_off_come_back_when_it_is_mended(loop: LiveLoop) -> None:
    (port,) = free_ports(1)
    async with gateway("only") as only:
        front = TcpProxy(loop, port, only)
        front.start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
                assert await (await client.get("/")).text() == "only"
                assert front.cut() == 1
                with pytest.raises(aiohttp.ClientError):
                    await client.get("/")
                front.mend()
                assert await (await client.get("/")).text() == "only"
        finally:
            front.stop()
