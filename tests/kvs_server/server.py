"""All of the service, on ports of 127.0.0.1: HTTP for control and keys, TLS for the WebSockets."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from connectors.amazon.clients import AwsSettings
from local_stack.amazon_servers.certificates import make_certificates
from local_stack.amazon_servers.http_service import ServiceError
from local_stack.amazon_servers.signatures import BadSignatureError
from tests.kvs_server.channels import MASTER, Channel
from tests.kvs_server.control import ControlServer
from tests.kvs_server.keys import Keys, allows
from tests.kvs_server.signed_urls import check_url
from tests.kvs_server.tokens import TokenServer


class KvsServer:
    """``refused``: why a WebSocket was, in order; ``accepted``: the keys of those that were not.
    ``ca_file``: what clients have to trust."""

    def __init__(
        self,
        folder: Path,
        *errors: ServiceError,
        limit: int = 100,
        ice: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self.keys = Keys()
        self.refused: list[str] = []
        self.accepted: list[str] = []
        self.control = ControlServer(lambda: self.wss_url, *errors, limit=limit, ice=ice)
        self.tokens = TokenServer(self.keys)
        certificates = make_certificates(folder)
        self.ca_file = certificates.ca_file
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates.chain_file, certificates.key_file)
        self._exits = AsyncExitStack()

    async def start(self) -> None:
        await self.control.start()
        self._exits.push_async_callback(self.control.close)
        self._wss_port = await self._serve(web.get("/", self._connect), self._tls)
        self._sts_port = await self._serve(web.post("/", self.tokens.handle), None)

    async def close(self) -> None:
        for channel in self.control.channels.values():
            await channel.close()
        await self._exits.aclose()

    @property
    def wss_url(self) -> str:
        return f"wss://localhost:{self._wss_port}"

    @property
    def settings(self) -> AwsSettings:
        return AwsSettings.local(self.control.url, "test")

    @property
    def token_settings(self) -> AwsSettings:
        return AwsSettings.local(f"http://127.0.0.1:{self._sts_port}", "test")

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def channel(self, name: str) -> Channel:
        found = self.control.named(name)
        assert found is not None, f"there is no channel {name}"
        return found

    async def _serve(self, route: web.RouteDef, tls: ssl.SSLContext | None) -> int:
        app = web.Application()
        app.add_routes([route])
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        self._exits.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        return int(runner.addresses[0][1])

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        client_id = query.get("X-Amz-ClientId", MASTER)
        arn = query.get("X-Amz-ChannelARN", "")
        try:
            key = check_url(request.headers["Host"], request.path, query, self.keys)
        except BadSignatureError as error:
            return self._refuse(403, str(error))
        action = "ConnectAsMaster" if client_id == MASTER else "ConnectAsViewer"
        if not allows(key, action, arn):
            return self._refuse(403, f"this key may not {action}")
        channel = self.control.channels.get(arn)
        if channel is None:
            return self._refuse(404, "there is no such channel")
        if not channel.has_room(client_id):
            return self._refuse(400, "the channel has its viewers")
        self.accepted.append(query["X-Amz-Credential"].partition("/")[0])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await channel.serve(client_id, socket)
        return socket

    def _refuse(self, status: int, why: str) -> web.Response:
        self.refused.append(why)
        return web.Response(status=status, text=why)


@asynccontextmanager
async def kvs_server(
    folder: Path, *errors: ServiceError, **options: Any
) -> AsyncGenerator[KvsServer, None]:
    server = KvsServer(folder, *errors, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
