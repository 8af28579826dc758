"""The audio of one epoch in the worker: what is pending, where there is voice, what goes on."""

from __future__ import annotations

from connectors.voice_activity import VoiceActivity, VoiceActivityFactory
from pipelines.segmentation.segmenter import Hypothesis
from pipelines.core.pending_audio import PendingAudio, PendingChunk
from pipelines.segmentation.voice_gate import VoiceGate
from pipelines.segmentation.voice_track import VoiceTrack
from pipelines.worker.open_stream import OpenStream
from schemas.values import SAMPLE_RATE_HZ

FRAME_S = 0.06
"""Recognisers work in frames: their reports lag by up to two of them."""

LISTENED_BEHIND_SAMPLES = SAMPLE_RATE_HZ // 10
"""So far behind a voice's end a recogniser must have listened to have all of its words."""

SETTLED_BEHIND_SAMPLES = SAMPLE_RATE_HZ // 4
"""And so far to be sure of them, when it does not say that it is."""


def has_caught_up(opened: OpenStream, report_every_s: float) -> bool:
    """Whether all that was sent is answered, but for what lies between two reports."""
    between = int((report_every_s + FRAME_S) * SAMPLE_RATE_HZ)
    return opened.through_sample >= opened.sent_through_sample - between


class Hearing:
    """``detectors`` None: everything goes to the recogniser, silence too."""

    def __init__(
        self,
        detectors: VoiceActivityFactory | None,
        next_sequence: int = 0,
        available_sample: int = 0,
    ) -> None:
        self.pending = PendingAudio(next_sequence, available_sample)
        self._detectors = detectors
        self._detector: VoiceActivity | None = None
        self._gate: VoiceGate | None = None
        self._listened_until = available_sample
        self._next_sample = available_sample

    @property
    def voice(self) -> VoiceTrack | None:
        """None without a detector."""
        if self._detectors is None:
            return None
        return VoiceTrack(self._listened_until) if self._gate is None else self._gate.track

    def keep(self, chunk: PendingChunk) -> None:
        """Audio that is wanted: it is pending until it is committed."""
        self.pending.keep(chunk)
        if self._detectors is None or not chunk.item.samples:
            return
        if (
            self._gate is None
            or self._detector is None
            or chunk.first_sample != self._listened_until
        ):
            self._detector = self._detectors.detector()
            self._gate = VoiceGate(chunk.first_sample)
        self._gate.decided(self._detector.hear(chunk.item.pcm))
        self._listened_until = chunk.end_sample

    def has_speech_behind(self, sample: int) -> bool:
        """Whether a recogniser is needed for what is pending behind ``sample``."""
        voice = self.voice
        if voice is None:
            return self.pending.available_sample > sample
        return voice.voice_behind(sample) is not None

    def rewind(self, sample: int) -> None:
        """Another recogniser begins here."""
        self._next_sample = sample
        if self._gate is not None:
            self._gate.rewind(sample)

    def due(self) -> list[tuple[int, bytes]]:
        """(first sample, PCM) of what goes to the recogniser now, in order."""
        available = self.pending.available_sample
        if self._detectors is None:
            ranges = [(self._next_sample, available)] if available > self._next_sample else []
            self._next_sample = available
        else:
            ranges = [] if self._gate is None else self._gate.ranges(available)
        kept_from = self.pending.first_sample  # what another writer committed is not pending
        return [
            (max(first, kept_from), self.pending.pcm(first, end))
            for first, end in ranges
            if end > kept_from
        ]

    def believed(
        self,
        opened: OpenStream | None,
        resume_sample: int,
        report_every_s: float,
        *,
        finished: bool,
    ) -> Hypothesis | None:
        """What is believed now, by the stream that is open; None while nothing can be."""
        available, voice = self.pending.available_sample, self.voice
        if voice is None:
            if opened is None:
                return None
            # What lies between its last two reports a recogniser does not answer singly: to wait
            # for it would be to wait for the next pane.
            caught_up = has_caught_up(opened, report_every_s)
            through = available if caught_up else opened.through_sample
            return Hypothesis(opened.words, through, available, finished)
        words = opened.words if opened is not None else []
        through = opened.through_sample if opened is not None else resume_sample
        settled = all(word.is_stable for word in words)
        behind = LISTENED_BEHIND_SAMPLES if settled else SETTLED_BEHIND_SAMPLES
        if voice.voice_behind(through - behind) is None:
            # All that is left is silence, which no recogniser will be asked about.
            through = max(through, voice.through_sample)
        return Hypothesis(words, available if finished else through, available, finished, voice)

    def forget_before(self, sample: int) -> None:
        self.pending.forget_before(sample)
        if self._gate is not None:
            self._gate.track.forget_before(sample)

    def forget_all(self) -> None:
        self.pending.forget_all()
