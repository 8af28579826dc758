"""Where media is received, and which STUN and TURN servers help to be found.

aiortc receives on every interface but loopback, and asks Google's STUN server unless told not to.
A gateway on 127.0.0.1 must do neither, and be reachable there: ``keep_to`` gives each connection
the one address it may bind.

aiortc is imported where it is used: settings are read in functions, too, which have none.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiortc import RTCConfiguration, RTCPeerConnection

GATHER_S = 2
"""A STUN or TURN server that has not answered by then is done without."""


@dataclass(frozen=True, slots=True)
class IceSettings:
    """``address``: the only one to receive media on; None: each of this machine's but loopback.

    ``servers`` are URLs as WebRTC writes them (``stun:host:port``, ``turn:host:port``); of each
    kind the first is used. The user name and password are for TURN.
    """

    address: str | None = "127.0.0.1"
    servers: tuple[str, ...] = ()
    turn_username: str | None = None
    turn_password: str | None = field(default=None, repr=False)

    def configuration(self) -> RTCConfiguration:
        from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer

        return RTCConfiguration(
            iceServers=[
                RTCIceServer(url, self.turn_username, self.turn_password)
                if url.startswith("turn")
                else RTCIceServer(url)
                for url in self.servers
            ],
            bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
        )

    def may_reach(self, address: str) -> bool:
        """Whether media and checks may be sent there. A client names the addresses, so those of
        this machine and of private networks count only for a gateway that is on such a one itself;
        who has another one is found by its own checks."""
        try:
            theirs = ipaddress.ip_address(address)
        except ValueError:
            return False
        if theirs.is_multicast or theirs.is_unspecified or theirs.is_reserved:
            return False
        if theirs.is_global:
            return True
        if self.address is None:
            return False
        own = ipaddress.ip_address(self.address)
        if theirs.is_loopback:
            return own.is_loopback
        return own.is_private and not theirs.is_link_local

    def links(self) -> str:
        """As clients are told of them (``Link``, RFC 9725). TURN is left out: the gateway's own
        relay is reachable for them, and its password is nobody's business."""
        return ", ".join(f'<{url}>; rel="ice-server"' for url in self.servers if url[:4] == "stun")


def ice_settings(
    host: str, servers: tuple[str, ...], username: str | None, password: str | None
) -> IceSettings:
    """For a gateway that serves on ``host``. Raises ValueError, with what to do."""
    if not servers:
        return IceSettings(_address(host), (), username, password)
    from aiortc.rtcicetransport import parse_stun_turn_uri

    for url in servers:
        try:
            parse_stun_turn_uri(url)
        except ValueError:
            raise ValueError(f"{url!r}: write stun:HOST:PORT or turn:HOST:PORT") from None
    if any(url.startswith("turn") for url in servers) and not (username and password):
        raise ValueError("a TURN server needs --turn-username and --turn-password")
    return IceSettings(_address(host), servers, username, password)


def keep_to(peer: RTCPeerConnection, address: str | None) -> None:
    """Bind sockets on this address only. Behind the remote description, before the local one:
    that is when there are transports, and none of them has a socket."""
    if address is None:
        return
    transports = [one.receiver.transport for one in peer.getTransceivers()]
    if peer.sctp is not None:
        transports.append(peer.sctp.transport)
    for ice in {id(one.transport): one.transport for one in transports}.values():
        connection: Any = ice.iceGatherer._connection  # type: ignore[reportPrivateUsage]
        gather = connection.get_component_candidates
        connection.get_component_candidates = partial(_gather_on, gather, address)


async def _gather_on(gather: Any, address: str, component: int, addresses: list[str]) -> Any:
    """``addresses`` are all that this machine has."""
    return await gather(component=component, addresses=[address], timeout=GATHER_S)


def _address(host: str) -> str | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return socket.gethostbyname(host)
    return None if address.is_unspecified else str(address)
