"""Which of a channel's ICE servers are used. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from aiortc.rtcicetransport import parse_stun_turn_uri

from connectors.interfaces.signaling_channels import IceServer
from ingest_gateway.webrtc.ice import IceSettings


def amazon_stun(region: str) -> str:
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"stun:stun.kinesisvideo.{region}.{domain}:443"


def with_servers(own: IceSettings, servers: Iterable[IceServer]) -> IceSettings:
    """Our own settings and the channel's first TURN server that aiortc can use, which takes the
    place of a TURN server of ours: the speaker can reach the channel's for sure."""
    for server in servers:
        for url in server.urls:
            if _usable(url):
                stun = tuple(one for one in own.servers if one.startswith("stun"))
                return replace(
                    own,
                    servers=(*stun, url),
                    turn_username=server.username,
                    turn_password=server.password,
                )
    return own


def _usable(url: str) -> bool:
    """aiortc speaks TURN over UDP, TCP and TLS, not over DTLS (``turns:`` by UDP)."""
    try:
        parsed = parse_stun_turn_uri(url)
    except ValueError:
        return False
    return (parsed["scheme"], parsed.get("transport")) in {
        ("turn", "udp"),
        ("turn", "tcp"),
        ("turns", "tcp"),
    }
