"""Which of a channel's ICE servers a viewer uses."""

from __future__ import annotations

import pytest

from connectors.interfaces.signaling_channels import IceServer
from ingest_gateway.kvs.ice import amazon_stun, with_servers
from ingest_gateway.webrtc.ice import IceSettings

pytestmark = pytest.mark.unit

OWN = IceSettings(None, ("stun:stun.example.org:3478", "turn:own.example.org"), "me", "mine")


def test_the_channel_s_turn_takes_the_place_of_our_own() -> None:
    channel = IceServer(
        (
            "turns:one.example.org:443?transport=udp",  # DTLS: not spoken
            "turns:one.example.org:443?transport=tcp",
            "turn:one.example.org:443?transport=udp",
        ),
        "user",
        "password",
        300,
    )
    found = with_servers(OWN, (channel,))
    assert found.servers == (
        "stun:stun.example.org:3478",
        "turns:one.example.org:443?transport=tcp",
    )
    assert (found.turn_username, found.turn_password) == ("user", "password")
    assert found.address is None


@pytest.mark.parametrize("urls", [(), ("turns:a:443?transport=udp",), ("nonsense",)])
def test_without_a_usable_one_our_own_stay(urls: tuple[str, ...]) -> None:
    assert with_servers(OWN, (IceServer(urls, "user", "password", 300),)) == OWN


def test_amazon_s_stun_server_is_the_region_s() -> None:
    assert amazon_stun("eu-west-1") == "stun:stun.kinesisvideo.eu-west-1.amazonaws.com:443"
    assert amazon_stun("cn-north-1") == "stun:stun.kinesisvideo.cn-north-1.amazonaws.com.cn:443"
