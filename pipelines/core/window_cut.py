"""Where the ``window`` segmentation cuts: every 3 s of samples, the recogniser running on across.

A word belongs to the cell in which it ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.core.cutting import Cut, Hypothesis, cut_behind_whole_words, text_of, words_behind
from schemas.values import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class WindowCutter:
    """``settle_samples``: how far behind an edge a recogniser must have listened, where there is
    audio to listen to, before its words in front of the edge count as steady.
    ``half_word_samples``: a word that ends so near to the last sample heard may be cut in two."""

    cell_samples: int = 3 * SAMPLE_RATE_HZ
    settle_samples: int = 0
    half_word_samples: int = SAMPLE_RATE_HZ // 5

    @property
    def needs_voice(self) -> bool:
        return False

    def next_cut(self, end_sample: int, resume_sample: int, heard: Hypothesis) -> Cut | None:
        edge = end_sample + self.cell_samples
        if heard.available_sample < edge:
            if not heard.finished or heard.available_sample <= end_sample:
                return None
            edge = heard.available_sample
        last = heard.finished and edge == heard.available_sample
        needed = min(edge + self.settle_samples, heard.available_sample)
        if not heard.finished and heard.through_sample < needed:
            return None
        words = [
            word
            for word in words_behind(resume_sample, heard.words)
            if last or word.end_sample <= edge
        ]
        said_until = min(words[-1].end_sample, edge) if words else resume_sample
        resume = edge if last else max(said_until, edge - self.cell_samples, resume_sample)
        return Cut(edge, resume, text_of(words))

    def likely_words(self, resume_sample: int, heard: Hypothesis) -> str:
        """None: what ends a cell is known when it is over, and then it is cut."""
        return ""

    def whole_words(self, resume_sample: int, heard: Hypothesis) -> Cut | None:
        return cut_behind_whole_words(resume_sample, heard, self.half_word_samples)
