"""``with PhoneAccess(...) as access:`` and devices of the network come in."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from beam_flink_kit.loops import LiveLoop
from ingest_gateway.routes.pages import BUILT
from local_stack.phones.authority import Authority, open_authority
from local_stack.phones.door import PhoneDoor
from local_stack.phones.trust import TrustPage
from local_stack.ports import LOOPBACK

SECURE_PORT = 8443
TRUST_PORT = 8081
_CALL_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Inside:
    """What lies behind the door, on this machine."""

    gateway_url: str
    store_url: str
    bucket: str


def free_port(address: str, wanted: int) -> int:
    """``wanted``, or any other one if it is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, wanted))
        except OSError:
            probe.bind((address, 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class PhoneAccess:
    """TLS at ``address`` of this machine's network, under a certificate of an authority that is
    kept in ``kept``; and the page that explains how a phone trusts it. Nothing listens there before
    ``open``."""

    address: str
    kept: Path
    secure_port: int = field(init=False)
    trust_port: int = field(init=False)
    authority: Authority = field(init=False)
    _loop: LiveLoop | None = field(default=None, init=False)
    _door: PhoneDoor | None = field(default=None, init=False)
    _trust: TrustPage | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.secure_port = free_port(self.address, SECURE_PORT)
        self.trust_port = free_port(self.address, TRUST_PORT)
        self.authority = open_authority(self.kept)

    @property
    def public_url(self) -> str:
        return f"https://{self.address}:{self.secure_port}"

    @property
    def trust_url(self) -> str:
        return f"http://{self.address}:{self.trust_port}/"

    @property
    def gateway_options(self) -> tuple[str, ...]:
        """Of the gateway behind it."""
        return (
            f"--public-url={self.public_url}",
            f"--trust-url={self.trust_url}",
            f"--media-host={self.address}",
        )

    def open(self, inside: Inside) -> None:
        self._loop = LiveLoop()
        with TemporaryDirectory() as folder:
            tls = self.authority.server_context(self.address, Path(folder))
        self._door = PhoneDoor(inside.gateway_url, inside.store_url, inside.bucket, self.public_url)
        self._trust = TrustPage(self.authority, BUILT, self.public_url)
        for starting in (
            self._door.start(self.address, self.secure_port, tls),
            self._trust.start(self.address, self.trust_port),
        ):
            self._loop.wait(self._loop.start(starting), _CALL_TIMEOUT_S)

    def close(self) -> None:
        _close(self._loop, self._door, self._trust)


@dataclass(slots=True)
class TunnelAccess:
    """A door on the loopback interface, for a tunnel that ends at ``public_url``."""

    public_url: str
    port: int = field(init=False)
    _loop: LiveLoop | None = field(default=None, init=False)
    _door: PhoneDoor | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.port = free_port(LOOPBACK, TRUST_PORT)

    @property
    def gateway_options(self) -> tuple[str, ...]:
        return (f"--public-url={self.public_url}",)

    def open(self, inside: Inside) -> None:
        self._loop = LiveLoop()
        self._door = PhoneDoor(inside.gateway_url, inside.store_url, inside.bucket, self.public_url)
        starting = self._door.start(LOOPBACK, self.port, None)
        self._loop.wait(self._loop.start(starting), _CALL_TIMEOUT_S)

    def close(self) -> None:
        _close(self._loop, self._door)


def _close(loop: LiveLoop | None, *opened: PhoneDoor | TrustPage | None) -> None:
    if loop is None:
        return
    for one in opened:
        if one is not None:
            loop.wait(loop.start(one.stop()), _CALL_TIMEOUT_S)
    loop.stop()
