"""The speaker of a session with a signaling channel: a WHIP speaker to whom the offer is made."""

from __future__ import annotations

from aiortc import RTCIceCandidate

from ingest_gateway.kvs.follow import STREAM_PREFIX
from ingest_gateway.webrtc.offers import prepared
from ingest_gateway.webrtc.whip import WhipSpeaker


class KvsSpeaker(WhipSpeaker):
    """The master of a channel answers its viewers' offers, and the viewer is us. The data channel
    is ours too: over it the master controls the session, in order with its sound."""

    async def offer(self) -> str:
        return await self._line.offer(on_packet=self._packet, on_channel=self._channel_opened)

    async def accept(self, answer: str) -> None:
        """Speak from now on. Raises OfferError, and Refusal as ``joinAsSpeaker`` does."""
        await self._line.accept(prepared(answer, we="receive").sdp)
        await self._join(STREAM_PREFIX)

    async def add_candidate(self, candidate: RTCIceCandidate) -> None:
        await self._line.add_candidate(candidate)
