"""What a function's process keeps open between events: settings, clients, and the loop they are on.

Nothing happens when this is imported; the first event opens everything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from connectors.amazon.clients import AwsClients
from connectors.amazon.document_store import AmazonDocumentStore
from connectors.amazon.open_sockets import AmazonOpenSockets
from connectors.interfaces.document_store import DocumentStore
from connectors.interfaces.open_sockets import OpenSockets
from ingest_gateway.dependencies import dependencies
from ingest_gateway.gateway import GatewayDependencies
from ingest_gateway.settings import GatewaySettings

T = TypeVar("T")


class FunctionSettings(GatewaySettings):
    """From environment variables, as ``GATEWAY_STAGE``. ``connections_endpoint`` is the WebSocket
    API's own: ``https://{api}.execute-api.{region}.amazonaws.com/{stage}``. The offline engines'
    ``languages`` are not to be had: their packages are not in the functions'."""

    connections_endpoint: str
    gateway_id: str | None = "functions"
    languages: str = "amazon"


@dataclass(frozen=True, slots=True)
class Environment:
    needs: GatewayDependencies
    documents: DocumentStore
    sockets: OpenSockets
    runner: asyncio.Runner

    def run(self, doing: Callable[[], Awaitable[T]]) -> T:
        async def on_the_loop() -> T:
            return await doing()

        return self.runner.run(on_the_loop())


@cache
def environment() -> Environment:
    """Of this process."""
    settings = FunctionSettings()  # type: ignore[call-arg] - pydantic reads the environment
    logging.getLogger().setLevel(settings.log_level)
    aws = settings.aws()
    clients = AwsClients(aws)
    needs = dependencies(settings, clients)
    return Environment(
        needs,
        needs.documents or AmazonDocumentStore(clients, needs.now_ms),
        AmazonOpenSockets(AwsClients(replace(aws, endpoint_url=settings.connections_endpoint))),
        asyncio.Runner(),
    )
