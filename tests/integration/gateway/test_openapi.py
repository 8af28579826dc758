"""The OpenAPI document is the server's routes, all of them and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from ingest_gateway.hosts.server.app import routes
from ingest_gateway.routes.openapi import OPERATIONS, document

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = pytest.mark.integration


def handlers() -> dict[tuple[str, str], HTTPRouteHandler]:
    """(method, path) of each route, as the document writes them."""
    found: dict[tuple[str, str], HTTPRouteHandler] = {}
    for route in routes(metrics_apart=False).routes:
        if isinstance(route, HTTPRoute):
            parts = [
                part if isinstance(part, str) else f"{{{part.name}}}"
                for part in route.path_components
            ]
            for handler in route.route_handlers:
                for method in handler.http_methods - {"OPTIONS"}:
                    found[method.lower(), f"/{'/'.join(parts)}"] = handler
    return found


async def test_the_document_lists_exactly_the_routes(gateway: RunningGateway) -> None:
    async with gateway.http() as http:
        served = (await http.get("/openapi.json")).json()
    listed = {(method, path) for path, methods in served["paths"].items() for method in methods}
    assert listed == set(handlers())
    assert len(OPERATIONS) == len(listed)


async def test_each_route_answers_with_the_status_that_is_listed(gateway: RunningGateway) -> None:
    routes = handlers()
    said = {(one.method, one.path): one.status for one in OPERATIONS}
    # 204 stands in the route itself: litestar would forbid the bodies of its other answers.
    del said["delete", "/@connections/{connection_id}"]
    assert said == {key: routes[key].status_code for key in said}


async def test_answers_are_as_the_document_describes_them(gateway: RunningGateway) -> None:
    """Each route that needs no session's audio, asked once."""
    headers = {"authorization": f"Bearer {gateway.token()}"}
    async with gateway.http(headers=headers) as http:
        wish = {"sourceLanguage": "en"}
        created = await http.post("/sessions", json=wish)
        check("post", "/sessions", created)
        at = f"/sessions/{created.json()['sessionId']}"
        check("get", "/sessions/{session_id}", await http.get(at))
        check("patch", "/sessions/{session_id}", await http.patch(at, json={"muted": True}))
        check("delete", "/sessions/{session_id}", await http.delete(at))
        check("get", "/sessions/{session_id}", await http.get("/sessions/nobody-is-here"))
        check("post", "/tokens", await http.post("/tokens"))
        check("post", "/tickets", await http.post("/tickets"))
        check("get", "/offer", await http.get("/offer"))
        check("get", "/healthz", await http.get("/healthz"))
        notified = await http.post("/notify/nobody-is-here/es", json={"type": "skipped"})
        check("post", "/notify/{session_id}/{language}", notified)


def check(method: str, path: str, answer: httpx.Response) -> None:
    responses = document()["paths"][path][method]["responses"]
    said = responses.get(str(answer.status_code), responses["default"])
    schema: dict[str, Any] = said["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": document()["components"]})
    required = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["required"]
    assert required, path


async def test_a_refusal_is_one_of_the_protocols(gateway: RunningGateway) -> None:
    async with gateway.http() as http:
        refused = await http.post("/sessions", json={"sourceLanguage": "en"})
    assert refused.status_code == 401
    check("post", "/sessions", refused)
