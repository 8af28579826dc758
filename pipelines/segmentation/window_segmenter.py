"""Where the ``window`` segmentation cuts: every 3 s of samples, the recogniser running on across.

A word belongs to the cell in which it ends. Where a recogniser promises nothing but the words that
it marks, a cell waits for those of its words that are not marked yet, for one cell at most.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.segmentation.segmenter import (
    NEVER,
    Hypothesis,
    Segment,
    TimedWord,
    segment_after_whole_words,
    text_of,
    words_after,
)
from schemas.values import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class WindowSegmenter:
    """``settle_samples``: how far behind an edge a recogniser must have listened, where there is
    audio to listen to, before its words in front of the edge count as steady.
    ``half_word_samples``: a word that ends so near to the last sample heard may be cut in two."""

    cell_samples: int = 3 * SAMPLE_RATE_HZ
    settle_samples: int = 0
    half_word_samples: int = SAMPLE_RATE_HZ // 5

    @property
    def needs_voice(self) -> bool:
        return False

    def next_segment(
        self, end_sample: int, resume_sample: int, hypothesis: Hypothesis
    ) -> Segment | None:
        edge = end_sample + self.cell_samples
        if hypothesis.available_sample < edge:
            if not hypothesis.finished or hypothesis.available_sample <= end_sample:
                return None
            edge = hypothesis.available_sample
        last = hypothesis.finished and edge == hypothesis.available_sample
        needed = min(edge + self.settle_samples, hypothesis.available_sample)
        if not hypothesis.finished and hypothesis.through_sample < needed:
            return None
        words = [
            word
            for word in words_after(resume_sample, hypothesis.words)
            if last or word.end_sample <= edge
        ]
        if self._waits_for_marks(words, edge, hypothesis):
            return None
        said_until = min(words[-1].end_sample, edge) if words else resume_sample
        resume = edge if last else max(said_until, edge - self.cell_samples, resume_sample)
        return Segment(edge, resume, text_of(words))

    def _waits_for_marks(self, words: list[TimedWord], edge: int, hypothesis: Hypothesis) -> bool:
        if hypothesis.finished or hypothesis.promises.settle_samples < NEVER:
            return False
        waits_until = edge + self.cell_samples
        return hypothesis.through_sample < waits_until and not all(w.is_stable for w in words)

    def predicted_commit(self, resume_sample: int, hypothesis: Hypothesis) -> str:
        """None: what ends a cell is known when it is over, and then it is cut."""
        return ""

    def whole_words(self, resume_sample: int, hypothesis: Hypothesis) -> Segment | None:
        return segment_after_whole_words(resume_sample, hypothesis, self.half_word_samples)
