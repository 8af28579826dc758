"""Which gateway answers a request, who calls over HTTP, and who may make the job's calls."""

from __future__ import annotations

import hmac
from typing import Any, cast

from litestar import Request
from litestar.di import NamedDependency, Provide
from litestar.types import Scope

from ingest_gateway.access.auth import Identity, InvalidTokenError, presented_token
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.hub import Peer, known

AnyRequest = Request[Any, Any, Any]
ItsGateway = NamedDependency[Gateway]
ItsCaller = NamedDependency[Identity]
GATEWAY = "live_translation.gateway"
"""In a request's scope: the gateway that answers. A host puts it there, so that routes are
registered once a process, which takes a tenth of a second, for all its gateways."""
JOB_TOKEN_HEADER = "x-job-token"  # noqa: S105 - the name of a header


def gateway_of(scope: Scope) -> Gateway:
    return cast("dict[str, Gateway]", scope)[GATEWAY]


def peer_of(request: AnyRequest, gateway: Gateway) -> Peer:
    """Raises Refusal: UNAUTHORIZED, for a token that is not valid."""
    token = presented_token(request.headers, request.query_params, [])
    identity = None
    if token is not None:
        try:
            identity = gateway.verifier.verify(token)
        except InvalidTokenError as error:
            gateway.security.report("token_refused", address=_address(request))
            raise Refusal("UNAUTHORIZED", str(error)) from None
    return Peer(_address(request), request.headers.get("user-agent", ""), identity)


def caller_of(request: AnyRequest, gateway: ItsGateway) -> Identity:
    """Raises Refusal: UNAUTHORIZED, for a guest as well."""
    return known(peer_of(request, gateway))


def is_on_this_machine(request: AnyRequest, gateway: Gateway) -> bool:
    """As far as the gateway's options trust that."""
    return gateway.needs.edge.is_on_this_machine(_address(request), request.headers)


def is_the_job(request: AnyRequest, gateway: Gateway) -> bool:
    """May call ``/@connections`` and ``/notify``: holds the job's token (as Bearer, or in
    ``x-job-token`` where ``Authorization`` carries AWS's signature), or is on this machine and
    not a browser, whose pages send an Origin."""
    secret = gateway.needs.job_token
    shown = [
        request.headers.get(JOB_TOKEN_HEADER, ""),
        request.headers.get("authorization", "").removeprefix("Bearer "),
    ]
    if secret and any(hmac.compare_digest(one.encode(), secret.encode()) for one in shown):
        return True
    return is_on_this_machine(request, gateway) and "origin" not in request.headers


def _address(request: AnyRequest) -> str:
    return request.client.host if request.client else "unknown"


DEPENDENCIES = {
    "gateway": Provide(gateway_of, sync_to_thread=False),
    "caller": Provide(caller_of, sync_to_thread=False),
}
"""What routes ask for by name."""
