"""Where utterances end in a recording that nobody waits for: with the sentence.

An utterance is translated alone in a bounded run, and voiced as one clip: it ends behind the mark
that ends its sentence, at a long pause, and where speech runs on for too long for one clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.segmentation.segmenter import Hypothesis, Segment, TimedWord
from pipelines.segmentation.voice_track import VoiceTrack
from schemas.values import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class SentenceSegmenter(PauseSegmenter):
    """``language``: what is spoken, for its abbreviations."""

    language: str = ""
    pause_samples: int = SAMPLE_RATE_HZ * 9 // 10
    clause_samples: int = 5 * SAMPLE_RATE_HZ
    run_on_samples: int = 12 * SAMPLE_RATE_HZ
    cap_samples: int = 15 * SAMPLE_RATE_HZ

    def predicted_commit(self, resume_sample: int, hypothesis: Hypothesis) -> str:
        """Nothing: nobody waits."""
        return ""

    def _speech(
        self, words: Sequence[TimedWord], hypothesis: Hypothesis, voice: VoiceTrack
    ) -> Segment | None:
        stable = self._stable(words, hypothesis)
        return (
            self._at_sentence_end(words, stable, self.language)
            or self._at_pause(words, stable, hypothesis.through_sample, voice)
            or self._running_on(words, stable, hypothesis)
        )
