"""Opus packets out of an Ogg stream that comes in fragments (RFC 3533, RFC 7845): what a
MediaRecorder of Firefox writes. Pure.

As with WebM, the header stands in the first fragment only, and a fragment may end anywhere. A page
says when its last packet ends; packets' own lengths tell the rest. Checksums are not looked at: the
connection has its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest_gateway.audio_in.containers import MOST_PACKETS, Block, ContainerError

CAPTURE = b"OggS"
MOST_PAGES = 1_000
"""In one piece: a recorder writes some fifty a second at most."""
MOST_PACKET_BYTES = 64 * 1024
_HEADER_BYTES = 27
_CONTINUED, _FIRST, _LAST = 0x01, 0x02, 0x04
_NO_TIME = 2**64 - 1
_SAMPLES_PER_MS = 48
_LATEST_SAMPLE = 10 * 365 * 24 * 3_600_000 * _SAMPLES_PER_MS
_SILK, _HYBRID, _CELT = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)
_MOST_SAMPLES = 5760
"""Of a packet: 120 ms."""


@dataclass(frozen=True, slots=True)
class _Page:
    """``granule``: where its last whole packet ends, at 48 kHz; None: no packet ends on it."""

    flags: int
    granule: int | None
    serial: int
    segments: bytes
    content: bytes


class OggDemuxer:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._serial: int | None = None
        self._packet = bytearray()
        self._headers_left = 0
        self._expected = 0
        self._fed_packets = 0
        """That pages of this piece hold: each may hold 255."""

    def feed(self, data: bytes) -> list[Block]:
        """The packets that are complete. Raises ContainerError: it is of no more use then."""
        self._buffer += data
        self._fed_packets = 0
        blocks: list[Block] = []
        for _ in range(MOST_PAGES):
            page = self._next_page()
            if page is None:
                return blocks
            if page.flags & _FIRST and page.content.startswith(b"OpusHead"):
                self._begin(page.serial)
            if self._serial is None:
                raise ContainerError("no Opus in this Ogg: record with audio/ogg;codecs=opus")
            if page.serial == self._serial:
                blocks += self._blocks(page)
        raise ContainerError(f"send at most {MOST_PAGES} pages of Ogg a message")

    def _begin(self, serial: int) -> None:
        """Also in the middle, when a recorder was started anew."""
        self._serial = serial
        self._packet.clear()
        self._headers_left = 2  # who recorded, and tags
        self._expected = 0

    def _next_page(self) -> _Page | None:
        """None: it is not all there yet."""
        buffer = self._buffer
        if not CAPTURE.startswith(buffer[:4]) or (len(buffer) > 4 and buffer[4] != 0):
            raise ContainerError("these bytes are not Ogg: start the recorder anew")
        if len(buffer) < _HEADER_BYTES:
            return None
        content_at = _HEADER_BYTES + buffer[26]
        segments = bytes(buffer[_HEADER_BYTES:content_at])
        end = content_at + sum(segments)
        if len(segments) < buffer[26] or len(buffer) < end:
            return None
        granule = int.from_bytes(buffer[6:14], "little")
        page = _Page(
            flags=buffer[5],
            granule=None if granule == _NO_TIME else granule,
            serial=int.from_bytes(buffer[14:18], "little"),
            segments=segments,
            content=bytes(buffer[content_at:end]),
        )
        del buffer[:end]
        return page

    def _blocks(self, page: _Page) -> list[Block]:
        packets = [packet for packet in self._packets(page) if packet]
        self._fed_packets += len(packets)
        if self._fed_packets > MOST_PACKETS:
            raise ContainerError(f"send at most {MOST_PACKETS} packets of Ogg a message")
        headers, audio = packets[: self._headers_left], packets[self._headers_left :]
        self._headers_left -= len(headers)
        lengths = [packet_samples(packet) for packet in audio]
        at = self._expected
        if page.granule is not None and not page.flags & _LAST:  # the last one may be cut short
            at = page.granule - sum(lengths)
        if not -_MOST_SAMPLES <= at < _LATEST_SAMPLE:
            raise ContainerError("a packet at a time that no recording has")
        blocks: list[Block] = []
        for packet, samples in zip(audio, lengths, strict=True):
            blocks.append(Block(at / _SAMPLES_PER_MS, packet))
            at += samples
        if audio:
            self._expected = at
        return blocks

    def _packets(self, page: _Page) -> list[bytes]:
        """Those that end on this page."""
        if not page.flags & _CONTINUED:
            self._packet.clear()
        packets: list[bytes] = []
        at = 0
        for size in page.segments:
            self._packet += page.content[at : at + size]
            at += size
            if len(self._packet) > MOST_PACKET_BYTES:
                raise ContainerError(f"a packet of more than {MOST_PACKET_BYTES} bytes")
            if size < 255:
                packets.append(bytes(self._packet))
                self._packet.clear()
        return packets


def packet_samples(packet: bytes) -> int:
    """How long an Opus packet is, at 48 kHz (RFC 6716, 3.1). Raises ContainerError."""
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = _SILK[config % 4]
    else:
        frame = _HYBRID[config % 2] if config < 16 else _CELT[config % 4]
    count = (1, 2, 2)[code] if code < 3 else (packet[1] & 0x3F if len(packet) > 1 else 0)
    if not 0 < frame * count <= _MOST_SAMPLES:
        raise ContainerError("a packet that is not Opus")
    return frame * count
