"""Which sections of an offer are taken, what of it the WebRTC stack sees, and the answer. Pure.

One audio section with Opus is taken, and a data channel that is bundled with it. Every other
section is declined (port 0 in the answer, RFC 3264), whatever it offers. The stack gets the taken
sections alone, and of these only what is known here: an offer cannot make it work on the rest.

A direction that is not given is the session's, or ``sendrecv`` (RFC 8866, 6.7). The answer has the
BUNDLE groups that were offered, with the sections that were taken (RFC 8843, 7.3), and no others.
A section that is bundled without being its group's first has the transport of the first one.

Candidates named ``*.local`` (mDNS, by which browsers hide addresses from pages) are left out:
resolving them would open a multicast socket on every interface, and they are not needed, since the
browser's own checks show where it is. For the same reason the end of candidates is left open.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aiortc.sdp import SessionDescription

MAX_OFFER_BYTES = 64 * 1024
MOST_CANDIDATES = 32
_MOST_SECTIONS = 32
_MOST_REPEATS = 16
"""Of header extensions, sources and feedback in a section."""

Status = Literal[400, 406, 422]
We = Literal["receive", "send"]

_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_WANTED = {"receive": ("sendonly", "sendrecv"), "send": ("recvonly", "sendrecv")}
_TRANSPORT = ("ice-ufrag", "ice-pwd", "ice-options", "fingerprint", "setup")
_ONCE = ("mid", "ice-ufrag", "ice-pwd", "setup", "sctp-port", *_DIRECTIONS)
_OF_SESSION = ("ice-lite", *_TRANSPORT)
_OF_AUDIO = ("rtcp-mux", "rtcp", "msid")
_REPEATED = ("extmap", "ssrc")
_OF_CHANNEL = ("sctp-port", "max-message-size", "sctpmap")
_OF_FORMAT = ("rtpmap", "fmtp", "rtcp-fb")
_RTP_OVER_DTLS = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF")
_MEDIA_LINE = re.compile(r"m=(\S+) (\d{1,5})(?:/\d+)? (\S+) (\S.*)")


class OfferError(ValueError):
    """``status``: 400 for what is no offer, 406 for one of which nothing can be taken (the message
    names the section), 422 for one that the stack cannot serve."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status: Status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Section:
    """One ``m=`` section as it was offered. ``lines``: those after the ``m=`` line."""

    at: int
    kind: str
    port: int
    profile: str
    formats: str
    lines: tuple[str, ...]

    def values(self, name: str) -> Iterator[str]:
        return _values(self.lines, name)

    def value(self, name: str) -> str | None:
        return next(self.values(name), None)

    @property
    def mid(self) -> str | None:
        return self.value("mid")

    @property
    def name(self) -> str:
        """For messages to the offerer."""
        mid = self.mid
        return f"section {self.at} ({self.kind}{'' if mid is None else f', mid {mid}'})"[:80]


@dataclass(frozen=True, slots=True)
class PreparedOffer:
    """``sdp`` is what the stack is given. ``bundles``: the groups as offered, of mids."""

    sdp: str
    sections: tuple[Section, ...]
    taken: tuple[int, ...]
    bundles: tuple[tuple[str, ...], ...]

    @property
    def has_channel(self) -> bool:
        return len(self.taken) > 1

    def answered(self, answer: str) -> str:
        """The answer to the whole offer, from the stack's answer to what it was given."""
        session, sections = _split(answer)
        lines = [line for line in session if not line.startswith("a=group:")]
        mids = {self.sections[at].mid for at in self.taken}
        for bundle in self.bundles:
            kept = [mid for mid in bundle if mid in mids]
            if kept:
                lines.append(f"a=group:BUNDLE {' '.join(kept)}")
        answers = dict(zip(self.taken, sections, strict=True))
        for section in self.sections:
            lines += answers.get(section.at, ()) or _declined(section)
        return "\r\n".join(lines) + "\r\n"


