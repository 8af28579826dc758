"""MP3 files put one behind the other play as one, once tags and information frames are off."""

from __future__ import annotations

_SYNC_MPEG = 0xFFE0
_BIT_RATES_KBPS = {
    # MPEG-1 and MPEG-2/2.5, layer III
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_SAMPLE_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def audio_frames(mp3: bytes) -> bytes:
    """The file without its ID3 tags and without the Xing/Info frame, which holds no sound and
    whose counts would be wrong for the whole."""
    start = _behind_id3(mp3)
    end = len(mp3) - 128 if mp3[-128:-125] == b"TAG" else len(mp3)
    size = _frame_bytes(mp3[start : start + 4])
    first = mp3[start : start + size] if size else b""
    if b"Xing" in first[:64] or b"Info" in first[:64]:
        start += size
    return mp3[start:end]


def _behind_id3(mp3: bytes) -> int:
    if mp3[:3] != b"ID3" or len(mp3) < 10:
        return 0
    size = 0
    for byte in mp3[6:10]:  # seven bits a byte
        size = size << 7 | byte & 0x7F
    footer = 10 if mp3[5] & 0x10 else 0
    return 10 + size + footer


def _frame_bytes(header: bytes) -> int:
    """Of a layer III frame; 0: this is none."""
    if len(header) < 4 or int.from_bytes(header[:2]) & _SYNC_MPEG != _SYNC_MPEG:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    if version == 1 or layer != 1 or header[2] >> 2 & 3 == 3:
        return 0
    kbps = _BIT_RATES_KBPS[1 if version == 3 else 2][header[2] >> 4]
    rate_hz = _SAMPLE_RATES_HZ[version][header[2] >> 2 & 3]
    samples = 1152 if version == 3 else 576
    padding = header[2] >> 1 & 1
    return samples // 8 * kbps * 1000 // rate_hz + padding if kbps else 0
