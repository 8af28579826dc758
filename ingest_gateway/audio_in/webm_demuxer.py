"""Opus packets out of a live WebM stream that comes in fragments. Pure.

A MediaRecorder writes one WebM file and hands it over in pieces: the header stands in the first
one only, and a piece may end anywhere, within a number too. So there is one demuxer per recorder,
and it keeps what it could not read yet. Sizes of segments and clusters are often unknown in live
files; they are not needed: every element's id says what it is, whatever holds it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest_gateway.audio_in.containers import Block, ContainerError

MOST_ELEMENTS = 1_000
"""In one piece: MediaRecorder writes 50 a second at most, and each costs some microseconds."""
_MOST_CHILDREN = 256
"""Of the tracks: eight tracks with all that a recorder says of them are some eighty."""
_LONGEST_NUMBER_BYTES = 8
_LATEST_MS = 10 * 365 * 24 * 3_600_000
MAX_ELEMENT_BYTES = 64 * 1024
"""Of what must be read whole: a block, the tracks. Far more than MediaRecorder writes."""

_EBML = 0x1A45DFA3
_TRACKS = 0x1654AE6B
_TRACK_ENTRY = 0xAE
_TRACK_NUMBER = 0xD7
_CODEC_ID = 0x86
_TIMESTAMP_SCALE = 0x2AD7B1
_CLUSTER_TIMESTAMP = 0xE7
_SIMPLE_BLOCK = 0xA3
_BLOCK = 0xA1
_SEGMENT, _INFO, _CLUSTER, _BLOCK_GROUP = 0x18538067, 0x1549A966, 0x1F43B675, 0xA0
_ENTERED = (_SEGMENT, _INFO, _CLUSTER, _BLOCK_GROUP)
_READ = (_TRACKS, _TIMESTAMP_SCALE, _CLUSTER_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK)
_LACING = 0x06
_MS_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Element:
    """``size`` None: unknown, as live writers leave it. ``start``: of its content."""

    element_id: int
    start: int
    size: int | None


class WebmDemuxer:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip_bytes = 0
        self._started = False
        self._track: int | None = None
        self._scale_ns = _MS_NS
        self._cluster_at = 0

    def feed(self, data: bytes) -> list[Block]:
        """The packets that are complete. Raises ContainerError: it is of no more use then."""
        self._buffer += data
        blocks: list[Block] = []
        at = 0
        elements = 0
        while True:
            elements += 1
            if elements > MOST_ELEMENTS:
                raise ContainerError(f"send at most {MOST_ELEMENTS} elements of WebM a message")
            skipped = min(self._skip_bytes, len(self._buffer) - at)
            self._skip_bytes -= skipped
            at += skipped
            element = _element(self._buffer, at)
            if element is None:
                break
            if not self._started and element.element_id != _EBML:
                raise ContainerError("WebM begins with its header: start the recorder anew")
            if element.element_id in _ENTERED:
                at = element.start
                continue
            if element.size is None:
                raise ContainerError("an element of unknown size that is no segment or cluster")
            if element.element_id not in _READ:
                if element.element_id == _EBML:
                    self._begin()
                at = element.start
                self._skip_bytes = element.size
                continue
            if element.size > MAX_ELEMENT_BYTES:
                raise ContainerError(f"an element of {element.size} bytes is too large")
            end = element.start + element.size
            if end > len(self._buffer):
                break
            self._read(element.element_id, bytes(self._buffer[element.start : end]), blocks)
            at = end
        del self._buffer[:at]
        return blocks

    def _begin(self) -> None:
        """A header: also in the middle, when a recorder was started anew."""
        self._started = True
        self._track = None
        self._scale_ns = _MS_NS
        self._cluster_at = 0

    def _read(self, element_id: int, content: bytes, blocks: list[Block]) -> None:
        if element_id == _TRACKS:
            self._track = _opus_track(content)
        elif element_id == _TIMESTAMP_SCALE:
            self._scale_ns = _number(content)
        elif element_id == _CLUSTER_TIMESTAMP:
            self._cluster_at = _number(content)
        elif self._track is None:
            raise ContainerError("a block before the tracks")
        else:
            block = self._block(content)
            if block is not None:
                blocks.append(block)

    def _block(self, content: bytes) -> Block | None:
        """None: of another track."""
        size = _width(content[0], 8) if content else 0
        if not size or len(content) < size + 3:
            raise ContainerError("a block that is too short")
        if _number(content[:size]) & ~(1 << 7 * size) != self._track:
            return None
        offset = int.from_bytes(content[size : size + 2], signed=True)
        if content[size + 2] & _LACING:
            raise ContainerError("a block with lacing")
        at_ms = (self._cluster_at + offset) * self._scale_ns / _MS_NS
        if not -_LATEST_MS < at_ms < _LATEST_MS:
            raise ContainerError("a block at a time that no recording has")
        return Block(at_ms, content[size + 3 :])


def _element(buffer: bytes | bytearray, at: int) -> _Element | None:
    """The header that begins at ``at``; None: it is not all there yet."""
    if at >= len(buffer):
        return None
    id_bytes = _width(buffer[at], 4)
    if not id_bytes:
        raise ContainerError("these bytes are not WebM")
    size_at = at + id_bytes
    if size_at >= len(buffer):
        return None
    size_bytes = _width(buffer[size_at], 8)
    if not size_bytes:
        raise ContainerError("these bytes are not WebM")
    start = size_at + size_bytes
    if start > len(buffer):
        return None
    all_ones = (1 << 7 * size_bytes) - 1
    size = _number(buffer[size_at:start]) & all_ones
    return _Element(_number(buffer[at:size_at]), start, None if size == all_ones else size)


def _width(first: int, longest: int) -> int:
    """Bytes of a number by its first one (EBML's variable size); 0: there is no such number."""
    width = 9 - first.bit_length()
    return width if width <= longest else 0


def _number(data: bytes | bytearray) -> int:
    if len(data) > _LONGEST_NUMBER_BYTES:
        raise ContainerError(f"a number of {len(data)} bytes")
    return int.from_bytes(data)


def _opus_track(tracks: bytes) -> int:
    """The number of the first Opus track. Raises ContainerError."""
    for entry in _children(tracks):
        if entry[0] != _TRACK_ENTRY:
            continue
        fields = dict(_children(entry[1]))
        if fields.get(_CODEC_ID, b"").rstrip(b"\0") == b"A_OPUS" and _TRACK_NUMBER in fields:
            return _number(fields[_TRACK_NUMBER])
    raise ContainerError("no Opus in this WebM: record with audio/webm;codecs=opus")


def _children(content: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(content):
        if len(found) >= _MOST_CHILDREN:
            raise ContainerError("more tracks than a recorder writes")
        element = _element(content, at)
        if element is None or element.size is None or element.start + element.size > len(content):
            raise ContainerError("these bytes are not WebM")
        at = element.start + element.size
        found.append((element.element_id, content[element.start : at]))
    return found
