"""The audio of one epoch that is not committed: its samples, where there is voice, what goes to the
recogniser."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pipelines.segmentation.voice_gate import DecidedVoice, VoiceGate
from pipelines.segmentation.voice_track import VoiceTrack
from pipelines.session.records import Chunk
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, Timeline


class Detector(Protocol):
    """The part of ``connectors.interfaces.voice_activity.VoiceActivity`` that is used here."""

    def hear(self, pcm: bytes) -> Iterable[DecidedVoice]: ...


class Detectors(Protocol):
    """The part of ``interfaces.voice_activity.VoiceActivityFactory`` that is used here."""

    def detector(self) -> Detector: ...


@dataclass(frozen=True, slots=True)
class KeptChunk:
    """A chunk, where it stands in its epoch, and when the session took it."""

    chunk: Chunk
    first_sample: int
    taken_at_ms: int

    @property
    def end_sample(self) -> int:
        return self.first_sample + self.chunk.samples


class UncommittedAudio:
    """``next_sequence`` is due next; ``available_sample`` samples came before it. ``detectors``
    None: the segmentation does not ask for voice, and silence goes to the recogniser too."""

    def __init__(
        self, detectors: Detectors | None, next_sequence: int = 0, available_sample: int = 0
    ) -> None:
        self.next_sequence = next_sequence
        self.available_sample = available_sample
        self.size_bytes = 0
        self._chunks: deque[KeptChunk] = deque()
        self._detectors = detectors
        self._detector: Detector | None = None
        self._gate: VoiceGate | None = None
        self._decided_until = available_sample
        self._next_sample = available_sample
        self._last_record: str | None = None

    def __bool__(self) -> bool:
        return bool(self._chunks)

    @property
    def voice(self) -> VoiceTrack | None:
        """None without a detector."""
        if self._detectors is None:
            return None
        return VoiceTrack(self._decided_until) if self._gate is None else self._gate.track

    # What comes in ------------------------------------------------------------------------------

    def count(self, chunk: Chunk, taken_at_ms: int) -> KeptChunk:
        """Count in the chunk that is due; ``keep`` it when it is still wanted."""
        kept = KeptChunk(chunk, self.available_sample, taken_at_ms)
        self.next_sequence = chunk.sequence + 1
        self.available_sample = kept.end_sample
        self._last_record = chunk.record
        return kept

    def keep(self, kept: KeptChunk) -> None:
        """Hold the chunk until it is committed, and find out where it has voice."""
        self._chunks.append(kept)
        pcm = kept.chunk.audio.pcm
        self.size_bytes += len(pcm)
        if self._detectors is None or not kept.chunk.samples:
            return
        gate, detector = self._gate, self._detector
        if gate is None or detector is None or kept.first_sample != self._decided_until:
            detector = self._detector = self._detectors.detector()
            gate = self._gate = VoiceGate(kept.first_sample)
        gate.decided(detector.hear(pcm))
        self._decided_until = kept.end_sample

    # What goes to the recogniser ----------------------------------------------------------------

    def has_speech_after(self, sample: int) -> bool:
        """Whether a recogniser is needed for what comes after ``sample``."""
        voice = self.voice
        if voice is None:
            return self.available_sample > sample
        return voice.voice_after(sample) is not None

    def rewind(self, sample: int) -> None:
        """Begin again at ``sample``: another stream has been opened there."""
        self._next_sample = sample
        if self._gate is not None:
            self._gate.rewind(sample)

    def due(self) -> list[tuple[int, bytes]]:
        """(first sample, PCM) of what goes to the recogniser now, in order."""
        available = self.available_sample
        if self._detectors is None:
            ranges = [(self._next_sample, available)] if available > self._next_sample else []
            self._next_sample = available
        else:
            ranges = [] if self._gate is None else self._gate.ranges(available)
        kept_from = self.first_sample  # what another writer committed is not kept
        return [
            (max(first, kept_from), self._pcm(first, end))
            for first, end in ranges
            if end > kept_from
        ]

    # What is committed --------------------------------------------------------------------------

    @property
    def first_sample(self) -> int:
        """Of what is kept; ``available_sample`` when nothing is."""
        return self._chunks[0].first_sample if self._chunks else self.available_sample

    @property
    def first_sequence(self) -> int:
        """Of what is kept; ``next_sequence`` when nothing is."""
        return self._chunks[0].chunk.sequence if self._chunks else self.next_sequence

    def forget_before(self, sample: int) -> None:
        while self._chunks and self._chunks[0].end_sample <= sample:
            self.size_bytes -= len(self._chunks.popleft().chunk.audio.pcm)
        if self._gate is not None:
            self._gate.track.forget_before(sample)

    def forget_all(self) -> None:
        self._chunks.clear()
        self.size_bytes = 0

    def has_chunk_at(self, sequence: int, sample: int) -> bool:
        """Whether chunk ``sequence`` is kept, or due next, and begins at ``sample``."""
        if sequence == self.next_sequence:
            return sample == self.available_sample
        return any(
            kept.chunk.sequence == sequence and kept.first_sample == sample for kept in self._chunks
        )

    def chunk_at(self, sample: int) -> tuple[int, int, str | None]:
        """(sequence, first sample, raw record) of the chunk in which ``sample`` lies, or that comes
        next."""
        for kept in self._chunks:
            if kept.first_sample <= sample < kept.end_sample:
                return kept.chunk.sequence, kept.first_sample, kept.chunk.record
        return self.next_sequence, self.available_sample, _next_record(self._last_record)

    def captured_at_ms(self, sample: int) -> int | None:
        """When a sample was spoken; None when nothing is kept to tell it from."""
        for kept in self._chunks:
            if sample < kept.end_sample:
                into_chunk_ms = (sample - kept.first_sample) * 1000 // SAMPLE_RATE_HZ
                return kept.chunk.audio.captured_at_ms + into_chunk_ms
        if self._chunks:
            last = self._chunks[-1].chunk
            return last.audio.captured_at_ms + last.samples * 1000 // SAMPLE_RATE_HZ
        return None

    def timeline(self, first_sample: int, needed_sample: int, now_ms: int) -> Timeline:
        """From the first sample's capture until the session took the last sample that the decision
        needed."""
        head: KeptChunk | None = None
        last: KeptChunk | None = None
        for kept in self._between(first_sample, needed_sample):
            head, last = head or kept, kept
        if head is None or last is None:
            return Timeline.start(now_ms)
        read, captured_at_ms = head.chunk.read, self.captured_at_ms(first_sample)
        return (
            Timeline.start(now_ms if captured_at_ms is None else captured_at_ms)
            .mark("capture", head.chunk.audio.received_at_ms)
            .mark("ingest", read.arrived_at_ms)
            .mark("read", read.read_at_ms)
            .mark("window", last.taken_at_ms)
        )

    def _between(self, first_sample: int, end_sample: int) -> Iterator[KeptChunk]:
        return (
            kept
            for kept in self._chunks
            if kept.end_sample > first_sample and kept.first_sample < end_sample
        )

    def _pcm(self, first_sample: int, end_sample: int) -> bytes:
        """The samples from ``first_sample`` up to ``end_sample``, as far as they are kept."""
        pieces: list[bytes] = []
        for kept in self._between(first_sample, end_sample):
            first = max(0, first_sample - kept.first_sample) * BYTES_PER_SAMPLE
            end = (end_sample - kept.first_sample) * BYTES_PER_SAMPLE
            pcm = kept.chunk.audio.pcm
            pieces.append(pcm if first == 0 and end >= len(pcm) else pcm[first:end])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _next_record(number: str | None) -> str | None:
    """The least Kinesis sequence number after ``number``."""
    return None if number is None else str(int(number) + 1).rjust(len(number), "0")
