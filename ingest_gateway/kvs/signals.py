"""The messages of a signaling channel, as a viewer sends and reads them. Pure.

Each is JSON with a base64 payload that is JSON again, in the words of the browsers' WebRTC.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec
from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp


@dataclass(frozen=True, slots=True)
class SdpAnswer:
    sdp: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What the service itself says: GO_AWAY, RECONNECT_ICE_SERVER, STATUS_RESPONSE."""

    kind: str


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    message_type: str
    message_payload: str = ""


class _Description(msgspec.Struct, frozen=True):
    sdp: str


class _Candidate(msgspec.Struct, frozen=True, rename={"mid": "sdpMid", "line": "sdpMLineIndex"}):
    candidate: str
    mid: str | None = None
    line: int | None = None


def offer_message(sdp: str) -> str:
    payload = msgspec.json.encode({"type": "offer", "sdp": sdp})
    return msgspec.json.encode(
        {"action": "SDP_OFFER", "messagePayload": base64.b64encode(payload).decode()}
    ).decode()


def read(text: str | bytes) -> SdpAnswer | RTCIceCandidate | Notice | None:
    """None: nothing that a viewer could use."""
    try:
        event = msgspec.json.decode(text, type=_Event)
        if event.message_type not in ("SDP_ANSWER", "ICE_CANDIDATE"):
            return Notice(event.message_type)
        payload = base64.b64decode(event.message_payload)
        if event.message_type == "SDP_ANSWER":
            return SdpAnswer(msgspec.json.decode(payload, type=_Description).sdp)
        return _candidate(msgspec.json.decode(payload, type=_Candidate))
    except (msgspec.DecodeError, binascii.Error):
        return None


def _candidate(given: _Candidate) -> RTCIceCandidate | None:
    """Left out: the end of candidates (an empty one), what only mDNS could find (``offers``), and
    TCP, which aiortc does not speak."""
    kind, _, line = given.candidate.partition(":")
    if kind != "candidate" or (given.mid is None and given.line is None):
        return None
    try:
        found = candidate_from_sdp(line)
    except (ValueError, IndexError, AssertionError):
        return None
    if found.protocol.lower() != "udp" or found.ip.endswith(".local"):
        return None
    found.sdpMid, found.sdpMLineIndex = given.mid, given.line
    return found
