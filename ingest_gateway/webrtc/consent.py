"""Consent to send (RFC 7675): it limits what we send, and does not end what we hear.

aioice closes a connection whose other side has not answered a binding request for half a minute.
Some encoders answer none once they send (FFmpeg's WHIP muxer). Their packets are authenticated by
SRTP, so they are there: the talk goes on, nothing but checks is sent to them, and it ends when
neither an answer nor a packet has come for as long.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from aioice.ice import CONSENT_FAILURES, CONSENT_INTERVAL
from aioice.stun import TransactionError

from ingest_gateway.webrtc.ice import connections_of

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

SILENT_S = float(CONSENT_FAILURES * CONSENT_INTERVAL)

_log = logging.getLogger(__name__)


class Consent:
    """Of one connection. ``now_s`` is a clock that never steps."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.may_send = True
        self._now_s = now_s
        self._heard_at_s = float("-inf")

    def packet_came(self) -> None:
        """An authenticated one."""
        self._heard_at_s = self._now_s()

    @property
    def has_recent_media(self) -> bool:
        return self._now_s() - self._heard_at_s < SILENT_S

    def keep(self, peer: RTCPeerConnection) -> None:
        """From now on, in the place of aioice's own rule. Before the connection is made."""
        for connection in connections_of(peer):
            connection.query_consent = partial(self.query, connection)
            connection.sendto = partial(self._send, connection.sendto)

    async def query(self, connection: Any) -> None:
        """Ask for consent every 5 s, until neither it nor a packet has come for half a minute:
        then the connection is closed."""
        failures = 0
        while True:
            await asyncio.sleep(CONSENT_INTERVAL * (0.8 + 0.4 * random.random()))  # noqa: S311
            for pair in connection._nominated.values():
                failures = 0 if await _answers(connection, pair) else failures + 1
            self.may_send = failures < CONSENT_FAILURES
            if not self.may_send and not self.has_recent_media:
                _log.info("the other side neither consents nor sends any more")
                connection._query_consent_task = None
                await connection.close()
                return

    async def _send(self, send: Callable[[bytes, int], Any], data: bytes, component: int) -> None:
        if self.may_send:
            await send(data, component)


async def _answers(connection: Any, pair: Any) -> bool:
    try:
        await pair.protocol.request(
            connection.build_request(pair, nominate=False),
            pair.remote_addr,
            integrity_key=connection.remote_password.encode(),
            retransmissions=0,
        )
    except TransactionError:
        return False
    return True
