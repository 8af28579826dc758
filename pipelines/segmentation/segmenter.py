"""What a segmenter decides on, and what it answers: where utterances end.

``window_segmenter`` cuts on a grid of samples, ``pause_segmenter`` where the speaker pauses. A
hypothesis may still move a word over a cut that is committed already; it is committed once, because
what counts is on which side of the last committed word's end its middle lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipelines.segmentation.voice_track import VoiceTrack

NEVER = 1 << 62
"""Samples: later than any."""


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word at absolute samples of its epoch. ``is_stable``: the recogniser will not change it."""

    text: str
    start_sample: int
    end_sample: int
    is_stable: bool = False

    @property
    def middle_sample(self) -> float:
        return (self.start_sample + self.end_sample) / 2


@dataclass(frozen=True, slots=True)
class WordPromises:
    """What a recogniser promises of its words (``connectors.interfaces.speech_to_text``).

    ``settle_samples``: a word that is not ``is_stable`` may change until so much audio after it was
    considered; ``NEVER``: until it is final. ``times_are_measured``: gaps between words are real.
    """

    settle_samples: int = 0
    times_are_measured: bool = True


NO_PROMISES = WordPromises()
"""Of a recogniser that does not say: words settle by the segmenter's own rule."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recogniser takes for said in an epoch's audio: ``words`` in order, considered up to
    ``through_sample``, of the audio up to ``available_sample``. ``finished``: nothing will change.
    ``voice``: where there is voice, for segmenters that ask for it.
    """

    words: Sequence[TimedWord]
    through_sample: int
    available_sample: int
    finished: bool = False
    voice: VoiceTrack | None = None
    promises: WordPromises = NO_PROMISES


@dataclass(frozen=True, slots=True)
class Segment:
    """Commit the samples up to ``end_sample`` with this text; go on from ``resume_sample``.

    ``needed_sample``: the decision could not be made before this sample was heard (a pause is not
    one before it has lasted); at ``end_sample`` when that is later.
    """

    end_sample: int
    resume_sample: int
    text: str
    needed_sample: int = 0


class Segmenter(Protocol):
    """Picklable and without state: it travels to the workers inside the DoFn."""

    @property
    def needs_voice(self) -> bool:
        """Whether ``Hypothesis.voice`` is wanted; silence is then not sent to the recogniser."""
        ...

    def next_segment(
        self, end_sample: int, resume_sample: int, hypothesis: Hypothesis
    ) -> Segment | None:
        """The next segment after ``end_sample``, or None while it is not yet due. Words in front of
        ``resume_sample`` have been said."""
        ...

    def predicted_commit(self, resume_sample: int, hypothesis: Hypothesis) -> str:
        """The text that will probably be committed next, when ``next_segment`` has none yet; ""
        when that is not clear. Nothing rests on it: it is what may be worked on ahead."""
        ...

    def whole_words(self, resume_sample: int, hypothesis: Hypothesis) -> Segment | None:
        """All words that are surely over, cut behind the last one; None when there is none.

        For a speaker who is not heard any more and has not said why: what comes next may go on in
        the middle of a word.
        """
        ...


def words_after(resume_sample: int, words: Iterable[TimedWord]) -> list[TimedWord]:
    """The words that have not been said yet."""
    return [word for word in words if word.middle_sample > resume_sample]


def text_of(words: Iterable[TimedWord]) -> str:
    return " ".join(word.text for word in words)


def segment_after_whole_words(
    resume_sample: int, hypothesis: Hypothesis, half_word_samples: int
) -> Segment | None:
    """``Segmenter.whole_words``; a word that ends within ``half_word_samples`` of the last sample
    heard may be cut in two."""
    over = hypothesis.through_sample - half_word_samples
    words = [
        word for word in words_after(resume_sample, hypothesis.words) if word.end_sample <= over
    ]
    if not words:
        return None
    end = words[-1].end_sample
    return Segment(end, end, text_of(words))
