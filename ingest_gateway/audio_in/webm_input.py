"""Legacy input: WebM or Ogg with Opus as a MediaRecorder writes it, to the samples everybody else
sends. Which of both it is, the first bytes say: old pages call it webm, whatever their browser
records."""

from __future__ import annotations

from ingest_gateway.audio_in.ogg_demuxer import CAPTURE, OggDemuxer
from ingest_gateway.audio_in.speech_cutter import (
    CHUNK_SAMPLES,
    OPUS_RATE_HZ,
    OpusError,
    SpeechCutter,
    TimedPcm,
)
from ingest_gateway.audio_in.webm_demuxer import WebmDemuxer, WebmError
from ingest_gateway.protocol.connection_protocol import Audio, Refusal, WebmFragment
from schemas.values import SAMPLE_RATE_HZ

LONGEST_FRAGMENT_S = 10
"""Of audio in one message. MediaRecorder's are 0.25 s; more than this would hold up others."""
_MOST_CHUNKS = LONGEST_FRAGMENT_S * SAMPLE_RATE_HZ // CHUNK_SAMPLES
_TOLERANCE_SAMPLES = OPUS_RATE_HZ // 100
"""Recorders write whole milliseconds, not always of the first sample: 10 ms is no hole."""


class WebmInput:
    """One recorder's stream. After a refusal it waits for a recorder that begins anew."""

    def __init__(self) -> None:
        self._begin()

    def take(self, fragment: WebmFragment) -> list[Audio]:
        """What the fragment holds, numbered by arrival. Raises Refusal: BAD_AUDIO."""
        try:
            return [
                Audio(fragment.session_id, None, one.timestamp_ms, one.pcm)
                for one in self._samples(fragment)
            ]
        except (WebmError, OpusError) as error:
            self._begin()
            raise Refusal("BAD_AUDIO", str(error), sequence=fragment.sequence) from None

    def _begin(self) -> None:
        self._demuxer: WebmDemuxer | OggDemuxer | None = None
        self._cutter = SpeechCutter(tolerance_samples=_TOLERANCE_SAMPLES)

    def _samples(self, fragment: WebmFragment) -> list[TimedPcm]:
        chunks: list[TimedPcm] = []
        if self._demuxer is None:
            is_ogg = fragment.data.startswith(CAPTURE)
            self._demuxer = OggDemuxer() if is_ogg else WebmDemuxer()
        for block in self._demuxer.feed(fragment.data):
            at_sample = round(block.at_ms * OPUS_RATE_HZ / 1000)
            chunks += self._cutter.add(at_sample, block.payload, fragment.timestamp_ms)
            if len(chunks) > _MOST_CHUNKS:
                raise WebmError(f"send at most {LONGEST_FRAGMENT_S} s of audio a message")
        return chunks + self._cutter.flush()
