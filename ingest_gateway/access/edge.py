"""What stands between viewers and the gateway: proxies that may say who the viewer is, and the
names under which the gateway is reached. Pure.

A header that names the viewer is believed from trusted proxies only, since anybody can send one.
Of a list (``X-Forwarded-For``, ``Forwarded``) the last address that is no trusted proxy is the
viewer's: what stands before it was written by the viewer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

ViewerHeader = Literal["x-forwarded-for", "forwarded", "cloudfront-viewer-address"]
ANYBODY = "*"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PLAIN_PORTS = ("80", "443")


@dataclass(frozen=True)
class Edge:
    """``trusted_proxies``: addresses and networks (``10.0.0.0/8``), or ``*``: every peer (for
    a gateway that only a proxy can reach). ``allowed_hosts``: names by which the gateway may be
    called, without port (empty: any); of pages under these names and ``allowed_origins`` scripts
    may call it (empty: of any page). ``trust_loopback``: who calls from this machine, by a
    loopback name, is the job, and is given tokens.
    """

    trusted_proxies: tuple[str, ...] = ()
    viewer_header: ViewerHeader = "x-forwarded-for"
    allowed_hosts: frozenset[str] = frozenset()
    allowed_origins: frozenset[str] = frozenset()
    trust_loopback: bool = False

    @cached_property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """Of the trusted proxies. Raises ValueError for what is neither address nor network."""
        named = (one for one in self.trusted_proxies if one != ANYBODY)
        return tuple(ipaddress.ip_network(one) for one in named)

    def viewer(self, address: str, headers: Mapping[str, str]) -> str:
        """The viewer's address, of a connection from ``address``; names of headers in lower
        case."""
        if not self._is_proxy(address):
            return address
        written = headers.get(self.viewer_header, "")
        if self.viewer_header == "cloudfront-viewer-address":
            return _without_port(written, always=True) or address
        hops = _forwarded(written) if self.viewer_header == "forwarded" else written.split(",")
        for hop in reversed([_without_port(one) for one in hops]):
            if hop is None:
                break  # what stands before it cannot be trusted either
            if not self._is_named_proxy(hop):
                return hop
        return address

    def refusal(self, method: str, headers: Mapping[str, str]) -> str | None:
        """Why a request is answered with nothing but that (421 or 403); None: it is not."""
        host = _name_of_host(headers.get("host", ""))
        if self.allowed_hosts and host not in self.allowed_hosts:
            return "this gateway is not reached by that name"
        origin = headers.get("origin")
        if not self.allowed_origins or origin is None or method in ("GET", "HEAD", "OPTIONS"):
            return None
        is_own = _name_of_host(origin.partition("//")[2]) == host
        if is_own or _plain_origin(origin) in map(_plain_origin, self.allowed_origins):
            return None
        return "pages of that origin may not call this gateway"

    def is_on_this_machine(self, address: str, headers: Mapping[str, str]) -> bool:
        """A direct connection over loopback, if that is trusted: what a proxy passes on is none,
        nor is a page whose name was made to point here (DNS rebinding)."""
        passed_on = any(name in headers for name in ("x-forwarded-for", "forwarded", "via"))
        if not self.trust_loopback or passed_on:
            return False
        host = _name_of_host(headers.get("host", ""))
        if host not in _LOOPBACK_NAMES and host not in self.allowed_hosts:
            return False
        try:
            return ipaddress.ip_address(address).is_loopback
        except ValueError:
            return False

    def _is_proxy(self, address: str) -> bool:
        return ANYBODY in self.trusted_proxies or self._is_named_proxy(address)

    def _is_named_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)


def edge(
    trusted_proxies: Iterable[str],
    viewer_header: ViewerHeader,
    allowed_hosts: Iterable[str],
    allowed_origins: Iterable[str],
    *,
    trust_loopback: bool,
) -> Edge:
    """Raises ValueError for a proxy that is neither an address nor a network."""
    made = Edge(
        tuple(trusted_proxies),
        viewer_header,
        frozenset(one.lower() for one in allowed_hosts),
        frozenset(one.lower() for one in allowed_origins),
        trust_loopback,
    )
    _ = made.networks
    return made


def _forwarded(written: str) -> list[str]:
    """The addresses of RFC 7239's ``for``; an element without one counts as unknown."""
    hops: list[str] = []
    for element in written.split(","):
        parts = (pair.partition("=") for pair in element.split(";"))
        pairs = {name.strip().lower(): value.strip().strip('"') for name, _, value in parts}
        hops.append(pairs.get("for", ""))
    return hops


def _without_port(written: str, *, always: bool = False) -> str | None:
    """An address as proxies write it: ``1.2.3.4``, ``1.2.3.4:5``, ``::1``, ``[::1]:5``; with a port
    at its end ``always``: ``2001:db8::1:5``. None: no address."""
    text = written.strip()
    if always:
        text = text.rpartition(":")[0].strip("[]")
    elif text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _name_of_host(written: str) -> str:
    """A Host header's or an origin's name without its port."""
    host = written.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _plain_origin(origin: str) -> str:
    text = origin.strip().lower().rstrip("/")
    scheme, _, rest = text.partition("://")
    name, _, port = rest.rpartition(":")
    return f"{scheme}://{name}" if name and port in _PLAIN_PORTS else text
