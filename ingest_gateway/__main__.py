"""``python -m ingest_gateway``: serve until SIGTERM or Ctrl-C."""

from __future__ import annotations

from pydantic_settings import CliApp

from connectors.amazon.clients import AwsClients
from ingest_gateway.dependencies import dependencies
from ingest_gateway.gateway import Gateway
from ingest_gateway.hosts.server.app import ServerApp
from ingest_gateway.hosts.server.edge_app import behind_edge
from ingest_gateway.hosts.server.metrics_port import metrics_apart
from ingest_gateway.hosts.server.uvicorn_server import run, serve_app, start_logging
from ingest_gateway.settings import GatewaySettings


async def serve(settings: GatewaySettings) -> None:
    clients = AwsClients(settings.aws())
    try:
        gateway = Gateway(dependencies(settings, clients))
        app = behind_edge(gateway, ServerApp(gateway))
        with metrics_apart(gateway, settings):
            await serve_app(app, settings, "gateway", gateway.security)
    finally:
        await clients.close()


def main() -> None:
    settings = CliApp.run(GatewaySettings)
    start_logging(settings)
    run(serve(settings))


if __name__ == "__main__":
    main()
