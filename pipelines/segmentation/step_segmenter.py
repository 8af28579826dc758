"""Where utterances end when sentences are translated as they grow: after some stable words.

An utterance is a step of the translation, not a unit of it, and is committed as soon as its words
are stable: ``step_words`` of them, or fewer in front of a pause or at a sentence's end. Silence
makes entries of its own, as in ``pause_segmenter``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.segmentation.segmenter import Hypothesis, Segment, TimedWord
from pipelines.segmentation.voice_track import VoiceTrack
from schemas.values import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class StepSegmenter(PauseSegmenter):
    """``run_on_samples``: speech of which no word gets stable is cut after so much."""

    step_words: int = 2
    pause_samples: int = SAMPLE_RATE_HZ // 2
    run_on_samples: int = 3 * SAMPLE_RATE_HZ

    def predicted_commit(self, resume_sample: int, hypothesis: Hypothesis) -> str:
        """Nothing: what is translated is the sentence, not the utterance."""
        return ""

    def _speech(
        self, words: Sequence[TimedWord], hypothesis: Hypothesis, voice: VoiceTrack
    ) -> Segment | None:
        stable = self._stable(words, hypothesis)
        return (
            self._at_step(words, stable)
            or self._at_pause(words, stable, hypothesis.through_sample, voice)
            or self._running_on(words, stable, hypothesis)
        )

    def _at_step(self, words: Sequence[TimedWord], stable: int) -> Segment | None:
        # The language is not known here: an abbreviation makes an utterance of its own.
        at_end = self._at_sentence_end(words, stable, "")
        if at_end is not None or stable < self.step_words:
            return at_end
        return self._after_word(words, stable - 1, words[stable - 1].end_sample)