def prepared(
    offer: str, *, we: We, may_reach: Callable[[str], bool] = lambda _address: True
) -> PreparedOffer:
    """What of an offer is taken; ``may_reach`` says of a candidate's address whether the gateway
    may send to it. Raises OfferError."""
    session, sections = _parsed(offer)
    bundles = _bundles(session, sections)
    audio = _audio(session, sections, bundles, we)
    bundle = next((one for one in bundles if audio.mid is not None and audio.mid in one), ())
    taken = [audio]
    channel = next((one for one in sections if _is_channel(one) and one.mid in bundle), None)
    if channel is not None and not _is_refused(channel, bundle):
        taken.append(channel)
    first = next((one for one in sections if bundle and one.mid == bundle[0]), audio)
    candidates = _candidates([first, *taken], may_reach)
    lines = [line for line in session if line[:2] in ("v=", "o=", "s=", "t=")]
    lines += [line for line in session if _name(line) in _OF_SESSION]
    if bundle:
        lines.append(f"a=group:BUNDLE {' '.join(one.mid or '' for one in taken)}")
    for section in sorted(taken, key=lambda one: one.at):
        lines += _for_stack(session, section, first)
        lines += candidates
    sdp = "\r\n".join(lines) + "\r\n"
    try:
        SessionDescription.parse(sdp)
    except Exception:  # the parser raises whatever its lines lead to
        raise OfferError(400, "the body is not an SDP offer") from None
    return PreparedOffer(sdp, sections, tuple(sorted(one.at for one in taken)), tuple(bundles))


def _parsed(offer: str) -> tuple[tuple[str, ...], tuple[Section, ...]]:
    """The session's lines, and the sections. Raises OfferError."""
    if not offer.startswith("v=0"):
        raise OfferError(400, "the body is not an SDP offer")
    session, parts = _split(offer)
    if len(parts) > _MOST_SECTIONS:
        raise OfferError(400, f"offer at most {_MOST_SECTIONS} media sections")
    sections: list[Section] = []
    for at, (head, *lines) in enumerate(parts):
        found = _MEDIA_LINE.fullmatch(head)
        if found is None:
            raise OfferError(400, f"section {at} does not begin with an m= line of SDP")
        kind, port, profile, formats = found.groups()
        section = Section(at, kind, int(port), profile, formats, tuple(lines))
        for name in _ONCE:
            if len(set(section.values(name))) > 1:
                raise OfferError(400, f"{section.name} has more than one a={name}")
        if kind != "application" and section.value("sctp-port") is not None:
            raise OfferError(400, f"{section.name} has a data channel's a=sctp-port")
        sections.append(section)
    return session, tuple(sections)


