"""One session, from its channel to its end: join, be answered, take the sound, and join anew when
the speaker has gone, for as long as the session lasts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from dataclasses import dataclass

from aiortc import RTCIceCandidate
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.session_tables import SessionRow
from connectors.interfaces.signaling_channels import Role, SignalingAccess, SignalingChannels
from ingest_gateway.access.auth import Identity
from ingest_gateway.gateway import Gateway
from ingest_gateway.kvs.connection import signaling, signed_url
from ingest_gateway.kvs.follow import STREAM_PREFIX, Next, followed, goes_on, what_next
from ingest_gateway.kvs.ice import with_servers
from ingest_gateway.kvs.keys import RefreshedKeys
from ingest_gateway.kvs.signals import Notice, SdpAnswer, offer_message, read
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.channels import channel_of
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.sessions.ids import new_connection_id
from ingest_gateway.webrtc.ice import IceSettings
from ingest_gateway.webrtc.offers import OfferError, prepared
from ingest_gateway.webrtc.whip import WhipSpeaker

_MOST_DOUBLINGS = 16

_log = logging.getLogger(__name__)


class KvsSpeaker(WhipSpeaker):
    """A WHIP speaker to whom the offer is made: a channel's master answers its viewers' offers,
    and the viewer is us. The data channel is ours too: over it the master controls the session, in
    order with its sound."""

    async def offer(self) -> str:
        return await self._line.offer(on_packet=self._packet, on_channel=self._channel_opened)

    async def accept(self, answer: str) -> None:
        """Speak from now on. Raises OfferError, and Refusal as ``joinAsSpeaker`` does."""
        await self._line.accept(prepared(answer, we="receive").sdp)
        await self._join(STREAM_PREFIX)

    async def add_candidate(self, candidate: RTCIceCandidate) -> None:
        await self._line.add_candidate(candidate)


@dataclass(frozen=True, slots=True)
class ViewerTimes:
    """``answer_s`` is more than a channel keeps an offer: one that nobody has answered by then is
    forgotten, so a master is never asked for two at once."""

    answer_s: float = 6.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 10.0
    look_s: float = 1.0
    """How often the session's row is looked at while its speaker speaks."""


@dataclass(frozen=True, slots=True)
class ViewerDependencies:
    gateway: Gateway
    channels: SignalingChannels
    access: SignalingAccess
    region: str
    ice: IceSettings
    tls: ssl.SSLContext | None = None
    times: ViewerTimes = ViewerTimes()


