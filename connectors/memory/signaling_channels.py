"""Signaling channels in memory: names and limits, but nobody answers there. For tests."""

from __future__ import annotations

import itertools
from collections import deque

from connectors.interfaces.errors import ConnectorError, PermanentError
from connectors.interfaces.signaling_channels import (
    ChannelLimitError,
    Endpoints,
    IceServer,
    Role,
    TemporaryCredentials,
)


class MemorySignalingChannels:
    """``channels``: ARN by name. ``failures`` are raised by the next calls, in order."""

    def __init__(
        self,
        limit: int = 100,
        ice: tuple[IceServer, ...] = (),
        failures: tuple[ConnectorError, ...] = (),
    ) -> None:
        self.channels: dict[str, str] = {}
        self.failures = deque(failures)
        self._limit = limit
        self._ice = ice
        self._numbers = itertools.count(1)

    async def create(self, name: str) -> str:
        self._fail()
        if name not in self.channels:
            if len(self.channels) >= self._limit:
                raise ChannelLimitError(f"there are {self._limit} channels")
            self.channels[name] = (
                f"arn:aws:kinesisvideo:us-east-1:000000000000:channel/{name}/{next(self._numbers)}"
            )
        return self.channels[name]

    async def endpoints(self, arn: str, role: Role) -> Endpoints:
        self._fail()
        self._check(arn)
        host = f"{role.lower()}.signaling.invalid"
        return Endpoints(f"wss://{host}", f"https://{host}")

    async def ice_servers(
        self, arn: str, endpoints: Endpoints, client_id: str
    ) -> tuple[IceServer, ...]:
        self._fail()
        self._check(arn)
        return self._ice

    async def delete(self, arn: str) -> None:
        self._fail()
        self.channels = {name: one for name, one in self.channels.items() if one != arn}

    async def close(self) -> None:
        pass

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.popleft()

    def _check(self, arn: str) -> None:
        if arn not in self.channels.values():
            raise PermanentError("there is no such channel")


class MemorySignalingAccess:
    """Every call makes new keys, named after what they are for; ``given`` holds them all."""

    def __init__(self, lifetime_ms: int = 3_600_000, now_ms: int = 0) -> None:
        self.given: list[tuple[str, Role, str]] = []
        self.now_ms = now_ms
        self._lifetime_ms = lifetime_ms

    async def credentials(self, arn: str, role: Role, holder: str) -> TemporaryCredentials:
        self.given.append((arn, role, holder))
        name = f"{role}-{len(self.given)}"
        return TemporaryCredentials(name, "secret", "token", self.now_ms + self._lifetime_ms)

    async def close(self) -> None:
        pass
