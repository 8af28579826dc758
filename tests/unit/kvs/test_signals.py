"""What a viewer sends over a signaling channel, and what it makes of what comes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from aiortc import RTCIceCandidate

from ingest_gateway.kvs.signals import Notice, SdpAnswer, offer_message, read

pytestmark = pytest.mark.unit

HOST = "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ host generation 0 ufrag abcd"


def event(kind: str, payload: Any) -> str:
    encoded = base64.b64encode(json.dumps(payload).encode()).decode()
    return json.dumps({"messageType": kind, "messagePayload": encoded, "senderClientId": ""})


def candidate(line: str, **more: Any) -> str:
    return event("ICE_CANDIDATE", {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0, **more})


def test_an_offer_is_packed_as_browsers_unpack_it() -> None:
    message = json.loads(offer_message("v=0\r\n"))
    assert message.keys() == {"action", "messagePayload"}
    assert message["action"] == "SDP_OFFER"
    payload = json.loads(base64.b64decode(message["messagePayload"]))
    assert payload == {"type": "offer", "sdp": "v=0\r\n"}


def test_an_answer_is_its_sdp() -> None:
    assert read(event("SDP_ANSWER", {"type": "answer", "sdp": "v=0"})) == SdpAnswer("v=0")


def test_a_candidate_says_where_and_for_what() -> None:
    found = read(candidate(HOST, usernameFragment="abcd"))
    assert isinstance(found, RTCIceCandidate)
    assert (found.ip, found.port, found.type) == ("203.0.113.7", 46154, "host")
    assert (found.sdpMid, found.sdpMLineIndex) == ("0", 0)


@pytest.mark.parametrize(
    "line",
    [
        "",  # the end of candidates
        HOST.replace("203.0.113.7", "4f9a.local"),
        HOST.replace(" udp ", " tcp "),
        "candidate:1 1 udp",
        "candidate:1 1 udp x y z typ host",
        "something else",
    ],
)
def test_candidates_that_cannot_be_used_are_left_out(line: str) -> None:
    assert read(candidate(line)) is None


@pytest.mark.parametrize("kind", ["GO_AWAY", "RECONNECT_ICE_SERVER", "STATUS_RESPONSE"])
def test_what_the_service_says_is_a_notice(kind: str) -> None:
    assert read(json.dumps({"messageType": kind})) == Notice(kind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "{}",
        json.dumps({"messageType": "SDP_ANSWER", "messagePayload": "%"}),
        json.dumps({"messageType": "SDP_ANSWER", "messagePayload": "aGk="}),
        event("SDP_ANSWER", {"type": "answer"}),
        event("ICE_CANDIDATE", {"candidate": HOST}),  # for no section of the description
        event("ICE_CANDIDATE", ["candidate"]),
    ],
)
def test_what_is_no_message_is_passed_over(text: str) -> None:
    assert read(text) is None
