"""Growing lines of text to stable words: LocalAgreement-2 with punctuation, and estimated times.

A streaming model decodes the speech so far again and again; the beginning of its line settles, the
end changes. A word is stable once two decodings in a row agree on it (Macháček et al., 2023). Such
models end every decoding with a full stop or comma, so the newest word is never stable, and a word
that was the newest before is so only if nothing but its punctuation changed. Measured on 184 words:
words are stable 0.64 s after they are first right, 4 of them differ from the final line (8 without
the rule for punctuation, at 0.61 s).

With little to go by a model repeats its mistakes, so a line that is younger than ``YOUNG_S`` needs
three decodings: of 57 lines 5 instead of 9 then contradict a stable word, for 0.13 s in the mean.

Such models give no times either: words are laid along the loud parts of their line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from connectors.interfaces.speech_to_text import Recognition, Word

LOUDNESS_FRAME_S = 0.02
SHORTEST_WORD_S = 0.02
YOUNG_S = 2.0
_LETTERS = re.compile(r"[^\w']+")
_WORD_WEIGHT = 2
"""A word lasts as its letters and so many more: pauses and breath between words."""

Loudness = Callable[[float, float], Sequence[bool]]
"""(start_s, end_s) to one flag a ``LOUDNESS_FRAME_S``: whether there is sound in it."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """Speech between two pauses as the model decodes it now; times count from the first sample."""

    text: str
    start_s: float
    end_s: float
    is_complete: bool


def agreed(earlier: Sequence[str], later: Sequence[str]) -> int:
    """How many words of ``later``, from its first, both decodings agree on."""
    for number, (before, now) in enumerate(zip(earlier, later, strict=False)):
        if number == len(later) - 1:
            return number
        was_newest = number == len(earlier) - 1
        if before == now:
            continue
        if not was_newest or bare(before) != bare(now) or now != now.rstrip(".,;:!?…"):
            return number
    return min(len(earlier), len(later))


def bare(word: str) -> str:
    return _LETTERS.sub("", word.lower())


def rest_after(stable: Sequence[str], words: Sequence[str]) -> Sequence[str]:
    """What follows in ``words`` on ``stable``, which they may contradict: stable words stay as they
    are, so the cut is where they fit best, by the least number of edits."""
    known = [bare(word) for word in stable]
    if [bare(word) for word in words[: len(known)]] == known:
        return words[len(known) :]
    edits = list(range(len(words) + 1))
    for row, word in enumerate(known, 1):
        before, edits[0] = edits[0], row
        for column, other in enumerate(words, 1):
            cost = min(edits[column] + 1, edits[column - 1] + 1, before + (word != bare(other)))
            before, edits[column] = edits[column], cost

    def unfit(at: int) -> tuple[int, bool, int]:
        ends_alike = at > 0 and bool(known) and bare(words[at - 1]) == known[-1]
        return edits[at], not ends_alike, abs(at - len(known))

    return words[min(range(len(edits)), key=unfit) :]


def lay_out(
    words: Sequence[str], start_s: float, end_s: float, loud: Sequence[bool]
) -> tuple[Word, ...]:
    """Estimated times, in order and inside [start_s, end_s], along the loud frames of it."""
    if not words:
        return ()
    frames = loud if sum(loud) * LOUDNESS_FRAME_S >= SHORTEST_WORD_S * len(words) else ()
    edges = [number * LOUDNESS_FRAME_S for number, is_loud in enumerate(frames) if is_loud]
    sounding_s = len(edges) * LOUDNESS_FRAME_S if edges else end_s - start_s

    def begin(at_s: float) -> float:
        """Of what comes ``at_s`` into the sound."""
        if not edges:
            return start_s + at_s
        number = min(int(at_s / LOUDNESS_FRAME_S + 1e-9), len(edges) - 1)
        return min(start_s + edges[number] + at_s - number * LOUDNESS_FRAME_S, end_s)

    def end(at_s: float) -> float:
        return min(begin(at_s - 1e-6) + 1e-6, end_s) if edges else start_s + at_s

    weights = [len(bare(word)) + _WORD_WEIGHT for word in words]
    unit_s = sounding_s / sum(weights)
    laid: list[Word] = []
    so_far = 0
    for word, weight in zip(words, weights, strict=True):
        first = begin(so_far * unit_s)
        last = end((so_far + weight) * unit_s)
        laid.append(Word(word, first, max(last, first)))
        so_far += weight
    return tuple(laid)


@dataclass(slots=True)
class LineAgreement:
    """The state of one stream: stable words of the open line, and from when on words may stand."""

    loudness: Loudness = lambda _start_s, _end_s: ()
    contradicted: int = 0
    """Lines whose final text contradicted a stable word."""
    _stable: tuple[Word, ...] = ()
    _earlier: tuple[Sequence[str], ...] = ()
    """The two decodings of the open line before this one, the latest last."""
    _floor_s: float = 0.0
    _through_s: float = 0.0
    _last: tuple[Word, ...] = field(default=())

    def update(self, lines: Sequence[TextLine], through_s: float) -> list[Recognition]:
        """The results of a new decoding. ``lines``: those not complete at the last update,
        in order, with at most one open at the end; ``through_s``: the audio it considered."""
        results: list[Recognition] = []
        complete = [line for line in lines if line.is_complete]
        opened = [line for line in lines if not line.is_complete]
        if complete:
            words: tuple[Word, ...] = ()
            for line in complete:
                words += self._finish_line(line, through_s)
            # Words of the line that is open already belong to a later result.
            at_s = (self._through_s + through_s) / 2 if opened else through_s
            results.append(Recognition(words, is_final=True, through_s=max(at_s, self._floor_s)))
        if opened or not complete:
            words = self._follow(opened[-1], through_s) if opened else self._last
            results.append(Recognition(words, is_final=False, through_s=through_s))
            self._last = words
        self._through_s = through_s
        return results

    def repeat(self, through_s: float) -> Recognition:
        """More audio was taken and not decoded yet."""
        self._through_s = through_s
        return Recognition(self._last, is_final=False, through_s=through_s)

    def _follow(self, line: TextLine, through_s: float) -> tuple[Word, ...]:
        words = line.text.split()
        needed = 2 if line.end_s - line.start_s < YOUNG_S else 1
        if len(self._earlier) >= needed:
            count = min(agreed(earlier, words) for earlier in self._earlier[-needed:])
            known = [word.text for word in self._stable]
            fits = [bare(each) for each in words[: len(known)]] == [bare(each) for each in known]
            if count > len(known) and fits:
                laid = self._after_stable(words[len(known) :], line, through_s)
                self._stable += tuple(
                    Word(word.text, word.start_s, word.end_s, is_stable=True)
                    for word in laid[: count - len(known)]
                )
        self._earlier = (*self._earlier[-1:], words)
        rest = rest_after([word.text for word in self._stable], words)
        return self._stable + self._after_stable(rest, line, through_s)

    def _finish_line(self, line: TextLine, through_s: float) -> tuple[Word, ...]:
        words = line.text.split()
        known = [bare(word.text) for word in self._stable]
        self.contradicted += known != [bare(word) for word in words[: len(known)]]
        rest = rest_after([word.text for word in self._stable], words)
        final = self._stable + self._after_stable(rest, line, through_s)
        self._stable, self._earlier, self._last = (), (), ()
        if final:
            self._floor_s = final[-1].end_s
        return tuple(Word(word.text, word.start_s, word.end_s) for word in final)

    def _after_stable(
        self, words: Sequence[str], line: TextLine, through_s: float
    ) -> tuple[Word, ...]:
        floor_s = self._stable[-1].end_s if self._stable else self._floor_s
        end_s = min(max(line.end_s, floor_s + SHORTEST_WORD_S * len(words)), through_s)
        start_s = min(
            max(line.start_s, floor_s), max(end_s - SHORTEST_WORD_S * len(words), floor_s)
        )
        return lay_out(words, start_s, end_s, self.loudness(start_s, end_s))
