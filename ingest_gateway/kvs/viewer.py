"""One session, from its channel to its end: join, be answered, take the sound, and join anew when
the speaker has gone, for as long as the session lasts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiortc import RTCIceCandidate
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from connectors.errors import ConnectorError
from connectors.policy import call
from connectors.session_tables import ENDED, SessionRow
from connectors.signaling_channels import Role, SignalingChannels, TemporaryCredentials
from ingest_gateway.auth import Identity
from ingest_gateway.gateway import Gateway
from ingest_gateway.hub import Peer
from ingest_gateway.kvs.connection import signaling
from ingest_gateway.kvs.follow import followed, goes_on
from ingest_gateway.kvs.ice import with_servers
from ingest_gateway.kvs.signals import Notice, SdpAnswer, offer_message, read
from ingest_gateway.kvs.signing import viewer_url
from ingest_gateway.kvs.speaker import KvsSpeaker
from ingest_gateway.protocol import Refusal
from ingest_gateway.session_channels import SessionChannel, channel_of
from ingest_gateway.session_ids import new_connection_id
from ingest_gateway.webrtc.ice import IceSettings
from ingest_gateway.webrtc.offers import OfferError

_log = logging.getLogger(__name__)

KeysFor = Callable[[str], Awaitable[TemporaryCredentials]]
"""Of a channel's ARN: keys with which it can be joined as a viewer."""


@dataclass(frozen=True, slots=True)
class Patience:
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
    keys: KeysFor
    region: str
    ice: IceSettings
    tls: ssl.SSLContext | None = None
    patience: Patience = Patience()


class Viewer:
    """``connected`` is set while the speaker's sound can come in."""

    def __init__(self, needs: ViewerDependencies, session_id: str) -> None:
        self.connected = asyncio.Event()
        self._needs = needs
        self._gateway = needs.gateway
        self._session_id = session_id
        self._speaker: KvsSpeaker | None = None

    async def run(self) -> None:
        """Until the session has ended."""
        patience = self._needs.patience
        wait_s = patience.first_wait_s
        while True:
            try:
                row = await self._row()
                if row is None or row.info.status == ENDED:
                    return
                channel = channel_of(row.info)
                if channel is None:
                    _log.warning("session %s has no signaling channel", self._session_id)
                    return
                if await self._join(row, channel):
                    wait_s = patience.first_wait_s
                    continue
            except (ConnectorError, OfferError, Refusal) as error:
                _log.info("session %s: not joined: %s", self._session_id, error)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, patience.longest_wait_s)

    async def _row(self) -> SessionRow | None:
        live = self._gateway.live
        return await live.ask(lambda: live.tables.get(self._session_id))

    async def _join(self, row: SessionRow, channel: SessionChannel) -> bool:
        """Whether a speaker came; then back when it has gone."""
        needs, policy = self._needs, self._gateway.needs.policies.directory
        client_id = f"ingest-{new_connection_id()}"
        endpoints = await call(
            policy, lambda: needs.channels.endpoints(channel.arn, Role.VIEWER)
        )
        servers = await call(
            policy, lambda: needs.channels.ice_servers(channel.arn, endpoints, client_id)
        )
        keys = await call(policy, lambda: needs.keys(channel.arn))
        url = viewer_url(endpoints.wss, channel.arn, client_id, needs.region, keys)
        # IAM lets nobody but the speaker be the master: whoever answers is the speaker.
        peer = Peer("kvs", "kinesis-video-streams", Identity(row.info.speaker_id))
        speaker = KvsSpeaker(
            self._gateway, with_servers(needs.ice, servers), peer, self._session_id
        )
        try:
            async with signaling(url, needs.tls) as socket:
                early = await self._answered(socket, speaker)
                if early is None:
                    return False
                candidates = asyncio.create_task(_take_candidates(socket, speaker, early))
                try:
                    await self._speak(speaker)
                finally:
                    candidates.cancel()
                    await asyncio.gather(candidates, return_exceptions=True)
                return True
        finally:
            await speaker.close()

    async def _answered(
        self, socket: ClientConnection, speaker: KvsSpeaker
    ) -> list[RTCIceCandidate] | None:
        """The candidates that came before the answer; None: no answer came."""
        early: list[RTCIceCandidate] = []
        await socket.send(offer_message(await speaker.offer()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._needs.patience.answer_s):
                async for text in socket:
                    signal = read(text)
                    if isinstance(signal, SdpAnswer):
                        await speaker.accept(signal.sdp)
                        return early
                    if isinstance(signal, RTCIceCandidate):
                        early.append(signal)
                    elif isinstance(signal, Notice):
                        _log.info("session %s: signaling: %s", self._session_id, signal.kind)
                        if signal.kind == "GO_AWAY":
                            return None
        return None

    async def _speak(self, speaker: KvsSpeaker) -> None:
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
            await asyncio.sleep(self._needs.patience.look_s)
            try:
                found = await self._row()
            except ConnectorError as error:
                _log.warning("session %s: not looked at: %s", self._session_id, error)
                continue
            live = self._gateway.live.loaded(self._session_id)
            if live is None:
                continue
            ours = live.row
            if found is not None:
                live.row = followed(ours, found)
            if not goes_on(ours, found):
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