class Viewer:
    """``connected`` is set while the speaker's sound can come in."""

    def __init__(self, needs: ViewerDependencies, session_id: str) -> None:
        self.connected = asyncio.Event()
        self._needs = needs
        self._gateway = needs.gateway
        self._session_id = session_id
        self._keys: RefreshedKeys | None = None
        self._ours: SessionRow | None = None

    async def run(self) -> None:
        """Until the session has ended, or another worker has it."""
        times = self._needs.times
        failures = 0
        while True:
            try:
                row = await self._row()
                following = what_next(self._ours, row, self._gateway.needs.now_ms())
                if row is None or following is Next.LEAVE:
                    return
                wait_s = times.longest_wait_s
                if following is Next.JOIN:
                    if not await self._join(row):
                        return
                    wait_s = times.first_wait_s
                failures = 0
            except Exception as error:  # also a fault of ours costs an attempt, not the talk
                expected = isinstance(error, ConnectorError | OfferError | Refusal)
                _log.log(
                    logging.INFO if expected else logging.ERROR,
                    "session %s: not joined: %s",
                    self._session_id,
                    error,
                    exc_info=not expected,
                )
                wait_s = min(times.first_wait_s * 2**failures, times.longest_wait_s)
                failures = min(failures + 1, _MOST_DOUBLINGS)
            await asyncio.sleep(wait_s)

    async def _row(self) -> SessionRow | None:
        live = self._gateway.live
        return await live.ask(lambda: live.tables.get(self._session_id))

    async def _join(self, row: SessionRow) -> bool:
        """Until nobody has answered, or the speaker who came has gone. False: there is no channel.
        Raises ConnectorError, OfferError, Refusal."""
        needs, policy = self._needs, self._gateway.needs.policies.signaling
        channel = channel_of(row.info)
        if channel is None:
            _log.warning("session %s has no signaling channel", self._session_id)
            return False
        arn, client_id = channel.arn, f"ingest-{new_connection_id()}"
        endpoints = await call(policy, lambda: needs.channels.endpoints(arn, Role.VIEWER))
        servers = await call(policy, lambda: needs.channels.ice_servers(arn, endpoints, client_id))
        keys = await call(policy, self._keys_for(arn).current)
        url = signed_url(endpoints.wss, arn, needs.region, keys, client_id)
        # IAM lets nobody but the speaker be the master: who answers is the speaker.
        peer = Peer("kvs", "kinesis-video-streams", Identity(row.info.speaker_id))
        ice = with_servers(needs.ice, servers)
        speaker = KvsSpeaker(self._gateway, ice, peer, self._session_id)
        try:
            async with signaling(url, needs.tls) as socket:
                early: list[RTCIceCandidate] = []
                answer = await self._answered(socket, await speaker.offer(), early)
                if answer is None:
                    return True
                await speaker.accept(answer.sdp)
                candidates = asyncio.create_task(_take_candidates(socket, speaker, early))
                try:
                    await self._speak(speaker)
                finally:
                    candidates.cancel()
                    await asyncio.gather(candidates, return_exceptions=True)
                return True
        finally:
            await speaker.close()

    def _keys_for(self, arn: str) -> RefreshedKeys:
        """A session keeps its channel, so one set of keys serves for all of it."""
        if self._keys is None:
            access, holder = self._needs.access, self._session_id
            self._keys = RefreshedKeys(
                lambda: access.credentials(arn, Role.VIEWER, holder), self._gateway.needs.now_ms
            )
        return self._keys

    async def _answered(
        self, socket: ClientConnection, offer: str, early: list[RTCIceCandidate]
    ) -> SdpAnswer | None:
        """None: no answer came. Candidates that overtake it are added to ``early``."""
        await socket.send(offer_message(offer))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._needs.times.answer_s):
                async for text in socket:
                    signal = read(text)
                    if isinstance(signal, SdpAnswer):
                        return signal
                    if isinstance(signal, RTCIceCandidate):
                        early.append(signal)
                    elif isinstance(signal, Notice):
                        _log.info("session %s: signaling: %s", self._session_id, signal.kind)
                        if signal.kind == "GO_AWAY":
                            return None
        return None

    async def _speak(self, speaker: KvsSpeaker) -> None:
        live = self._gateway.live.loaded(self._session_id)
        self._ours = self._ours if live is None else live.row
        self.connected.set()
        following = asyncio.create_task(self._follow(speaker))
        try:
            await speaker.run()
        finally:
            self.connected.clear()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self, speaker: KvsSpeaker) -> None:
        """Do here what gateways did to the session; hang up when it is not ours any more."""
        while True:
            await asyncio.sleep(self._needs.times.look_s)
            try:
                found = await self._row()
            except ConnectorError as error:
                _log.warning("session %s: not looked at: %s", self._session_id, error)
                continue
            live = self._gateway.live.loaded(self._session_id)
            if live is None:
                continue
            if found is not None:
                live.row = followed(live.row, found)
            if self._ours is not None and not goes_on(self._ours, found):
                await speaker.close()
                return


async def _take_candidates(
    socket: ClientConnection, speaker: KvsSpeaker, early: list[RTCIceCandidate]
) -> None:
    """Signaling may close at any time behind the answer: the sound does not need it."""
    for candidate in early:
        await speaker.add_candidate(candidate)
    with contextlib.suppress(ConnectionClosed):
        async for text in socket:
            signal = read(text)
            if isinstance(signal, RTCIceCandidate):
                await speaker.add_candidate(signal)
