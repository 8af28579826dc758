"""Session events over HTTP, as EventBridge's API destinations post them.

What is answered with an error is sent again by the bus, for up to a day.
"""

from __future__ import annotations

import hmac
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from connectors.interfaces.session_events import DETAIL_TYPE, SOURCE, SessionEvent, event_of
from ingest_gateway.access.edge import Edge
from ingest_gateway.gateway import Gateway
from ingest_gateway.kvs.worker import KvsWorker

KEY_HEADER = "x-events-key"
_MAX_BODY_BYTES = 256 * 1024


class Envelope(msgspec.Struct, frozen=True, rename={"detail_type": "detail-type"}):
    source: str
    detail_type: str
    detail: dict[str, object]


def session_event(document: bytes) -> SessionEvent | None:
    """None: an event of something else. Raises ValueError when it is no event."""
    try:
        envelope = msgspec.json.decode(document, type=Envelope)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    if (envelope.source, envelope.detail_type) != (SOURCE, DETAIL_TYPE):
        return None
    return event_of(envelope.detail)


_HERE = Edge(trust_loopback=True)
ItsWorker = NamedDependency[KvsWorker]
ItsKey = NamedDependency[str | None]


@post("/session-events", status_code=202)
async def session_events(
    request: Request[Any, Any, Any], worker: ItsWorker, events_key: ItsKey
) -> Response[bytes]:
    """Callers that show the key may tell; without a key, those on this machine."""
    if events_key is None:
        address = request.client.host if request.client else "unknown"
        known = _HERE.is_on_this_machine(address, request.headers)
    else:
        shown = request.headers.get(KEY_HEADER, "")
        known = hmac.compare_digest(shown.encode(), events_key.encode())
    if not known:
        return Response(b"", status_code=403)
    body = await request.body()
    try:
        event = session_event(body[:_MAX_BODY_BYTES])
    except ValueError:
        return Response(b"", status_code=400)
    taken = event is None or await worker.take(event)
    return Response(b"", status_code=202 if taken else 503, headers={"retry-after": "10"})


@get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@get("/metrics")
async def metrics(gateway: NamedDependency[Gateway]) -> Response[bytes]:
    body = generate_latest(gateway.metrics.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def create_app(gateway: Gateway, worker: KvsWorker, events_key: str | None) -> Litestar:
    async def start() -> None:
        await gateway.start()
        await worker.recover()

    async def stop() -> None:
        await worker.close()
        await gateway.stop()

    return Litestar(
        route_handlers=[session_events, healthz, metrics],
        dependencies={
            "gateway": Provide(lambda: gateway, sync_to_thread=False),
            "worker": Provide(lambda: worker, sync_to_thread=False),
            "events_key": Provide(lambda: events_key, sync_to_thread=False),
        },
        on_startup=[start],
        on_shutdown=[stop],
        openapi_config=None,
        logging_config=None,
    )
