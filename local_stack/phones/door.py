"""A way in from outside: to the gateway, and to its clips, which lie in a local store.

The gateway is told whose request it is, so that nobody from outside counts as this machine. What
the gateway and the job say of clips names the store's own address, which only this machine reaches:
outside, clips come from where the page came from.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict
from yarl import URL

_HOPS = frozenset(
    {
        *("connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"),
        *("content-length", "host", "forwarded", "x-forwarded-for", "x-forwarded-proto"),
    }
)
_MOST_MESSAGE_BYTES = 1 << 20
_MOST_BODY_BYTES = 1 << 20


class PhoneDoor:
    """``gateway_url`` and ``store_url`` are on this machine; ``bucket`` holds the clips.

    ``public_url``: where the door is for those who come in by it.
    """

    def __init__(self, gateway_url: str, store_url: str, bucket: str, public_url: str) -> None:
        self._gateway = gateway_url
        self._store = store_url.rstrip("/")
        self._bucket = bucket
        self._public_url = public_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def start(self, address: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=_MOST_BODY_BYTES)
        app.router.add_get(f"/{self._bucket}/{{key:.+}}", self._clip)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, address, port, ssl_context=tls).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _clip(self, request: web.Request) -> web.StreamResponse:
        """Its address is signed: the store looks at that."""
        return await self._fetched(request, self._store, {})

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        came_from = {
            "host": request.headers.get("host", ""),
            "x-forwarded-for": request.remote or "unknown",
            "x-forwarded-proto": URL(self._public_url).scheme,
        }
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._converse(request, came_from)
        return await self._fetched(request, self._gateway, came_from)

    async def _fetched(
        self, request: web.Request, url: str, came_from: dict[str, str]
    ) -> web.StreamResponse:
        headers = _kept(request) | came_from
        try:
            async with self._open_session.request(
                request.method,
                URL(url + request.raw_path, encoded=True),
                data=await request.read(),
                headers=headers,
                allow_redirects=False,
            ) as answer:
                kept = CIMultiDict(
                    (name, value)
                    for name, value in answer.headers.items()
                    if name.lower() not in _HOPS
                )
                passed = web.StreamResponse(status=answer.status, headers=kept)
                await passed.prepare(request)
                async for part in answer.content.iter_any():
                    await passed.write(part)
                await passed.write_eof()
                return passed
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError):
            return web.Response(status=502, text="the gateway does not answer: try again\n")

    async def _converse(
        self, request: web.Request, came_from: dict[str, str]
    ) -> web.StreamResponse:
        offered = [
            one.strip()
            for one in request.headers.get("sec-websocket-protocol", "").split(",")
            if one.strip()
        ]
        headers = {
            name: value
            for name, value in (_kept(request) | came_from).items()
            if not name.lower().startswith("sec-websocket-")
        }
        try:
            there = await self._open_session.ws_connect(
                URL(self._gateway.replace("http", "ws", 1) + request.raw_path, encoded=True),
                protocols=offered,
                headers=headers,
                max_msg_size=_MOST_MESSAGE_BYTES,
            )
        except aiohttp.ClientError:
            return web.Response(status=502, text="the gateway does not answer: try again\n")
        chosen = [] if there.protocol is None else [there.protocol]
        here = web.WebSocketResponse(protocols=chosen, max_msg_size=_MOST_MESSAGE_BYTES)
        async with there:
            await here.prepare(request)
            inward = asyncio.create_task(_carry(here, there, None))
            outward = asyncio.create_task(
                _carry(there, here, (f"{self._store}/{self._bucket}/", self._clips_url))
            )
            _, waiting = await asyncio.wait({inward, outward}, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            with contextlib.suppress(ConnectionError):
                await here.close(code=there.close_code or 1001)
        return here

    @property
    def _clips_url(self) -> str:
        return f"{self._public_url}/{self._bucket}/"

    @property
    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise AssertionError("a door that is open has a session")
        return self._session


async def _carry(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    target: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    renamed: tuple[str, str] | None,
) -> None:
    """Every message, until one side ends. ``renamed``: an address in texts, and what it becomes."""
    with contextlib.suppress(ConnectionError):
        async for message in source:
            if message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
            elif message.type is WSMsgType.TEXT:
                text: str = message.data
                await target.send_str(text if renamed is None else text.replace(*renamed))


def _kept(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name.lower() not in _HOPS}
