"""``python -m ingest_gateway.kvs``: take speakers' sound from signaling channels until SIGTERM."""

from __future__ import annotations

import ssl

from pydantic_settings import CliApp

from connectors.amazon.clients import AwsClients
from connectors.amazon.signaling_channels import (
    AmazonOwnKeys,
    AmazonSignalingAccess,
    AmazonSignalingChannels,
)
from ingest_gateway.dependencies import dependencies
from ingest_gateway.gateway import Gateway, wall_clock_ms
from ingest_gateway.hosts.server.uvicorn_server import run, serve_app, start_logging
from ingest_gateway.kvs.events import create_app
from ingest_gateway.kvs.settings import WorkerSettings
from ingest_gateway.kvs.viewer import ViewerDependencies
from ingest_gateway.kvs.worker import KvsWorker


async def serve(settings: WorkerSettings) -> None:
    clients = AwsClients(settings.aws())
    channels = AmazonSignalingChannels(clients, settings.kvs_endpoint)
    try:
        gateway = Gateway(dependencies(settings, clients))
        needs = ViewerDependencies(
            gateway=gateway,
            channels=channels,
            access=(
                AmazonSignalingAccess(clients, settings.kvs_role, settings.kvs_sts_endpoint)
                if settings.kvs_role
                else AmazonOwnKeys(clients, wall_clock_ms)
            ),
            region=clients.settings.region,
            ice=settings.viewer_ice(),
            tls=_tls(settings),
        )
        worker = KvsWorker(needs, settings.viewers)
        app = create_app(gateway, worker, settings.events_key)
        await serve_app(app, settings, "worker", gateway.security)
    finally:
        await channels.close()
        await clients.close()


def _tls(settings: WorkerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.kvs_ca_file is not None:
        context.load_verify_locations(settings.kvs_ca_file)
    return context


def main() -> None:
    settings = CliApp.run(WorkerSettings)
    start_logging(settings)
    run(serve(settings))


if __name__ == "__main__":
    main()
