"""AAC or Opus packets out of a fragmented MP4 that comes in pieces: what a MediaRecorder of Safari
writes, and Chromium's when it is asked to. Pure.

As with WebM, the header (``ftyp``, ``moov``) stands in the first piece only, and a piece may end
anywhere. Each ``moof`` says where the packets of the ``mdat`` after it lie, and when they begin.
"""

from __future__ import annotations

import struct

from ingest_gateway.audio_in.containers import MOST_PACKETS, Block, ContainerError
from ingest_gateway.audio_in.mp4_boxes import (
    NOT_MP4,
    Box,
    Packet,
    Track,
    audio_track,
    box_at,
    fragment_packets,
)

BRAND = b"ftyp"
MOST_BOXES = 1_000
"""In one piece: a recorder writes two for each fragment of its file."""
MOST_HEAD_BYTES = 64 * 1024
MOST_MEDIA_BYTES = 512 * 1024
"""Of a fragment: two seconds of sound are 64 KB, a picture's packets may lie beside them."""
_MOST_BYTES = {b"moov": MOST_HEAD_BYTES, b"moof": MOST_HEAD_BYTES, b"mdat": MOST_MEDIA_BYTES}
_LATEST_MS = 10 * 365 * 24 * 3_600_000


class Mp4Demuxer:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        """Of the buffer in the file."""
        self._skip_bytes = 0
        self._started = False
        self._track: Track | None = None
        self._packets: list[Packet] = []
        self._fed_packets = 0
        """That fragments of this piece have named: a few bytes may name a thousand."""

    def feed(self, data: bytes) -> list[Block]:
        """The packets that are complete. Raises ContainerError: it is of no more use then."""
        self._buffer += data
        self._fed_packets = 0
        blocks: list[Block] = []
        for _ in range(MOST_BOXES):
            skipped = min(self._skip_bytes, len(self._buffer))
            self._skip_bytes -= skipped
            self._drop(skipped)
            box = box_at(self._buffer, 0)
            if box is None:
                return blocks
            if not self._started and box.kind != BRAND:
                raise ContainerError("MP4 begins with its header: start the recorder anew")
            most = _MOST_BYTES.get(box.kind)
            if most is None:
                if box.kind == BRAND:
                    self._begin()
                self._skip_bytes = box.end
                continue
            if box.end > most:
                raise ContainerError(
                    f"a box of {box.end} bytes is too large: record with a time slice"
                )
            if box.end > len(self._buffer):
                return blocks
            try:
                blocks += self._read(box, bytes(self._buffer[box.start : box.end]))
            except (struct.error, IndexError):
                raise ContainerError(NOT_MP4) from None
            self._drop(box.end)
        raise ContainerError(f"send at most {MOST_BOXES} boxes of MP4 a message")

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._position += size

    def _begin(self) -> None:
        """A header: also in the middle, when a recorder was started anew."""
        self._started = True
        self._position = 0
        self._track = None
        self._packets = []

    def _read(self, box: Box, content: bytes) -> list[Block]:
        if box.kind == b"moov":
            self._track = audio_track(content)
        elif self._track is None:
            raise ContainerError("sound before its header: record in slices")
        elif box.kind == b"moof":
            media_position = self._position + box.end + 8
            self._packets = fragment_packets(self._track, content, self._position, media_position)
            self._fed_packets += len(self._packets)
            if self._fed_packets > MOST_PACKETS:
                raise ContainerError(f"send at most {MOST_PACKETS} packets of MP4 a message")
        else:
            return self._blocks(self._track, content, self._position + box.start)
        return []

    def _blocks(self, track: Track, content: bytes, position: int) -> list[Block]:
        """Of the packets that lie in this ``mdat``, whose content is at ``position``."""
        packets, self._packets = self._packets, []
        blocks: list[Block] = []
        for packet in packets:
            first = packet.position - position
            if first < 0 or first + packet.size > len(content):
                raise ContainerError("a packet is not where its MP4 says")
            at_ms = packet.time * 1000 / track.timescale
            if at_ms >= _LATEST_MS:
                raise ContainerError("a packet at a time that no recording has")
            blocks.append(Block(at_ms, content[first : first + packet.size], track.config))
        return blocks
