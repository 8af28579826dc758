"""The command line of the worker: a gateway's, and what is its own."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from ingest_gateway.kvs.ice import amazon_stun
from ingest_gateway.kvs.worker import MOST_VIEWERS
from ingest_gateway.settings import GatewaySettings
from ingest_gateway.webrtc.ice import IceSettings


class WorkerSettings(GatewaySettings):
    """Options, or environment variables as ``KVS_STAGE``; options win.

    ``events_key``: what the event bus shows in ``x-events-key``; without one only this machine may
    tell of sessions. ``viewers``: sessions that one process takes. ``kvs_ca_file``: whom to trust
    beside the machine's own authorities. Its ``gateway_id`` differs from every gateway's.
    """

    model_config = SettingsConfigDict(
        env_prefix="KVS_", cli_prog_name="python -m ingest_gateway.kvs"
    )

    port: int = 8090
    kvs: bool = True
    events_key: str | None = None
    viewers: int = MOST_VIEWERS
    kvs_ca_file: Path | None = None

    def viewer_ice(self) -> IceSettings:
        """On AWS with its own STUN server, unless others are given."""
        on_aws = self.aws_endpoint is None and self.kvs_endpoint is None
        if on_aws and not self.ice_servers:
            with_stun = self.model_copy(update={"ice_servers": [amazon_stun(self.region)]})
            return with_stun.ice()
        return self.ice()
