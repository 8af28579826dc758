"""MP3 clips joined on a timeline: a file that plays as one, with silence where nobody speaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.machine_made import tag, tag_bytes

_SYNC_MPEG = 0xFFE0
_BIT_RATES_KBPS = {
    # MPEG-1 and MPEG-2/2.5, layer III
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_SAMPLE_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_SILENCE_BYTES_AT_ONCE = 64 * 1024


class JoinedMp3:
    """Where the joined file stands, while clips are added to it in order.

    A clip begins at its own time in the talk, or where the one before it ends if that is later:
    speech is never cut, and what a longer translation runs late is made up in the next pause.
    Silence has the format and bit rate of the clip after it, so that players find their place in
    the file by its size. The file begins with the mark that a machine speaks.
    """

    def __init__(self) -> None:
        self._length_s = 0.0
        self._is_marked = False

    @property
    def length_s(self) -> float:
        """How long the file plays as it is now."""
        return self._length_s

    def add(self, mp3: bytes, at_s: float) -> Iterator[bytes]:
        """The bytes that follow: silence until ``at_s``, then the clip's frames.

        A clip that is no MP3 is handed on as it is, without silence before it.
        """
        sound = audio_frames(mp3)
        first = _frame_at(sound, 0)
        if first is not None:
            if not self._is_marked:
                yield tag()
            self._is_marked = True
            yield from self._silence(first, at_s - self._length_s)
        yield sound
        self._length_s += _length_s(sound)

    def _silence(self, like: _Frame, duration_s: float) -> Iterator[bytes]:
        frames = max(0, round(duration_s / like.duration_s))
        self._length_s += frames * like.duration_s
        frame = like.silent()
        at_once = max(1, _SILENCE_BYTES_AT_ONCE // len(frame))
        for start in range(0, frames, at_once):
            yield frame * min(at_once, frames - start)


def audio_frames(mp3: bytes) -> bytes:
    """The file without its ID3 tags and without the Xing/Info frame, which holds no sound and
    whose counts would be wrong for the whole."""
    start = _after_id3(mp3)
    end = len(mp3) - 128 if mp3[-128:-125] == b"TAG" else len(mp3)
    first = _frame_at(mp3, start)
    if first is not None:
        head = mp3[start : start + min(first.size, 64)]
        if b"Xing" in head or b"Info" in head:
            start += first.size
    return mp3[start:end]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A layer III frame by its header: ``size`` in bytes, all of it."""

    header: bytes
    size: int
    duration_s: float

    def silent(self) -> bytes:
        """A frame of the same format whose side information says that nothing is coded in it.

        It has neither checksum nor padding, and needs no bits of the frames before it.
        """
        header = bytes((self.header[0], self.header[1] | 0x01, self.header[2] & 0xFD))
        bare = header + bytes((self.header[3] & 0xCF,))
        is_padded = self.header[2] & 0x02
        return bare.ljust(self.size - (1 if is_padded else 0), b"\0")


def _length_s(sound: bytes) -> float:
    position, length_s = 0, 0.0
    while (frame := _frame_at(sound, position)) is not None:
        position += frame.size
        length_s += frame.duration_s
    return length_s


def _after_id3(mp3: bytes) -> int:
    if mp3[:3] != b"ID3" or len(mp3) < 10:
        return 0
    footer = 10 if mp3[5] & 0x10 else 0
    return 10 + tag_bytes(mp3) + footer


def _frame_at(mp3: bytes, position: int) -> _Frame | None:
    """None: there is no layer III frame at ``position``."""
    header = mp3[position : position + 4]
    if len(header) < 4 or int.from_bytes(header[:2]) & _SYNC_MPEG != _SYNC_MPEG:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    if version == 1 or layer != 1 or header[2] >> 2 & 3 == 3:
        return None
    kbps = _BIT_RATES_KBPS[1 if version == 3 else 2][header[2] >> 4]
    if not kbps:
        return None
    rate_hz = _SAMPLE_RATES_HZ[version][header[2] >> 2 & 3]
    samples = 1152 if version == 3 else 576
    padding = header[2] >> 1 & 1
    return _Frame(header, samples // 8 * kbps * 1000 // rate_hz + padding, samples / rate_hz)