def _split(sdp: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The lines before the first ``m=`` line, and those of each section from its ``m=`` line on."""
    groups: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            groups.append([])
        if line:
            groups[-1].append(line.rstrip())
    return tuple(groups[0]), [tuple(one) for one in groups[1:]]


def _name(line: str) -> str:
    """Of an attribute: ``mid`` in ``a=mid:0``."""
    return line[2:].partition(":")[0] if line.startswith("a=") else ""


def _values(lines: Sequence[str], name: str) -> Iterator[str]:
    for line in lines:
        if _name(line) == name:
            yield line[2:].partition(":")[2].strip()


def _bundles(session: Sequence[str], sections: Sequence[Section]) -> list[tuple[str, ...]]:
    """Raises OfferError: a group names a section that is not there, or one twice."""
    bundles: list[tuple[str, ...]] = []
    mids = [one.mid for one in sections if one.mid is not None]
    if len(set(mids)) < len(mids):
        raise OfferError(400, "two sections have the same mid")
    for value in _values(session, "group"):
        semantics, *members = value.split()
        if semantics != "BUNDLE":
            continue
        for mid in members:
            if mid not in mids or any(mid in one for one in bundles) or members.count(mid) > 1:
                raise OfferError(400, f"a=group:BUNDLE names {mid[:40]!r}, which is no one section")
        bundles.append(tuple(members))
    return bundles


def _audio(
    session: Sequence[str], sections: Sequence[Section], bundles: list[tuple[str, ...]], we: We
) -> Section:
    """The first audio section that can be taken. Raises OfferError: why none can."""
    reasons: list[str] = []
    for section in sections:
        if section.kind != "audio":
            continue
        bundle = next((one for one in bundles if section.mid in one), ())
        if _is_refused(section, bundle):
            reasons.append(f"{section.name} has port 0: it is not offered")
        elif section.profile not in _RTP_OVER_DTLS:
            reasons.append(f"{section.name} is {section.profile[:40]}: offer UDP/TLS/RTP/SAVPF")
        elif not _opus(section):
            reasons.append(f"{section.name} has no Opus: no other codec is spoken here")
        elif _direction(session, section) not in _WANTED[we]:
            wanted = "send audio (sendonly)" if we == "receive" else "receive audio (recvonly)"
            reasons.append(f"{section.name} does not offer to {wanted}")
        else:
            return section
    raise OfferError(406, "; ".join(reasons[:4]) or "offer an audio section: there is none")


def _is_refused(section: Section, bundle: Sequence[str]) -> bool:
    """Port 0, unless it stands for the port of its group (RFC 8843, 7.1)."""
    is_bundled = section.mid in bundle and section.value("bundle-only") is not None
    return section.port == 0 and not is_bundled


def _is_channel(section: Section) -> bool:
    return section.kind == "application" and "SCTP" in section.profile


def _direction(session: Sequence[str], section: Section) -> str:
    for lines in (section.lines, session):
        for line in lines:
            if _name(line) in _DIRECTIONS:
                return _name(line)
    return "sendrecv"


def _opus(section: Section) -> tuple[str, ...]:
    """Payload types, of those in the ``m=`` line."""
    there = section.formats.split()
    found = [
        value.partition(" ")[0]
        for value in section.values("rtpmap")
        if value.partition(" ")[2].lower().startswith("opus/48000")
    ]
    return tuple(one for one in dict.fromkeys(found) if one in there)[:4]


def _candidates(sections: Sequence[Section], may_reach: Callable[[str], bool]) -> list[str]:
    """Of a group's sections together: they are of one transport."""
    kept: dict[str, None] = {}
    for section in sections:
        for value in section.values("candidate"):
            fields = value.split()
            if len(fields) < 8 or len(value) > 300 or len(kept) >= MOST_CANDIDATES:
                continue
            address = fields[4]
            is_udp = fields[2].lower() == "udp"
            if is_udp and not address.endswith(".local") and may_reach(address):
                kept[f"a=candidate:{value}"] = None
    return list(kept)


def _for_stack(session: Sequence[str], section: Section, first: Section) -> Iterator[str]:
    """A section's lines without its candidates. ``first``: of its group, whose transport it has."""
    opus = _opus(section) if section.kind == "audio" else ()
    port = section.port or 9
    formats = " ".join(opus) if opus else section.formats.split()[0]
    yield f"m={section.kind} {port} {section.profile} {formats}"
    yield "c=IN IP4 0.0.0.0"
    mid = section.mid
    if mid is not None:
        yield f"a=mid:{mid}"
    if opus:
        yield f"a={_direction(session, section)}"
    for name in _TRANSPORT:
        own = list(section.values(name)) or list(first.values(name))
        for value in own[:_MOST_REPEATS]:
            yield f"a={name}:{value}"
    counts = dict.fromkeys((*_REPEATED, *_OF_FORMAT), 0)
    for line in section.lines:
        name = _name(line)
        if name in (_OF_AUDIO if opus else _OF_CHANNEL):
            yield line
            continue
        if not opus or name not in counts or counts[name] >= _MOST_REPEATS:
            continue
        if name in _OF_FORMAT and line.partition(":")[2].split(" ")[0] not in (*opus, "*"):
            continue
        if name == "rtpmap" and "opus" not in line.lower():
            continue
        counts[name] += 1
        yield line


def _declined(section: Section) -> Iterator[str]:
    """RFC 3264, 6: port 0, the rest as offered; the formats stand for nothing."""
    yield f"m={section.kind} 0 {section.profile} {section.formats}"
    yield "c=IN IP4 0.0.0.0"
    if section.mid is not None:
        yield f"a=mid:{section.mid}"
    if section.kind in ("audio", "video"):
        yield "a=inactive"
