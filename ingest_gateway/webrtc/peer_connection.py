"""One WebRTC connection from its offer or answer to its end: the shell around aiortc."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCDataChannel,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtp import RtpPacket

from ingest_gateway.webrtc.consent import Consent
from ingest_gateway.webrtc.datagrams import DatagramBudget
from ingest_gateway.webrtc.ice import IceSettings, keep_to
from ingest_gateway.webrtc.offers import OfferError, PreparedOffer
from ingest_gateway.webrtc.reorder import RtpAudio

CONNECT_S = 15.0
"""A client that has not come that long after its answer does not come."""

_log = logging.getLogger(__name__)

_OPUS = [
    codec
    for codec in RTCRtpSender.getCapabilities("audio").codecs
    if codec.mimeType.lower() == "audio/opus"
]

OnPacket = Callable[[RtpAudio], None]


class PeerConnection:
    """``closed`` is set once, for whatever reason it ends: the client went, or we closed it.

    Nothing is built for it before ``answer`` or ``offer``: a certificate and sockets cost more than
    a refusal may.
    """

    def __init__(
        self,
        ice: IceSettings,
        datagrams: tuple[float, int],
        on_flood: Callable[[], None] = lambda: None,
    ) -> None:
        """``datagrams``: as ``DatagramBudget`` has them; ``on_flood``: told once, when there were
        more, and the connection is cut off."""
        self.closed = asyncio.Event()
        self._ice = ice
        self._on_flood = on_flood
        self._budget = DatagramBudget(datagrams, asyncio.get_running_loop().time, self.cut_off)
        self._closing: asyncio.Task[None] | None = None
        self._peer: RTCPeerConnection | None = None
        self._connected = asyncio.Event()
        self._consent = Consent(asyncio.get_running_loop().time)

    async def answer(
        self,
        offer: PreparedOffer,
        *,
        send: MediaStreamTrack | None = None,
        on_packet: OnPacket | None = None,
        on_channel: Callable[[RTCDataChannel], None] | None = None,
    ) -> str:
        """Our SDP, with every candidate in it. ``send``: what the other side hears; ``on_packet``:
        told of each RTP packet of its audio. Raises OfferError."""
        peer = self._open()
        if on_channel is not None:
            peer.on("datachannel", on_channel)
        if send is not None:
            audio = peer.addTransceiver(send, direction="sendonly")
        else:
            audio = peer.addTransceiver("audio", direction="recvonly")
        audio.setCodecPreferences(_OPUS)
        if on_packet is not None:
            self._listen_in(audio.receiver, on_packet)
        try:
            await peer.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            keep_to(peer, self._ice.address)
            self._consent.keep(peer)
            self._budget.keep(peer)
            await peer.setLocalDescription()
            return offer.answered(peer.localDescription.sdp)
        except Exception as error:  # an offer can be wrong in as many ways as the stack has checks
            _log.info("an offer could not be answered: %s", type(error).__name__)
            await self.close()
            raise OfferError(422, "this offer cannot be served") from error

    async def offer(
        self, *, on_packet: OnPacket, on_channel: Callable[[RTCDataChannel], None]
    ) -> str:
        """Our SDP, with every candidate in it, to a peer that has audio for us and waits to be
        asked for it. The data channel is ours too. ``accept`` what comes back."""
        peer = self._open()
        audio = peer.addTransceiver("audio", direction="recvonly")
        audio.setCodecPreferences(_OPUS)
        self._listen_in(audio.receiver, on_packet)
        on_channel(peer.createDataChannel("control"))
        keep_to(peer, self._ice.address)
        self._consent.keep(peer)
        self._budget.keep(peer)
        await peer.setLocalDescription()
        return peer.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """Raises OfferError."""
        try:
            await self._offered.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        except Exception as error:  # as with offers
            _log.info("an answer could not be taken: %s", type(error).__name__)
            await self.close()
            raise OfferError(422, "this answer cannot be taken") from error

    async def add_candidate(self, candidate: RTCIceCandidate) -> None:
        """Where else the other side may be, behind its description."""
        await self._offered.addIceCandidate(candidate)

    async def watch(self) -> None:
        """Until it is closed; close it if the client does not come."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connected.wait()
        except TimeoutError:
            _log.info("no client came for an answered offer")
            await self.close()
        await self.closed.wait()

    def cut_off(self) -> None:
        """Of a peer that sends more than any does: nothing of it is looked at any more."""
        if self._closing is None:
            self._on_flood()
            self._closing = asyncio.create_task(self.close(), name="cut-off")

    async def close(self) -> None:
        if self._peer is not None:
            await self._peer.close()
        self.closed.set()
        self._connected.set()

    def _open(self) -> RTCPeerConnection:
        self._peer = RTCPeerConnection(self._ice.configuration())
        self._peer.on("connectionstatechange", self._state_changed)
        return self._peer

    @property
    def _offered(self) -> RTCPeerConnection:
        if self._peer is None:
            raise AssertionError("nothing was offered yet")
        return self._peer

    async def _state_changed(self) -> None:
        state = self._offered.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            await self.close()

    def _listen_in(self, receiver: RTCRtpReceiver, on_packet: OnPacket) -> None:
        """Take packets as they arrive. aiortc's own way waits 80 ms and more for order, decodes in
        a thread for each speaker, and says nothing of what was lost; it goes on to count for its
        receiver reports."""
        inner: Any = receiver
        handle: Callable[..., Awaitable[None]] = inner._handle_rtp_packet

        async def handle_packet(packet: RtpPacket, arrival_time_ms: int) -> None:
            self._consent.packet_came()
            on_packet(RtpAudio(packet.sequence_number, packet.timestamp, packet.payload))
            inner._RTCRtpReceiver__stop_decoder()
            await handle(packet, arrival_time_ms=arrival_time_ms)

        inner._handle_rtp_packet = handle_packet
