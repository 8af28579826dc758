"""How many datagrams a WebRTC connection takes before it is cut off.

Nothing slows a sender of datagrams down: aioice puts each into a queue without an end, and to look
at one (STUN, DTLS, SRTP) takes some 50 us of everybody's time, whoever sent it. So they are
counted before, and who sends more than any encoder does is not read any further.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ingest_gateway.protocol.limits import TokenBucket
from ingest_gateway.webrtc.ice import connections_of

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

OF_SPEAKERS = (3_000.0, 10_000)
"""(a second, burst). Opus has 400 packets a second at most; an encoder that sends the video which
was declined has some 2,500 at 25 Mbit/s."""
OF_LISTENERS = (100.0, 1_000)
"""Reports, and what is said over a data channel."""


class DatagramBudget:
    """Of one connection, whatever comes in: media, handshakes, checks. ``on_over`` is called
    once."""

    def __init__(
        self, limits: tuple[float, int], now_s: Callable[[], float], on_over: Callable[[], object]
    ) -> None:
        self._bucket = TokenBucket(*limits, round(now_s() * 1000))
        self._now_s = now_s
        self._on_over = on_over
        self._is_over = False

    def takes(self) -> bool:
        """Whether one more is looked at."""
        if not self._is_over and self._bucket.take(round(self._now_s() * 1000)):
            self._is_over = True
            self._on_over()
        return not self._is_over

    def keep(self, peer: RTCPeerConnection) -> None:
        """From now on. Before the connection is made."""
        for connection in connections_of(peer):
            connection.data_received = self._counted(connection.data_received)
            connection.request_received = self._counted(connection.request_received)

    def _counted(self, take: Callable[..., None]) -> Callable[..., None]:
        def counted(*datagram: Any) -> None:
            if self.takes():
                take(*datagram)

        return counted
