"""A speech stream that is open, with what it has said so far in samples of the epoch."""

from __future__ import annotations

import asyncio
from bisect import bisect_right

from connectors.speech_to_text import Recognition, SpeechStream
from pipelines.segmentation.segmenter import TimedWord
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

SEND_STEP_BYTES = SAMPLE_RATE_HZ * BYTES_PER_SAMPLE
"""At most a second of audio at a time."""


class OpenStream:
    """``first_sample`` of the epoch is the stream's beginning. ``error``: it broke."""

    def __init__(self, stream: SpeechStream, first_sample: int) -> None:
        self.stream = stream
        self.first_sample = first_sample
        self.through_sample = first_sample
        self.sent_through_sample = first_sample
        self.opened_at_s = self.last_sent_at_s = asyncio.get_running_loop().time()
        self.look_again_at_s = 0.0
        self.error: Exception | None = None
        self.finishing = False
        self.reader: asyncio.Task[None] | None = None
        self.heard_more = asyncio.Event()
        self._sent_samples = 0
        self._pieces = [(0, first_sample)]
        """Where the stream's samples lie in the epoch: silence may have been left out."""
        self._final: list[TimedWord] = []
        self._partial: list[TimedWord] = []

    @property
    def words(self) -> list[TimedWord]:
        return [*self._final, *self._partial]

    async def send(self, first_sample: int, pcm: bytes) -> None:
        """The epoch's samples from ``first_sample`` on."""
        if first_sample != self.sent_through_sample:
            self._pieces.append((self._sent_samples, first_sample))
        samples = len(pcm) // BYTES_PER_SAMPLE
        self._sent_samples += samples
        self.sent_through_sample = first_sample + samples
        self.last_sent_at_s = asyncio.get_running_loop().time()
        for start in range(0, len(pcm), SEND_STEP_BYTES):
            await self.stream.send(pcm[start : start + SEND_STEP_BYTES])

    def take(self, result: Recognition) -> None:
        words = [
            TimedWord(
                word.text,
                self._sample(word.start_s, 0),
                self._sample(word.end_s, 1),
                word.is_stable or result.is_final,
            )
            for word in result.words
        ]
        if result.is_final:
            self._final += words
            self._partial = []
        else:
            self._partial = words
        self.through_sample = max(self.through_sample, self._sample(result.through_s, 1))
        self.heard_more.set()

    def forget_words_before(self, sample: int) -> None:
        self._final = [word for word in self._final if word.end_sample > sample]

    def _sample(self, at_s: float, ends: int) -> int:
        """``ends`` 1: of something that ends here, which belongs to the piece in front."""
        at = round(at_s * SAMPLE_RATE_HZ)
        piece = bisect_right(self._pieces, at - ends, key=lambda each: each[0]) - 1
        stream_sample, epoch_sample = self._pieces[max(piece, 0)]
        return epoch_sample + at - stream_sample
