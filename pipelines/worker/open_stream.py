"""A speech stream that is open, with what it has said so far in samples of the epoch."""

from __future__ import annotations

import asyncio

from connectors.speech_to_text import Recognition, SpeechStream
from pipelines.core.cutting import TimedWord
from pipelines.core.pending_audio import PendingChunk
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

SEND_STEP_BYTES = SAMPLE_RATE_HZ * BYTES_PER_SAMPLE
"""At most a second of audio at a time."""


class OpenStream:
    """``first_sample`` of the epoch is the stream's beginning. ``error``: it broke."""

    def __init__(self, stream: SpeechStream, first_sample: int) -> None:
        self.stream = stream
        self.first_sample = first_sample
        self.through_sample = first_sample
        self.error: Exception | None = None
        self.finishing = False
        self.reader: asyncio.Task[None] | None = None
        self.heard_more = asyncio.Event()
        self._final: list[TimedWord] = []
        self._partial: list[TimedWord] = []

    @property
    def words(self) -> list[TimedWord]:
        return [*self._final, *self._partial]

    async def send(self, chunk: PendingChunk) -> None:
        """The part of a chunk that lies behind the stream's beginning."""
        skip = max(0, self.first_sample - chunk.first_sample) * BYTES_PER_SAMPLE
        pcm = chunk.item.pcm[skip:]
        for start in range(0, len(pcm), SEND_STEP_BYTES):
            await self.stream.send(pcm[start : start + SEND_STEP_BYTES])

    def take(self, result: Recognition) -> None:
        words = [
            TimedWord(word.text, self._sample(word.start_s), self._sample(word.end_s))
            for word in result.words
        ]
        if result.is_final:
            self._final += words
            self._partial = []
        else:
            self._partial = words
        self.through_sample = max(self.through_sample, self._sample(result.through_s))
        self.heard_more.set()

    def forget_words_before(self, sample: int) -> None:
        self._final = [word for word in self._final if word.end_sample > sample]

    def _sample(self, at_s: float) -> int:
        return self.first_sample + round(at_s * SAMPLE_RATE_HZ)
