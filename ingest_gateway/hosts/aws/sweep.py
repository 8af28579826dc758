"""What happens without anybody asking, once: the server does it every half minute by itself."""

from __future__ import annotations

import logging

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.open_sockets import OpenSockets
from ingest_gateway.gateway import GatewayDependencies
from ingest_gateway.hosts.aws.one_event import OneEvent

_log = logging.getLogger(__name__)


async def sweep(needs: GatewayDependencies, sockets: OpenSockets) -> int:
    """End the sessions that are over, and mend the counts of the others' listeners. How many
    ended."""
    ended = 0
    event = OneEvent(needs, sockets)
    gateway = event.gateway
    async with event.running():
        for row in await gateway.live.ask(gateway.live.tables.live_sessions):
            is_over = gateway.sweeper.is_over(row)
            try:
                live = gateway.live.add(row)
                if is_over:
                    await gateway.speakers.end_by_itself(live)
                    ended += 1
                else:
                    await gateway.listeners.mend(row.session_id)
            except ConnectorError as error:
                _log.warning("session %s was not swept: %s", row.session_id, error)
            except Exception:  # the other sessions end all the same
                gateway.background.failed("sweep")
        await gateway.deletions.carry_out()
    return ended
