"""The operators' page, and the one document that it shows. Nothing can be changed here."""

from __future__ import annotations

import msgspec
from litestar import MediaType, Response, get
from litestar.params import FromQuery

from ingest_gateway.access.auth import OPERATOR
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.routes.callers import AnyRequest, ItsGateway, peer_of
from ingest_gateway.routes.pages import page


def check_operator(request: AnyRequest, gateway: Gateway) -> None:
    """Raises Refusal: UNAUTHORIZED without a valid token, FORBIDDEN without the role."""
    identity = peer_of(request, gateway).identity
    if identity is None:
        raise Refusal("UNAUTHORIZED", "present an operator's token")
    if OPERATOR not in identity.roles:
        raise Refusal("FORBIDDEN", f"this is for tokens with the role {OPERATOR!r}")


@get("/operate")
async def operator_page(request: AnyRequest) -> Response[bytes]:
    """Anybody may load the page: what it shows is asked for with a token."""
    return page("operate.html", request)


@get("/operations")
async def operations(
    request: AnyRequest, gateway: ItsGateway, since: FromQuery[int] = 0
) -> Response[bytes]:
    """``since``: only moments of the history behind this one (milliseconds)."""
    check_operator(request, gateway)
    body = msgspec.json.encode(await gateway.watch.document(since))
    return Response(body, media_type=MediaType.JSON, headers={"cache-control": "no-store"})


OPERATIONS_ROUTES = [operator_page, operations]
