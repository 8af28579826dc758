"""The gateway as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide

from ingest_gateway.gateway import Gateway
from ingest_gateway.hosts.server.websocket import talk_and_listen
from ingest_gateway.protocol.limits import MAX_MESSAGE_BYTES
from ingest_gateway.routes.captions import CAPTION_ROUTES
from ingest_gateway.routes.connections import CONNECTION_ROUTES
from ingest_gateway.routes.openapi import OPENAPI_ROUTES
from ingest_gateway.routes.operations import OPERATIONS_ROUTES
from ingest_gateway.routes.pages import ASKED_BY_PAGES, PAGE_ROUTES
from ingest_gateway.routes.refusals import GATEWAY_OF, REFUSALS, fetch_keys_for
from ingest_gateway.routes.rooms import ROOM_ROUTES
from ingest_gateway.routes.sessions import SESSION_ROUTES, metrics
from ingest_gateway.routes.signaling import SIGNALING_ROUTES
from ingest_gateway.webrtc.peers import WebRtcPeers
from ingest_gateway.webrtc.routes import WEBRTC_ROUTES


def create_app(gateway: Gateway) -> Litestar:
    peers = WebRtcPeers(gateway, gateway.needs.ice)

    @asynccontextmanager
    async def running(_app: Litestar) -> AsyncGenerator[None, None]:
        await gateway.start()
        try:
            yield
        finally:
            await peers.close()
            await gateway.stop()

    async def before(request: Request[Any, Any, Any]) -> None:
        await fetch_keys_for(request, gateway)

    apart = (metrics,) if gateway.needs.metrics_apart else ()
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
        dependencies={
            "gateway": Provide(lambda: gateway, sync_to_thread=False),
            "peers": Provide(lambda: peers, sync_to_thread=False),
        },
        exception_handlers=REFUSALS,
        before_request=before,
        request_max_body_size=2 * MAX_MESSAGE_BYTES,
        state=State({GATEWAY_OF: lambda: gateway, ASKED_BY_PAGES: gateway.needs.asked_by_pages}),
        lifespan=[running],
        openapi_config=None,
        logging_config=None,
    )
