"""Legacy input: WebM, Ogg or MP4 as a MediaRecorder writes it, to the samples everybody else sends.
Which of them it is, the first bytes say: old pages call it webm, whatever their browser records."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import pairwise

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
PACKETS_AT_A_STRETCH = 50
_MOST_BEGUN = 2
"""Recorders of other AAC: each wants a decoder, which costs ten packets."""
_MOST_CHUNKS = LONGEST_FRAGMENT_S * SAMPLE_RATE_HZ // CHUNK_SAMPLES
_TOLERANCE_SAMPLES = DECODED_RATE_HZ // 100
"""Recorders write whole milliseconds, not always of the first sample: 10 ms is no hole."""


class RecorderInput:
    """One recorder's stream. After a refusal it waits for a recorder that begins anew.

    Reading what packets there are costs a hundredth of decoding them, so it comes first: its caller
    knows how much work it has before it is begun, and may do something else in between.
    """

    def __init__(self) -> None:
        self._begin()

    def demux(self, fragment: RecorderFragment) -> list[Block]:
        """The packets that the fragment completes, at most ``MOST_PACKETS``. Raises Refusal:
        BAD_AUDIO."""
        with self._refusing(fragment):
            self._demuxer = self._demuxer or _demuxer(fragment.data)
            packets = self._demuxer.feed(fragment.data)
            begun = sum(one.aac_config != then.aac_config for one, then in pairwise(packets))
            if begun > _MOST_BEGUN:
                raise ContainerError("a recorder begins anew at most twice a message")
            return packets

    def decode(self, fragment: RecorderFragment, packets: list[Block]) -> Iterator[list[Audio]]:
        """What the packets hold, numbered by arrival, ``PACKETS_AT_A_STRETCH`` at a time: 3 ms of
        work. Raises Refusal: BAD_AUDIO."""
        chunks = 0
        with self._refusing(fragment):
            for first in range(0, len(packets), PACKETS_AT_A_STRETCH):
                some = packets[first : first + PACKETS_AT_A_STRETCH]
                decoded = self._decoded(some, fragment.timestamp_ms, _MOST_CHUNKS - chunks)
                chunks += len(decoded)
                if first + len(some) == len(packets) and self._cutter is not None:
                    decoded += self._cutter.flush()
                yield [
                    Audio(fragment.session_id, None, one.timestamp_ms, one.pcm) for one in decoded
                ]

    def _begin(self) -> None:
        self._demuxer: WebmDemuxer | OggDemuxer | Mp4Demuxer | None = None
        self._cutter: SpeechCutter | None = None
        self._aac_config: bytes | None = None

    @contextmanager
    def _refusing(self, fragment: RecorderFragment) -> Generator[None, None, None]:
        try:
            yield
        except (ContainerError, PacketError) as error:
            self._begin()
            raise Refusal("BAD_AUDIO", str(error), sequence=fragment.sequence) from None

    def _decoded(self, packets: list[Block], timestamp_ms: int, most: int) -> list[TimedPcm]:
        """At most so many chunks: packets may also lie far apart."""
        chunks: list[TimedPcm] = []
        for packet in packets:
            cutter = self._cutter
            if cutter is None or packet.aac_config != self._aac_config:
                chunks += [] if cutter is None else cutter.flush()
                cutter = self._cutter = _cutter(packet)
                self._aac_config = packet.aac_config
            at_sample = round(packet.at_ms * DECODED_RATE_HZ / 1000)
            chunks += cutter.add(at_sample, packet.payload, timestamp_ms)
            if len(chunks) > most:
                raise ContainerError(f"send at most {LONGEST_FRAGMENT_S} s of audio a message")
        return chunks


def _demuxer(beginning: bytes) -> WebmDemuxer | OggDemuxer | Mp4Demuxer:
    if beginning.startswith(CAPTURE):
        return OggDemuxer()
    return Mp4Demuxer() if beginning[4:8] == BRAND else WebmDemuxer()


def _cutter(block: Block) -> SpeechCutter:
    decoder = OpusDecoder() if block.aac_config is None else AacDecoder(block.aac_config)
    return SpeechCutter(tolerance_samples=_TOLERANCE_SAMPLES, decoder=decoder)
