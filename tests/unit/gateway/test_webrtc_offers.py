"""Which offers are answered, and where media may come in."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiortc import RTCPeerConnection

from ingest_gateway.webrtc.ice import IceSettings, ice_settings
from ingest_gateway.webrtc.offers import OfferError, We, prepared

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


OFFERS = Path(__file__).with_name("offers")


def offered(name: str) -> str:
    return (OFFERS / name).read_text()


def stacks_answer(*mids: str, group: str = "a=group:BUNDLE 0\r\n") -> str:
    """As the WebRTC stack answers what it is given."""
    sections = "".join(
        f"m=audio 40000 UDP/TLS/RTP/SAVPF 111\r\na=mid:{mid}\r\na=recvonly\r\n" for mid in mids
    )
    return f"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{group}{sections}"


def test_names_of_local_networks_are_left_out_and_the_end_is_left_open() -> None:
    lines = prepared(BROWSERS_OFFER, we="receive").sdp.splitlines()
    assert [line for line in lines if "candidate" in line] == [
        "a=candidate:2 1 udp 2113937150 192.0.2.7 51001 typ host"
    ]


def test_the_stack_sees_nothing_but_the_opus_of_the_audio() -> None:
    """Its parser takes a time that grows with the square of the lines."""
    more = "".join(f"a=rtpmap:{pt} PCMU/8000\na=fmtp:{pt} x=1\n" for pt in range(96, 127)) * 40
    lines = prepared(BROWSERS_OFFER + more, we="receive").sdp.splitlines()
    assert [line for line in lines if line.startswith(("m=", "a=rtpmap", "a=fmtp"))] == [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 x=1",
    ] + ["a=fmtp:111 x=1"] * 15


def test_no_more_candidates_than_anybody_has() -> None:
    many = "".join(
        f"a=candidate:{at} 1 udp {at} 192.0.2.7 {5000 + at} typ host\n" for at in range(500)
    )
    offer = BROWSERS_OFFER.replace("a=end-of-candidates\n", many)
    assert prepared(offer, we="receive").sdp.count("a=candidate") <= 32


def test_checks_are_sent_to_no_address_that_the_client_could_not_name_from_outside() -> None:
    public, here, private = "8.8.8.8", "127.0.0.1", "10.1.2.3"
    reached = {
        own: [one for one in (public, here, private) if IceSettings(own).may_reach(one)]
        for own in (None, "9.9.9.9", "127.0.0.1", "10.0.0.1")
    }
    assert reached == {
        None: [public],
        "9.9.9.9": [public],
        "127.0.0.1": [public, here, private],
        "10.0.0.1": [public, private],
    }
    for never in ("224.0.0.1", "0.0.0.0", "169.254.169.254", "router.lan"):  # noqa: S104
        assert not IceSettings("10.0.0.1").may_reach(never)


@pytest.mark.parametrize("video", ["AV1/90000", "H265/90000", "VP9/90000", "H264/90000"])
def test_video_is_declined_whatever_its_codec(video: str) -> None:
    offer = prepared(offered("whip_obs_av1.sdp").replace("AV1/90000", video), we="receive")
    assert "m=video" not in offer.sdp
    answer = offer.answered(stacks_answer("0"))
    assert [
        line for line in answer.splitlines() if line.startswith(("m=", "a=group", "a=mid"))
    ] == [
        "a=group:BUNDLE 0",
        "m=audio 40000 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
    ]


def test_no_group_is_answered_that_was_not_offered() -> None:
    answer = prepared(offered("whip_no_bundle.sdp"), we="receive").answered(stacks_answer("0"))
    assert "BUNDLE" not in answer


def test_a_section_with_port_0_stays_at_port_0() -> None:
    offer = prepared(offered("whip_video_port0.sdp"), we="receive")
    assert "m=video 0 UDP/TLS/RTP/SAVPF 96" in offer.answered(stacks_answer("0")).splitlines()


@pytest.mark.parametrize("we", ["receive", "send"])
def test_without_a_direction_it_goes_both_ways(we: We) -> None:
    assert "a=sendrecv" in prepared(offered("whip_no_direction.sdp"), we=we).sdp.splitlines()


def test_a_direction_of_the_session_is_inherited() -> None:
    offer = offered("whip_no_direction.sdp").replace("t=0 0\n", "t=0 0\na=sendonly\n")
    assert "a=sendonly" in prepared(offer, we="receive").sdp.splitlines()
    with pytest.raises(OfferError, match=r"section 0 \(audio, mid 0\)"):
        prepared(offer, we="send")


def test_bundled_audio_has_the_transport_of_a_declined_first_section() -> None:
    """As a browser offers that lists its video first: candidates stand there only."""
    lines = BROWSERS_OFFER.splitlines()
    audio = lines.index("m=audio 9 UDP/TLS/RTP/SAVPF 111 0")
    transport = [one for one in lines if one.startswith(("a=ice-", "a=finger", "a=setup"))]
    candidate = "a=candidate:9 1 udp 1 198.51.100.7 51001 typ host"
    video = ["m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:v", "a=rtpmap:96 VP8/90000", candidate]
    rest = [
        one
        for one in lines[audio:]
        if one not in transport and not one.startswith(("a=candidate", "a=end-of"))
    ]
    rest = [one.replace("audio 9", "audio 0") for one in rest] + ["a=bundle-only"]
    group = ["a=group:BUNDLE v 0" if "BUNDLE" in one else one for one in lines[:audio]]
    offer = prepared("\n".join([*group, *video, *transport, *rest]), we="receive")
    sdp = offer.sdp.splitlines()
    assert {candidate, *transport} <= set(sdp)
    assert "a=group:BUNDLE 0" in sdp
    answered = offer.answered(stacks_answer("0")).splitlines()
    assert [line for line in answered if line.startswith("m=")] == [
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "m=audio 40000 UDP/TLS/RTP/SAVPF 111",
    ]


def test_a_data_channel_is_taken_if_it_is_bundled_with_the_audio() -> None:
    channel = (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:1\na=sctp-port:5000\n"
        "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
    )
    alone = prepared(BROWSERS_OFFER + channel, we="receive")
    assert (alone.has_channel, "m=application" in alone.sdp) == (False, False)
    bundled = BROWSERS_OFFER.replace("BUNDLE 0", "BUNDLE 0 1") + channel
    offer = prepared(bundled, we="receive")
    assert offer.has_channel
    assert "a=group:BUNDLE 0 1" in offer.answered(stacks_answer("0", "1"))


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (("v=0", "x"), 400, "not an SDP"),
        (("m=audio 9", "m=audio nine"), 400, "m= line"),
        (("a=mid:0", "a=mid:0\na=mid:1\na=sctp-port:5000"), 400, "more than one a=mid"),
        (("a=mid:0", "a=mid:0\na=sctp-port:5000"), 400, "data channel"),
        (("BUNDLE 0", "BUNDLE 0 1"), 400, "names '1'"),
        (("BUNDLE 0", "BUNDLE 0 0"), 400, "names '0'"),
        (("m=audio", "m=video"), 406, "there is none"),
        (("m=audio 9", "m=audio 0"), 406, r"section 0 \(audio, mid 0\) has port 0"),
        (("opus/48000/2", "speex/48000"), 406, r"section 0 \(audio, mid 0\) has no Opus"),
        (("UDP/TLS/RTP/SAVPF", "RTP/AVP"), 406, "RTP/AVP"),
        (("a=sendonly", "a=recvonly"), 406, "send audio"),
        (("a=sendonly", "a=inactive"), 406, "send audio"),
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
