"""A data channel in the place of a WebSocket: the protocol's JSON messages to the client."""

from __future__ import annotations

from aiortc import RTCDataChannel

from ingest_gateway.webrtc.peer_connection import PeerConnection

_MOST_BUFFERED_BYTES = 1024 * 1024


class ChannelSocket:
    """What the outbox takes for a socket. A client without a data channel is told nothing."""

    def __init__(self, line: PeerConnection) -> None:
        self.channel: RTCDataChannel | None = None
        self._line = line

    async def send_text(self, data: str) -> None:
        channel = self.channel
        if (
            channel is not None
            and channel.readyState == "open"
            and channel.bufferedAmount < _MOST_BUFFERED_BYTES
        ):
            channel.send(data)

    async def close(self, code: int, reason: str | None) -> None:
        await self._line.close()
