"""Which offers are answered, and where media may come in."""

from __future__ import annotations

import pytest
from aiortc import RTCPeerConnection

from ingest_gateway.webrtc.ice import IceSettings, ice_settings
from ingest_gateway.webrtc.offers import OfferError, prepared

pytestmark = pytest.mark.unit

BROWSERS_OFFER = """\
v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111 0
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 3f1ea2a5-0b0c-4b6c-9a41-8a5d9c0b1f11.local 51000 typ host
a=candidate:2 1 udp 2113937150 192.0.2.7 51001 typ host
a=end-of-candidates
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 {print}
a=setup:actpass
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:0 PCMU/8000
""".format(print=":".join(["AB"] * 32))


def test_names_of_local_networks_are_left_out_and_the_end_is_left_open() -> None:
    lines = prepared(BROWSERS_OFFER, we="receive").splitlines()
    assert [line for line in lines if "candidate" in line] == [
        "a=candidate:2 1 udp 2113937150 192.0.2.7 51001 typ host"
    ]
    kept = [line for line in BROWSERS_OFFER.splitlines() if "candidate" not in line]
    assert [line for line in lines if "candidate" not in line] == kept


def test_no_more_candidates_than_anybody_has() -> None:
    many = "".join(
        f"a=candidate:{at} 1 udp {at} 192.0.2.7 {5000 + at} typ host\n" for at in range(500)
    )
    offer = BROWSERS_OFFER.replace("a=end-of-candidates\n", many)
    assert prepared(offer, we="receive").count("a=candidate") <= 32


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (("v=0", "x"), 400, "not an SDP"),
        (("m=audio 9", "m=audio nine"), 400, "not an SDP"),
        (("m=audio", "m=video"), 422, "one audio section"),
        (("opus/48000/2", "speex/48000"), 422, "Opus"),
        (("a=sendonly", "a=recvonly"), 422, "send audio"),
        (("a=sendonly", "a=inactive"), 422, "send audio"),
    ],
)
def test_other_offers_are_refused_in_words(change: tuple[str, str], status: int, says: str) -> None:
    with pytest.raises(OfferError, match=says) as refused:
        prepared(BROWSERS_OFFER.replace(*change), we="receive")
    assert refused.value.status == status


def test_a_listener_must_offer_to_receive() -> None:
    assert prepared(BROWSERS_OFFER.replace("a=sendonly", "a=recvonly"), we="send")
    with pytest.raises(OfferError, match="receive audio"):
        prepared(BROWSERS_OFFER, we="send")


# Where media may come in


def test_media_comes_in_where_http_does() -> None:
    assert ice_settings("127.0.0.1", (), None, None) == IceSettings("127.0.0.1")
    assert ice_settings("localhost", (), None, None).address == "127.0.0.1"
    assert ice_settings("0.0.0.0", (), None, None).address is None  # noqa: S104
    assert ice_settings("::", (), None, None).address is None


async def test_nobody_is_asked_for_our_address_by_default() -> None:
    """aiortc's default would be a server of Google's."""
    peer = RTCPeerConnection(IceSettings().configuration())
    transceiver = peer.addTransceiver("audio")
    connection = transceiver.receiver.transport.transport.iceGatherer._connection
    assert (connection.stun_server, connection.turn_server) == (None, None)
    await peer.close()


def test_servers_are_configured_and_only_stun_is_told_to_clients() -> None:
    servers = ("stun:stun.example:3478", "turn:turn.example:3478?transport=tcp")
    settings = ice_settings("127.0.0.1", servers, "gateway", "secret")
    stun, turn = settings.configuration().iceServers or []
    assert (stun.urls, stun.credential) == (servers[0], None)
    assert (turn.urls, turn.username, turn.credential) == (servers[1], "gateway", "secret")
    assert settings.links() == '<stun:stun.example:3478>; rel="ice-server"'
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("servers", "says"),
    [(("http://example",), "write stun:"), (("turn:turn.example",), "--turn-username")],
)
def test_servers_that_cannot_be_used_are_refused_at_the_start(
    servers: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        ice_settings("127.0.0.1", servers, None, None)
