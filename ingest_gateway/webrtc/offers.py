"""Which offers are answered, and what of them is let through. Pure.

Candidates named ``*.local`` (mDNS, by which browsers hide addresses from pages) are left out:
resolving them would open a multicast socket on every interface, and they are not needed, since the
browser's own checks show where it is. For the same reason the end of candidates is left open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aiortc.sdp import MediaDescription, SessionDescription

MAX_OFFER_BYTES = 64 * 1024
_MOST_CANDIDATES = 32
_MOST_SECTIONS = 4


class OfferError(ValueError):
    """``status``: 400 for what is no offer, 422 for one that cannot be served."""

    def __init__(self, status: Literal[400, 422], message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def prepared(offer: str, *, we: Literal["receive", "send"]) -> str:
    """The offer as it is given to the WebRTC stack. Raises OfferError."""
    if not offer.startswith("v=0"):
        raise OfferError(400, "the body is not an SDP offer")
    try:
        sections = SessionDescription.parse(offer).media
    except Exception:  # the parser raises whatever its lines lead to
        raise OfferError(400, "the body is not an SDP offer") from None
    _check(sections, we)
    lines: list[str] = []
    candidates = 0
    for line in offer.splitlines():
        if line.startswith("a=end-of-candidates"):
            continue
        if line.startswith("a=candidate:"):
            candidates += 1
            if candidates > _MOST_CANDIDATES or ".local" in line:
                continue
        lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def _check(sections: Sequence[MediaDescription], we: Literal["receive", "send"]) -> None:
    if len(sections) > _MOST_SECTIONS:
        raise OfferError(422, f"offer at most {_MOST_SECTIONS} media sections")
    audio = [one for one in sections if one.kind == "audio"]
    if len(audio) != 1:
        raise OfferError(422, "offer exactly one audio section")
    if not any(codec.mimeType.lower() == "audio/opus" for codec in audio[0].rtp.codecs):
        raise OfferError(422, "offer Opus: no other codec is spoken here")
    if we == "receive" and audio[0].direction not in ("sendonly", "sendrecv"):
        raise OfferError(422, "offer to send audio (sendonly)")
    if we == "send" and audio[0].direction not in ("recvonly", "sendrecv"):
        raise OfferError(422, "offer to receive audio (recvonly)")
