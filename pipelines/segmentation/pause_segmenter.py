"""Where the ``pause`` segmentation cuts: at pauses, at clause ends, and never later than a cap.

The first that holds, looking from the first word that is not committed:

1. a pause of ``pause_samples`` within the cap, all words in front of it being stable;
2. a clause's end: ``clause_samples`` of speech, then a word with punctuation or a gap of
   ``clause_gap_samples`` behind it;
3. speech that runs on for ``run_on_samples``: the widest gap between stable words behind
   ``clause_samples`` of it, or the last one. ``cap_samples`` is the longest that an utterance gets
   when no word of it is stable before.

A word is stable when the recogniser says so, or has listened ``settle_samples`` past it, or longer
where the recogniser promises less. Where it estimates the times of words, gaps between them count
for nothing. Silence makes entries of its own, so that an utterance begins where speech does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.segmentation.segmenter import (
    Hypothesis,
    Segment,
    TimedWord,
    segment_after_whole_words,
    text_of,
    words_after,
)
from pipelines.segmentation.voice_track import VoiceTrack
from pipelines.sentences.sentence_buffer import is_sentence_end
from schemas.values import SAMPLE_RATE_HZ

_PUNCTUATION = (".", ",", ";", ":", "!", "?", "…")


@dataclass(frozen=True, slots=True)
class PauseSegmenter:
    """``lead_samples``: silence that is left in front of speech. ``silence_samples``: silence is
    committed in stretches of so much, or when speech ends it and it lasted ``gap_samples``."""

    pause_samples: int = SAMPLE_RATE_HZ // 5
    clause_samples: int = SAMPLE_RATE_HZ
    clause_gap_samples: int = SAMPLE_RATE_HZ * 6 // 100
    run_on_samples: int = SAMPLE_RATE_HZ * 3 // 2
    cap_samples: int = 3 * SAMPLE_RATE_HZ
    settle_samples: int = SAMPLE_RATE_HZ // 4
    lead_samples: int = SAMPLE_RATE_HZ // 5
    gap_samples: int = SAMPLE_RATE_HZ
    silence_samples: int = 3 * SAMPLE_RATE_HZ
    half_word_samples: int = SAMPLE_RATE_HZ // 5
    likely_pause_samples: int = SAMPLE_RATE_HZ // 10
    likely_run_on_samples: int = SAMPLE_RATE_HZ * 6 // 5

    @property
    def needs_voice(self) -> bool:
        return True

    def next_segment(
        self, end_sample: int, resume_sample: int, hypothesis: Hypothesis
    ) -> Segment | None:
        voice = hypothesis.voice
        if voice is None:
            raise ValueError("the pause segmentation needs to know where there is voice")
        words = words_after(resume_sample, hypothesis.words)
        cut = self._silence(end_sample, resume_sample, words, hypothesis, voice)
        if cut is None and words:
            cut = self._speech(words, hypothesis, voice)
        if cut is None and hypothesis.finished and hypothesis.available_sample > end_sample:
            cut = Segment(hypothesis.available_sample, hypothesis.available_sample, text_of(words))
        if cut is None:
            return None
        end = max(cut.end_sample, end_sample)  # a word may have moved in front of the last cut
        return Segment(
            end, max(min(cut.resume_sample, end), resume_sample), cut.text, cut.needed_sample
        )

    def predicted_commit(self, resume_sample: int, hypothesis: Hypothesis) -> str:
        """What the next segment would say if no other word came: where speech that is about to run
        on for too long would be cut, once a word ends near there; or all words, once the voice has
        stopped after the last one for so long that a cut there is likely.

        Of what is begun by it 9 % is in vain, for 0.06 s of mean lag; looking 0.3 s ahead whatever
        the last word's end gains 0.02 s more and wastes 27 % (docs/results.md, "Cost")."""
        words = words_after(resume_sample, hypothesis.words)
        if not words or hypothesis.voice is None:
            return ""
        onset, last = words[0].start_sample, words[-1]
        if last.end_sample - onset >= self.likely_run_on_samples:
            through = max(hypothesis.through_sample, onset + self.run_on_samples)
            cut = self._running_on(words, len(words), replace(hypothesis, through_sample=through))
            is_long = cut is not None and cut.resume_sample >= onset + self.clause_samples
            return cut.text if cut is not None and is_long else ""
        may_end = last.end_sample - onset >= self.clause_samples
        enough = self.clause_gap_samples if may_end else self.likely_pause_samples
        pause = hypothesis.voice.pause_after(int(last.middle_sample), enough)
        if pause is None or pause[0] > last.end_sample + self.likely_pause_samples:
            return ""
        return text_of(words)

    def whole_words(self, resume_sample: int, hypothesis: Hypothesis) -> Segment | None:
        return segment_after_whole_words(resume_sample, hypothesis, self.half_word_samples)

    def _silence(
        self,
        end_sample: int,
        resume_sample: int,
        words: Sequence[TimedWord],
        hypothesis: Hypothesis,
        voice: VoiceTrack,
    ) -> Segment | None:
        """Silence in front of speech, or a stretch of it; noise that had no words in it."""
        onset = voice.voice_after(max(end_sample, resume_sample))
        if words:
            onset = words[0].start_sample if onset is None else min(onset, words[0].start_sample)
        quiet_until = (voice.through_sample if onset is None else onset) - self.lead_samples
        enough = self.silence_samples if onset is None else self.gap_samples
        if quiet_until - end_sample >= enough:
            return Segment(quiet_until, quiet_until, "")
        if words or onset is None:
            return None
        wordless = hypothesis.through_sample - onset
        if wordless < self.cap_samples + self.gap_samples:
            return None
        edge = hypothesis.through_sample - self.half_word_samples
        return Segment(edge, edge - self.gap_samples, "")

    def _speech(
        self, words: Sequence[TimedWord], hypothesis: Hypothesis, voice: VoiceTrack
    ) -> Segment | None:
        stable = self._stable(words, hypothesis)
        return (
            self._at_pause(words, stable, hypothesis.through_sample, voice)
            or self._at_clause_end(words, stable, hypothesis)
            or self._running_on(words, stable, hypothesis)
        )

    def _stable(self, words: Sequence[TimedWord], hypothesis: Hypothesis) -> int:
        """How many words, from the first, will not change."""
        settle_samples = max(self.settle_samples, hypothesis.promises.settle_samples)
        for number, word in enumerate(words):
            settled = word.end_sample + settle_samples <= hypothesis.through_sample
            if not (hypothesis.finished or word.is_stable or settled):
                return number
        return len(words)

    def _at_pause(
        self, words: Sequence[TimedWord], stable: int, through_sample: int, voice: VoiceTrack
    ) -> Segment | None:
        onset = at = words[0].start_sample
        while (pause := voice.pause_after(at, self.pause_samples)) is not None:
            begins, at = pause
            if begins - onset > self.cap_samples:
                return None
            boundary = begins + self.pause_samples // 2
            if through_sample < boundary:  # words in front of it may still be to come
                return None
            inside = sum(word.middle_sample < boundary for word in words)
            if inside:
                if inside > stable:
                    return None
                return self._after_pause(words[:inside], begins, boundary)
            if at >= voice.through_sample:
                return None
        return None

    def _after_pause(self, said: Sequence[TimedWord], begins: int, boundary: int) -> Segment:
        needed = begins + self.pause_samples
        if not said[-1].is_stable:
            needed = max(needed, said[-1].end_sample + self.settle_samples)
        return Segment(boundary, boundary, text_of(said), needed)

    def _at_clause_end(
        self, words: Sequence[TimedWord], stable: int, hypothesis: Hypothesis
    ) -> Segment | None:
        onset, measured = words[0].start_sample, hypothesis.promises.times_are_measured
        for number in range(min(stable, len(words) - 1)):
            word = words[number]
            if word.end_sample - onset > self.cap_samples:
                return None
            is_gap = measured and _gap_after(words, number) >= self.clause_gap_samples
            ends = is_gap or word.text.endswith(_PUNCTUATION)
            if ends and word.end_sample - onset >= self.clause_samples:
                # That it ends a clause, or that a gap follows, the next word tells.
                return self._after_word(words, number, words[number + 1].end_sample)
        return None

    def _running_on(
        self, words: Sequence[TimedWord], stable: int, hypothesis: Hypothesis
    ) -> Segment | None:
        onset = words[0].start_sample
        lasted = hypothesis.through_sample - onset
        if lasted < self.run_on_samples:
            return None
        within = [
            number
            for number in range(stable)
            if words[number].end_sample - onset <= self.run_on_samples
        ]
        late = [
            number for number in within if words[number].end_sample - onset >= self.clause_samples
        ]
        ran_on = onset + self.run_on_samples
        if late and not hypothesis.promises.times_are_measured:
            return self._after_word(words, late[-1], ran_on)
        if late:
            widest = max(late, key=lambda each: (_gap_after(words, each), each))
            return self._after_word(words, widest, ran_on)
        if within or stable:
            return self._after_word(words, within[-1] if within else 0, ran_on)
        if lasted < self.cap_samples:
            return None
        cut = self.whole_words(onset, hypothesis)  # nothing will get stable: what is over must do
        return replace(cut, needed_sample=onset + self.cap_samples) if cut is not None else None

    def _at_sentence_end(
        self, words: Sequence[TimedWord], stable: int, language: str
    ) -> Segment | None:
        """Behind the first stable word that ends a sentence in ``language`` ("": not known)."""
        for number in range(stable):
            if is_sentence_end(words[number].text, language):
                return self._after_word(words, number, words[number].end_sample)
        return None

    def _after_word(self, words: Sequence[TimedWord], number: int, needed_sample: int) -> Segment:
        said, word = words[: number + 1], words[number]
        settled = word.end_sample + (0 if word.is_stable else self.settle_samples)
        needed = max(needed_sample, settled)
        return Segment(
            word.end_sample + _gap_after(words, number) // 2,
            word.end_sample,
            text_of(said),
            needed,
        )


def _gap_after(words: Sequence[TimedWord], number: int) -> int:
    """0 behind the last word: what follows it is not known."""
    if number + 1 == len(words):
        return 0
    return max(0, words[number + 1].start_sample - words[number].end_sample)
