"""The chunks of one epoch that are not yet committed whole, and what is known from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.core.journal import JournalItem
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, Timeline


@dataclass(frozen=True, slots=True)
class PendingChunk:
    """A chunk and where it stands in its epoch."""

    item: JournalItem
    first_sample: int

    @property
    def end_sample(self) -> int:
        return self.first_sample + self.item.samples


class PendingAudio:
    """``next_sequence`` is due next; ``available_sample`` samples came before it."""

    def __init__(self, next_sequence: int = 0, available_sample: int = 0) -> None:
        self.next_sequence = next_sequence
        self.available_sample = available_sample
        self._chunks: deque[PendingChunk] = deque()

    def __iter__(self) -> Iterator[PendingChunk]:
        return iter(tuple(self._chunks))

    def __bool__(self) -> bool:
        return bool(self._chunks)

    @property
    def first_sample(self) -> int:
        """Of what is pending; ``available_sample`` when nothing is."""
        return self._chunks[0].first_sample if self._chunks else self.available_sample

    def next(self, item: JournalItem) -> PendingChunk:
        """Count ``item`` in, which is the next one; ``keep`` what is still wanted of it."""
        chunk = PendingChunk(item, self.available_sample)
        self.next_sequence = item.sequence + 1
        self.available_sample = chunk.end_sample
        return chunk

    def keep(self, chunk: PendingChunk) -> None:
        self._chunks.append(chunk)

    def pcm(self, first_sample: int, end_sample: int) -> bytes:
        """The samples from ``first_sample`` up to ``end_sample``, as far as they are pending."""
        return b"".join(
            chunk.item.pcm[
                max(0, first_sample - chunk.first_sample) * BYTES_PER_SAMPLE : max(
                    0, end_sample - chunk.first_sample
                )
                * BYTES_PER_SAMPLE
            ]
            for chunk in self._chunks
            if chunk.end_sample > first_sample and chunk.first_sample < end_sample
        )

    def forget_before(self, sample: int) -> None:
        while self._chunks and self._chunks[0].end_sample <= sample:
            self._chunks.popleft()

    def forget_all(self) -> None:
        self._chunks.clear()

    def chunk_at(self, sample: int) -> tuple[int, int]:
        """(sequence, first sample) of the chunk in which ``sample`` lies, or that comes next."""
        for chunk in self._chunks:
            if chunk.first_sample <= sample < chunk.end_sample:
                return chunk.item.sequence, chunk.first_sample
        return self.next_sequence, self.available_sample

    def captured_at_ms(self, sample: int) -> int | None:
        """When a sample was spoken; None when nothing is pending to tell it from."""
        for chunk in self._chunks:
            if sample < chunk.end_sample:
                into_chunk_ms = (sample - chunk.first_sample) * 1000 // SAMPLE_RATE_HZ
                return chunk.item.captured_at_ms + into_chunk_ms
        if self._chunks:
            last = self._chunks[-1].item
            return last.captured_at_ms + last.samples * 1000 // SAMPLE_RATE_HZ
        return None

    def timeline(self, first_sample: int, needed_sample: int, now_ms: int) -> Timeline:
        """From the first sample's capture until the pane with the last sample that was needed was
        due."""
        own = [
            chunk.item
            for chunk in self._chunks
            if chunk.end_sample > first_sample and chunk.first_sample < needed_sample
        ]
        if not own:
            return Timeline.start(now_ms)
        head = own[0]
        return (
            Timeline.start(self.captured_at_ms(first_sample) or now_ms)
            .mark("capture", head.received_at_ms)
            .mark("ingest", head.arrived_at_ms)
            .mark("read", head.read_at_ms)
            .mark("window", own[-1].fired_at_ms)
        )
