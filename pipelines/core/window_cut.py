"""Where the ``window`` segmentation cuts: every 3 s of samples, the recogniser running on across.

A word belongs to the cell in which it ends. A hypothesis may still move a word over an edge that
is already committed; it is said once, because what counts is on which side of the last committed
word's end its middle lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.values import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word at absolute samples of its epoch."""

    text: str
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What is believed of an epoch's audio: ``words`` in order, considered up to
    ``through_sample``, of the audio up to ``available_sample``. ``finished``: nothing will change.
    """

    words: Sequence[TimedWord]
    through_sample: int
    available_sample: int
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Commit the samples up to ``end_sample`` with this text; go on from ``resume_sample``."""

    end_sample: int
    resume_sample: int
    text: str


@dataclass(frozen=True, slots=True)
class WindowCutter:
    """``settle_samples``: how far behind an edge a recogniser must have listened, where there is
    audio to listen to, before its words in front of the edge count as steady.
    ``half_word_samples``: a word that ends so near to the last sample heard may be cut in two."""

    cell_samples: int = 3 * SAMPLE_RATE_HZ
    settle_samples: int = 0
    half_word_samples: int = SAMPLE_RATE_HZ // 5

    def next_cut(self, end_sample: int, resume_sample: int, heard: Hypothesis) -> Cut | None:
        """The next cut behind ``end_sample``, or None while it is not yet due."""
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
            for word in heard.words
            if (word.start_sample + word.end_sample) / 2 > resume_sample
            and (last or word.end_sample <= edge)
        ]
        said_until = min(words[-1].end_sample, edge) if words else resume_sample
        resume = edge if last else max(said_until, edge - self.cell_samples, resume_sample)
        return Cut(edge, resume, " ".join(word.text for word in words))

    def whole_words(self, resume_sample: int, heard: Hypothesis) -> Cut | None:
        """All words that are surely over, cut behind the last one; None when there is none.

        For a speaker who is not heard any more and has not said why: what comes next may go on in
        the middle of a word.
        """
        over = heard.through_sample - self.half_word_samples
        words = [
            word
            for word in heard.words
            if (word.start_sample + word.end_sample) / 2 > resume_sample and word.end_sample <= over
        ]
        if not words:
            return None
        end = words[-1].end_sample
        return Cut(end, end, " ".join(word.text for word in words))
