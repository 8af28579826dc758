"""What the boxes of a fragmented MP4 say about its sound (ISO/IEC 14496-12, 14496-1). Pure.

Functions raise ContainerError, and struct.error or IndexError where a box is shorter than it says.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingest_gateway.audio_in.containers import MOST_PACKETS, ContainerError

NOT_MP4 = "these bytes are not MP4: start the recorder anew"
NO_SOUND = "no AAC-LC or Opus in this MP4: record with audio/mp4"
_MOST_CHILDREN = 64
_AAC_LC = 2
_MPEG4_AUDIO = 0x40
_SAMPLE_ENTRY_BYTES, _QUICKTIME_BYTES = 28, 16
_ES, _DECODER_CONFIG, _SPECIFIC = 3, 4, 5
_U32, _U64 = struct.Struct(">I"), struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Box:
    """``start`` and ``end``: of its content, from where its header begins."""

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Track:
    """``config``: AAC's AudioSpecificConfig; None: Opus. ``duration`` (in units of ``timescale``)
    and ``size`` (bytes) are of a packet of which a fragment does not say them."""

    number: int
    timescale: int
    config: bytes | None
    duration: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Packet:
    """``position``: in the file. ``time``: in units of the track."""

    position: int
    size: int
    time: int


def box_at(buffer: bytes | bytearray, at: int) -> Box | None:
    """The box whose header begins there; None: its header is not all there yet."""
    if len(buffer) < at + 8:
        return None
    size, kind = _U32.unpack_from(buffer, at)[0], bytes(buffer[at + 4 : at + 8])
    start = 8
    if size == 1:
        if len(buffer) < at + 16:
            return None
        size, start = _U64.unpack_from(buffer, at + 8)[0], 16
    if size < start:  # 0: to the end of the file, which no recorder knows
        raise ContainerError(NOT_MP4)
    return Box(kind, start, size)


def audio_track(moov: bytes) -> Track:
    """The first that can be heard."""
    defaults: dict[int, tuple[int, int]] = {}
    found: Track | None = None
    for kind, content in _children(moov):
        if kind == b"trak" and found is None:
            found = _track(content)
        elif kind == b"mvex":
            for trex in _all(content, b"trex"):
                number, _, duration, size = struct.unpack_from(">4I", trex, 4)
                defaults[number] = duration, size
    if found is None:
        raise ContainerError(NO_SOUND)
    duration, size = defaults.get(found.number, (0, 0))
    return replace(found, duration=duration, size=size)


def fragment_packets(track: Track, moof: bytes, position: int, media_position: int) -> list[Packet]:
    """Of a ``moof`` whose header stands at ``position``, before media at ``media_position``."""
    packets: list[Packet] = []
    for traf in _all(moof, b"traf"):
        tfhd = _one(traf, b"tfhd")
        flags, number = _flags(tfhd), _U32.unpack_from(tfhd, 4)[0]
        if number != track.number:
            continue
        fields = _Fields(tfhd, 8)
        base = fields.u64() if flags & 0x1 else position
        fields.skip_if(flags, 0x2)
        duration = fields.u32() if flags & 0x8 else track.duration
        size = fields.u32() if flags & 0x10 else track.size
        tfdt = _one(traf, b"tfdt")
        time = (_U64 if tfdt[0] == 1 else _U32).unpack_from(tfdt, 4)[0]
        usual = _Usual(base, duration, size)
        next_one = Packet(media_position, 0, time)
        for trun in _all(traf, b"trun"):
            run, next_one = _run(trun, usual, next_one)
            packets += run
            if len(packets) > MOST_PACKETS:
                raise ContainerError(f"more than {MOST_PACKETS} packets in a fragment of MP4")
    return packets


@dataclass(frozen=True, slots=True)
class _Usual:
    """What holds for a run that does not say it; ``base``: of its offset, in the file."""

    base: int
    duration: int
    size: int


def _run(trun: bytes, usual: _Usual, first: Packet) -> tuple[list[Packet], Packet]:
    """Packets one behind the other, and where and when the next one is."""
    flags, count = _flags(trun), _U32.unpack_from(trun, 4)[0]
    if count > MOST_PACKETS:
        raise ContainerError(f"more than {MOST_PACKETS} packets in a fragment of MP4")
    fields = _Fields(trun, 8)
    at, time = first.position, first.time
    if flags & 0x1:
        at = usual.base + fields.i32()
    fields.skip_if(flags, 0x4)
    packets: list[Packet] = []
    for _ in range(count):
        duration = fields.u32() if flags & 0x100 else usual.duration
        size = fields.u32() if flags & 0x200 else usual.size
        fields.skip_if(flags, 0x400)
        fields.skip_if(flags, 0x800)
        packets.append(Packet(at, size, time))
        at, time = at + size, time + duration
    return packets, Packet(at, 0, time)


def _track(trak: bytes) -> Track | None:
    """None: nothing that can be heard."""
    tkhd = _one(trak, b"tkhd")
    number = _U32.unpack_from(tkhd, 20 if tkhd[0] == 1 else 12)[0]
    media = _one(trak, b"mdia")
    if _one(media, b"hdlr")[8:12] != b"soun":
        return None
    mdhd = _one(media, b"mdhd")
    timescale = _U32.unpack_from(mdhd, 20 if mdhd[0] == 1 else 12)[0]
    entries = _one(_one(_one(media, b"minf"), b"stbl"), b"stsd")[8:]
    for kind, entry in _children(entries):
        if kind == b"Opus" and timescale:
            return Track(number, timescale, None)
        if kind == b"mp4a" and timescale:
            quicktime = _QUICKTIME_BYTES if entry[8:10] == b"\0\1" else 0
            esds = _one(entry[_SAMPLE_ENTRY_BYTES + quicktime :], b"esds")
            return Track(number, timescale, _specific_config(esds[4:]))
    return None


def _specific_config(descriptors: bytes) -> bytes:
    """AAC-LC's, its two bytes without extensions."""
    es = _descriptor(descriptors, _ES)
    at = 3 + (2 if es[2] & 0x80 else 0)
    at += 1 + es[at] if es[2] & 0x40 else 0
    decoder = _descriptor(es[at + (2 if es[2] & 0x20 else 0) :], _DECODER_CONFIG)
    config = _descriptor(decoder[13:], _SPECIFIC)
    kind, rate, channels = (
        config[0] >> 3,
        (config[0] & 7) << 1 | config[1] >> 7,
        config[1] >> 3 & 15,
    )
    if decoder[0] != _MPEG4_AUDIO or kind != _AAC_LC or rate > 12 or channels not in (1, 2):
        raise ContainerError(NO_SOUND)
    return config[:2]


