"""Legacy input: WebM, Ogg or MP4 as a MediaRecorder writes it, to the samples everybody else sends.
Which of them it is, the first bytes say: old pages call it webm, whatever their browser records."""

from __future__ import annotations

from ingest_gateway.audio_in.containers import Block, ContainerError
from ingest_gateway.audio_in.mp4_demuxer import BRAND, Mp4Demuxer
from ingest_gateway.audio_in.ogg_demuxer import CAPTURE, OggDemuxer
from ingest_gateway.audio_in.packet_decoders import (
    DECODED_RATE_HZ,
    AacDecoder,
    OpusDecoder,
    PacketError,
)
from ingest_gateway.audio_in.speech_cutter import CHUNK_SAMPLES, SpeechCutter, TimedPcm
from ingest_gateway.audio_in.webm_demuxer import WebmDemuxer
from ingest_gateway.protocol.connection_protocol import Audio, RecorderFragment, Refusal
from schemas.values import SAMPLE_RATE_HZ

LONGEST_FRAGMENT_S = 10
"""Of audio in one message. MediaRecorder's are 0.25 s; more than this would hold up others."""
_MOST_CHUNKS = LONGEST_FRAGMENT_S * SAMPLE_RATE_HZ // CHUNK_SAMPLES
_TOLERANCE_SAMPLES = DECODED_RATE_HZ // 100
"""Recorders write whole milliseconds, not always of the first sample: 10 ms is no hole."""


class RecorderInput:
    """One recorder's stream. After a refusal it waits for a recorder that begins anew."""

    def __init__(self) -> None:
        self._begin()

    def take(self, fragment: RecorderFragment) -> list[Audio]:
        """What the fragment holds, numbered by arrival. Raises Refusal: BAD_AUDIO."""
        try:
            return [
                Audio(fragment.session_id, None, one.timestamp_ms, one.pcm)
                for one in self._samples(fragment)
            ]
        except (ContainerError, PacketError) as error:
            self._begin()
            raise Refusal("BAD_AUDIO", str(error), sequence=fragment.sequence) from None

    def _begin(self) -> None:
        self._demuxer: WebmDemuxer | OggDemuxer | Mp4Demuxer | None = None
        self._cutter: SpeechCutter | None = None
        self._aac_config: bytes | None = None

    def _samples(self, fragment: RecorderFragment) -> list[TimedPcm]:
        chunks: list[TimedPcm] = []
        self._demuxer = self._demuxer or _demuxer(fragment.data)
        for block in self._demuxer.feed(fragment.data):
            cutter = self._cutter
            if cutter is None or block.aac_config != self._aac_config:
                chunks += [] if cutter is None else cutter.flush()
                cutter = self._cutter = _cutter(block)
                self._aac_config = block.aac_config
            at_sample = round(block.at_ms * DECODED_RATE_HZ / 1000)
            chunks += cutter.add(at_sample, block.payload, fragment.timestamp_ms)
            if len(chunks) > _MOST_CHUNKS:
                raise ContainerError(f"send at most {LONGEST_FRAGMENT_S} s of audio a message")
        return chunks if self._cutter is None else chunks + self._cutter.flush()


def _demuxer(beginning: bytes) -> WebmDemuxer | OggDemuxer | Mp4Demuxer:
    if beginning.startswith(CAPTURE):
        return OggDemuxer()
    return Mp4Demuxer() if beginning[4:8] == BRAND else WebmDemuxer()


def _cutter(block: Block) -> SpeechCutter:
    decoder = OpusDecoder() if block.aac_config is None else AacDecoder(block.aac_config)
    return SpeechCutter(tolerance_samples=_TOLERANCE_SAMPLES, decoder=decoder)
