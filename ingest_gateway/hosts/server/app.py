"""The gateway as an ASGI application."""

from __future__ import annotations

import traceback
from functools import cache
from typing import Any

from litestar import Litestar
from litestar.di import Provide

from ingest_gateway.gateway import Gateway
from ingest_gateway.hosts.server.websocket import talk_and_listen
from ingest_gateway.protocol.limits import MAX_MESSAGE_BYTES
from ingest_gateway.routes.callers import DEPENDENCIES, GATEWAY
from ingest_gateway.routes.captions import CAPTION_ROUTES
from ingest_gateway.routes.connections import CONNECTION_ROUTES
from ingest_gateway.routes.openapi import OPENAPI_ROUTES
from ingest_gateway.routes.operations import OPERATIONS_ROUTES
from ingest_gateway.routes.pages import PAGE_ROUTES
from ingest_gateway.routes.refusals import REFUSALS, fetch_keys_for
from ingest_gateway.routes.rooms import ROOM_ROUTES
from ingest_gateway.routes.sessions import SESSION_ROUTES, metrics
from ingest_gateway.routes.signaling import SIGNALING_ROUTES
from ingest_gateway.webrtc.peers import WebRtcPeers
from ingest_gateway.webrtc.routes import PEERS, WEBRTC_ROUTES, peers_of


class ServerApp:
    """A gateway over its routes. It starts and stops with the application."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._peers = WebRtcPeers(gateway, gateway.needs.ice)
        self.routes = routes(metrics_apart=gateway.needs.metrics_apart)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            scope = {**scope, GATEWAY: self._gateway, PEERS: self._peers}
            await self.routes(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self._gateway.start()
        except BaseException:
            await send({"type": "lifespan.startup.failed", "message": traceback.format_exc()})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._peers.close()
        await self._gateway.stop()
        await send({"type": "lifespan.shutdown.complete"})


@cache
def routes(*, metrics_apart: bool) -> Litestar:
    """Every route of a server, registered once a process."""
    apart = (metrics,) if metrics_apart else ()
    return Litestar(
        route_handlers=[
            talk_and_listen,
            *(route for route in SESSION_ROUTES if route not in apart),
            *SIGNALING_ROUTES,
            *ROOM_ROUTES,
            *CONNECTION_ROUTES,
            *CAPTION_ROUTES,
            *PAGE_ROUTES,
            *OPERATIONS_ROUTES,
            *OPENAPI_ROUTES,
            WEBRTC_ROUTES,
        ],
        dependencies={**DEPENDENCIES, "peers": Provide(peers_of, sync_to_thread=False)},
        exception_handlers=REFUSALS,
        before_request=fetch_keys_for,
        request_max_body_size=2 * MAX_MESSAGE_BYTES,
        openapi_config=None,
        logging_config=None,
    )