def _descriptor(data: bytes, tag: int) -> bytes:
    """The content of a descriptor that stands first."""
    size, at = 0, 1
    while True:
        size = size << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            break
        if at > 4:
            raise ContainerError(NOT_MP4)
    if data[0] != tag or at + size > len(data):
        raise ContainerError(NO_SOUND)
    return data[at : at + size]


def _children(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(_MOST_CHILDREN):
        box = box_at(content, at)
        if box is None:
            return
        if at + box.end > len(content):
            raise ContainerError(NOT_MP4)
        yield box.kind, content[at + box.start : at + box.end]
        at += box.end
    raise ContainerError("more boxes than a recorder writes")


def _all(content: bytes, kind: bytes) -> list[bytes]:
    return [child for found, child in _children(content) if found == kind]


def _one(content: bytes, kind: bytes) -> bytes:
    for found, child in _children(content):
        if found == kind:
            return child
    raise ContainerError(NOT_MP4)


def _flags(full_box: bytes) -> int:
    return _U32.unpack_from(full_box)[0] & 0xFFFFFF


class _Fields:
    """Numbers one behind the other."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content = content
        self._at = at

    def u32(self) -> int:
        return self._next(_U32, 4)

    def u64(self) -> int:
        return self._next(_U64, 8)

    def i32(self) -> int:
        return self._next(struct.Struct(">i"), 4)

    def skip_if(self, flags: int, flag: int) -> None:
        if flags & flag:
            self._at += 4

    def _next(self, kind: struct.Struct, size: int) -> int:
        (value,) = kind.unpack_from(self._content, self._at)
        self._at += size
        return int(value)
