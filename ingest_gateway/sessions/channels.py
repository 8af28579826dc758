"""The signaling channel of a session: made before the session is, deleted when it ends.

Its names stand in the session's row (``SessionInfo.extra``), so every gateway and worker finds it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from connectors.calls.policy import Policies, call
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.signaling_channels import (
    ChannelLimitError,
    Endpoints,
    IceServer,
    Role,
    SignalingAccess,
    SignalingChannels,
    TemporaryCredentials,
)
from ingest_gateway.protocol.connection_protocol import Refusal
from schemas.session_info import SessionInfo

FULL_RETRY_MS = 60_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionChannel:
    """``wss`` and ``https``: the endpoints of its master."""

    arn: str
    name: str
    wss: str
    https: str

    def extra(self) -> dict[str, str]:
        return {
            "kvsChannelArn": self.arn,
            "kvsChannelName": self.name,
            "kvsEndpointWss": self.wss,
            "kvsEndpointHttps": self.https,
        }


def channel_of(info: SessionInfo) -> SessionChannel | None:
    extra = info.extra
    if "kvsChannelArn" not in extra:
        return None
    return SessionChannel(
        extra["kvsChannelArn"],
        extra["kvsChannelName"],
        extra["kvsEndpointWss"],
        extra["kvsEndpointHttps"],
    )


def channel_name(session_id: str) -> str:
    return f"session-{session_id}"


@dataclass(frozen=True, slots=True)
class ChannelKeys:
    """What a browser needs to connect to a channel in its role."""

    channel: SessionChannel
    role: Role
    keys: TemporaryCredentials
    endpoints: Endpoints
    ice_servers: tuple[IceServer, ...]


class SessionChannels:
    """``channels`` None: sessions have none. ``access`` None: nobody is given keys."""

    def __init__(
        self,
        channels: SignalingChannels | None,
        access: SignalingAccess | None,
        policies: Policies,
    ) -> None:
        self._channels = channels
        self._access = access
        self._policy = policies.signaling
        self._left: set[str] = set()

    @property
    def used(self) -> bool:
        return self._channels is not None

    async def open(self, session_id: str) -> dict[str, str]:
        """What the session's row is to hold of its channel. Raises Refusal: RATE_LIMITED when the
        account has no channel left; ConnectorError."""
        channels = self._channels
        if channels is None:
            return {}
        name = channel_name(session_id)
        try:
            arn = await call(self._policy, lambda: channels.create(name))
        except ChannelLimitError:
            _log.error("no signaling channel is left in this account")
            raise Refusal(
                "RATE_LIMITED",
                "no session can be created: the account has used up its signaling channels; "
                "end a session, or have the quota raised",
                retry_after_ms=FULL_RETRY_MS,
            ) from None
        try:
            found = await call(self._policy, lambda: channels.endpoints(arn, Role.MASTER))
        except BaseException:
            await self.delete(arn)
            raise
        return SessionChannel(arn, name, found.wss, found.https).extra()

    async def close(self, info: SessionInfo) -> None:
        """The session has ended. What cannot be deleted now is deleted later."""
        channel = channel_of(info)
        if channel is not None:
            await self.delete(channel.arn)

    async def delete(self, arn: str) -> None:
        channels = self._channels
        if channels is None:
            return
        self._left.add(arn)
        try:
            await call(self._policy, lambda: channels.delete(arn))
        except ConnectorError as error:
            _log.warning("a signaling channel is left for later: %s", error)
            return
        self._left.discard(arn)

    async def delete_left(self) -> None:
        for arn in tuple(self._left):
            await self.delete(arn)

    async def keys(self, info: SessionInfo, subject: str | None) -> ChannelKeys:
        """For ``subject`` (None: a guest): the session's speaker is the master, everybody else a
        viewer.

        Raises Refusal: NO_SESSION, when there is no channel or nobody is given keys;
        ConnectorError.
        """
        channel, channels, access = channel_of(info), self._channels, self._access
        if channel is None or channels is None or access is None:
            raise Refusal("NO_SESSION", "this session has no signaling channel with keys")
        role = Role.MASTER if subject == info.speaker_id else Role.VIEWER
        endpoints = Endpoints(channel.wss, channel.https)
        if role is Role.VIEWER:
            endpoints = await call(self._policy, lambda: channels.endpoints(channel.arn, role))
        keys = await call(
            self._policy, lambda: access.credentials(channel.arn, role, subject or "guest")
        )
        ice = await call(
            self._policy, lambda: channels.ice_servers(channel.arn, endpoints, role.value)
        )
        return ChannelKeys(channel, role, keys, endpoints, ice)

    async def stop(self) -> None:
        for one in (self._channels, self._access):
            if one is not None:
                await one.close()
