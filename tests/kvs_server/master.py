"""A speaker's browser as far as signaling goes, with aiortc: the master who answers viewers."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from typing import Any

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from connectors.interfaces.signaling_channels import TemporaryCredentials
from ingest_gateway.kvs.connection import signed_url
from ingest_gateway.webrtc.ice import keep_to
from tests.integration.gateway.webrtc_clients import SampleTrack


class Master:
    """Answers every viewer with this track; ``told`` is what came over the data channel."""

    def __init__(self, track: SampleTrack | None) -> None:
        self.offers = 0
        self.told: list[dict[str, Any]] = []
        self.channel: RTCDataChannel | None = None
        self._track = track
        self._peers: list[RTCPeerConnection] = []
        self._socket: ClientConnection
        self._answering: asyncio.Task[None] | None = None

    async def open(
        self, wss: str, arn: str, keys: TemporaryCredentials, tls: ssl.SSLContext
    ) -> None:
        url = signed_url(wss, arn, "us-east-1", keys, None)
        self._socket = await connect(url, ssl=tls, proxy=None)
        self._answering = asyncio.create_task(self._answer_all())

    def send(self, message: dict[str, Any]) -> None:
        assert self.channel is not None
        self.channel.send(json.dumps(message))

    async def close(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
            await self._socket.close()
        for peer in self._peers:
            await peer.close()

    async def _answer_all(self) -> None:
        try:
            async for text in self._socket:
                event = json.loads(text)
                if event["messageType"] == "SDP_OFFER":
                    self.offers += 1
                    await self._answer(event)
        except ConnectionClosed:
            return

    async def _answer(self, event: dict[str, Any]) -> None:
        if self._track is None:
            return
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)
        peer.on("datachannel", self._channel_came)
        offer = json.loads(base64.b64decode(event["messagePayload"]))
        await peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
        peer.addTrack(self._track)
        keep_to(peer, "127.0.0.1")
        await peer.setLocalDescription()
        # As browsers do it: the description first, then each candidate by itself.
        lines = peer.localDescription.sdp.split("\r\n")
        candidates = [line for line in lines if line.startswith("a=candidate:")]
        bare = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-"))]
        to = event["senderClientId"]
        await self._send("SDP_ANSWER", to, {"type": "answer", "sdp": "\r\n".join(bare)})
        for line in candidates:
            one = {"candidate": line.removeprefix("a="), "sdpMid": "0", "sdpMLineIndex": 0}
            await self._send("ICE_CANDIDATE", to, one)

    async def _send(self, action: str, to: str, payload: dict[str, Any]) -> None:
        encoded = base64.b64encode(json.dumps(payload).encode()).decode()
        message = {"action": action, "recipientClientId": to, "messagePayload": encoded}
        await self._socket.send(json.dumps(message))

    def _channel_came(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        channel.on("message", lambda text: self.told.append(json.loads(text)))
