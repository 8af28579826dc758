"""The open WebRTC lines of this gateway, by the ids of their HTTP resources."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import JoinSession
from ingest_gateway.sessions.hub import Peer, known
from ingest_gateway.sessions.ids import new_connection_id
from ingest_gateway.webrtc.ice import IceSettings
from ingest_gateway.webrtc.whep import TalkTracks, WhepListener
from ingest_gateway.webrtc.whip import WhipSpeaker

MOST_LINES = 500
KEPT_FOR_SPEAKERS = 50
FULL_RETRY_MS = 10_000

Kind = Literal["whip", "whep"]


@dataclass(frozen=True, slots=True)
class Answer:
    """``path`` leads to the resource's folder, and names the language that was chosen; ``etag``
    names this one ICE session; it is never restarted."""

    path: str
    resource_id: str
    sdp: str
    etag: str


@dataclass(frozen=True, slots=True)
class _Open:
    kind: Kind
    line: WhipSpeaker | WhepListener
    running: asyncio.Task[None]


class WebRtcPeers:
    def __init__(self, gateway: Gateway, ice: IceSettings) -> None:
        self.ice = ice
        self._gateway = gateway
        self._tracks = TalkTracks(gateway)
        self._open: dict[str, _Open] = {}
        self._answering = 0

    async def speak(self, peer: Peer, session_id: str, offer: str) -> Answer:
        """Raises OfferError; Refusal as for ``joinAsSpeaker``, RATE_LIMITED."""
        known(peer)
        speaker = WhipSpeaker(self._gateway, self.ice, peer, session_id)
        return await self._answer("whip", speaker, offer)

    async def listen(self, peer: Peer, wanted: JoinSession, offer: str) -> Answer:
        """Raises OfferError; Refusal as for ``joinSession``, RATE_LIMITED."""
        listener = WhepListener(self._gateway, self._tracks, self.ice, peer, wanted)
        return await self._answer("whep", listener, offer)

    async def end(self, kind: Kind, peer: Peer, resource_id: str) -> bool:
        """Whether there was such a line. Raises Refusal: UNAUTHORIZED, FORBIDDEN.

        Who has not shown a token when it came needs none to go: its resource id is a secret.
        """
        found = self._open.get(resource_id)
        if found is None or found.kind != kind:
            return False
        owner = found.line.peer.identity
        if owner is not None and known(peer).subject != owner.subject:
            raise Refusal("FORBIDDEN", "this belongs to another speaker")
        await found.line.close()
        await asyncio.wait([found.running])
        return True

    async def close(self) -> None:
        """Everybody leaves as if they had hung up."""
        running = [one.running for one in self._open.values()]
        for one in tuple(self._open.values()):
            await one.line.close()
        await asyncio.gather(*running, return_exceptions=True)

    async def _answer(self, kind: Kind, line: WhipSpeaker | WhepListener, offer: str) -> Answer:
        most = MOST_LINES if kind == "whip" else MOST_LINES - KEPT_FOR_SPEAKERS
        if len(self._open) + self._answering >= most:
            raise Refusal(
                "RATE_LIMITED",
                f"this gateway has its {most} WebRTC connections",
                retry_after_ms=FULL_RETRY_MS,
            )
        self._answering += 1
        try:
            sdp = await line.answer(offer)
        finally:
            self._answering -= 1
        running = asyncio.create_task(line.run(), name=kind)
        self._open[line.resource_id] = _Open(kind, line, running)
        running.add_done_callback(lambda _: self._open.pop(line.resource_id, None))
        return Answer(line.path, line.resource_id, sdp, new_connection_id())
