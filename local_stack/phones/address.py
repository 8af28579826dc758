"""This machine's address on its network."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct

PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
_NOWHERE = ("192.0.2.1", 9)
"""Documentation's own network (RFC 5737). A datagram socket that is connected there sends nothing;
it only chooses the address that it would send from."""
_SIOCGIFADDR = 0x8915
_NAME_BYTES = 15


class NoAddressError(Exception):
    """Says what to do."""


def find_address() -> str:
    """The IPv4 address that other devices of the network reach this machine by. Raises
    NoAddressError."""
    for found in (_towards_others(), *_of_interfaces()):
        if found is not None and _is_usable(found):
            return found
    raise NoAddressError(
        "this machine has no address on a private network: join the Wi-Fi that the phones are in, "
        "or name one by PHONES=<address>; through a tunnel: PUBLIC_URL=https://..."
    )


def check_address(text: str) -> str:
    """A named one. Raises NoAddressError."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        raise NoAddressError(f"PHONES={text}: give 1, or an IPv4 address of this machine") from None
    if not _is_usable(text):
        raise NoAddressError(
            f"{text} is no address of a private network: what is in front of it belongs to "
            "PUBLIC_URL=https://..."
        )
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((text, 0))
        except OSError:
            raise NoAddressError(f"this machine does not have the address {text}") from None
    return text


def _is_usable(text: str) -> bool:
    address = ipaddress.IPv4Address(text)
    return any(address in ipaddress.IPv4Network(one) for one in PRIVATE_NETWORKS)


def _towards_others() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_NOWHERE)
        except OSError:  # there is no way out of this network
            return None
        return str(probe.getsockname()[0])


def _of_interfaces() -> list[str]:
    """Of every interface that has one, in the system's order."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            asked = struct.pack("256s", name.encode()[:_NAME_BYTES])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, asked)
            except OSError:  # it has no IPv4 address
                continue
            found.append(socket.inet_ntoa(answer[20:24]))
    return found
