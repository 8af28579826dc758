"""Signaling channels of Kinesis Video Streams (WebRTC): where a speaker's browser (the master) and
those who take its sound (viewers) find each other. No sound passes through them.

Implementations try once and raise ``errors.*``; callers retry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from connectors.interfaces.errors import PermanentError

MESSAGE_TTL_S = 5
"""How long a channel keeps a message for a master who is not there: an offer that is older has
been given up by its viewer."""


class Role(StrEnum):
    """As the service names them. A channel has one master and up to ten viewers."""

    MASTER = "MASTER"
    VIEWER = "VIEWER"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Of one channel for one role. ``wss``: its messages; ``https``: its ICE servers."""

    wss: str
    https: str


@dataclass(frozen=True, slots=True)
class IceServer:
    """``urls`` as WebRTC writes them; user name and password are good for ``ttl_s`` seconds."""

    urls: tuple[str, ...]
    username: str
    password: str = field(repr=False)
    ttl_s: int


@dataclass(frozen=True, slots=True)
class TemporaryCredentials:
    """Keys that say who may do what for a while; ``expires_at_ms`` None: for ever."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at_ms: int | None = None


class ChannelLimitError(PermanentError):
    """The account has as many channels as it may have."""


class SignalingChannels(Protocol):
    async def create(self, name: str) -> str:
        """The new channel's ARN; if there is one of that name, its ARN.

        Raises ChannelLimitError, RetryableError, PermanentError.
        """
        ...

    async def endpoints(self, arn: str, role: Role) -> Endpoints:
        """Raises PermanentError when there is no such channel."""
        ...

    async def ice_servers(
        self, arn: str, endpoints: Endpoints, client_id: str
    ) -> tuple[IceServer, ...]:
        """TURN servers for a client of the channel."""
        ...

    async def delete(self, arn: str) -> None:
        """That it is gone already is no error."""
        ...

    async def close(self) -> None: ...


class SignalingAccess(Protocol):
    """Hands out keys for one channel and one role."""

    async def credentials(self, arn: str, role: Role, holder: str) -> TemporaryCredentials:
        """``holder``: whom the keys are for, as the service's log will name them."""
        ...

    async def close(self) -> None: ...
