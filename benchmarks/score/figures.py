"""Figures of played talks: how late, how near to whole sentences, at what cost.

``delay`` is the time of a release less the end of the source word at the same share of the
sentence, for each released word; ``playout``: the same of a listener who plays the phrases one
after another, as the page does. ``chrf`` compares with the same engine's translations of whole
sentences, without case and marks. ``seams`` are places where one release goes on after another,
*kept* where its two words stand side by side in the whole sentence's translation too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import fmean, median
from typing import Any

from benchmarks.lag.playout import page_rate
from benchmarks.lag.playout import played as play_clips
from benchmarks.lag.service_profiles import SPOKEN_WORD_S
from benchmarks.lag.word_lags import Arrival
from benchmarks.score.talks import SpokenTalk, Translate
from benchmarks.score.virtual_talk import Played, Release
from pipelines.sentences.tokens import tokens_of

VOICE_S = 0.31
"""Until a phrase's voice begins (``current`` in ``benchmarks.lag.service_profiles``)."""


@dataclass(frozen=True, slots=True)
class Figures:
    """``contradicted``: percent of released words; ``seams``: percent that are kept;
    ``boundaries``: percent of the sentences' ends that were found; ``calls_per_s`` of speech;
    ``cost``: characters translated, by those of each sentence once; ``phrase_words``: in a voiced
    phrase, median."""

    delay_mean_s: float
    delay_p95_s: float
    voice_mean_s: float
    voice_p95_s: float
    playout_mean_s: float
    chrf: float
    contradicted: float
    seams: float
    boundaries: float
    calls_per_s: float
    cost: float
    phrase_words: float


def figures(played: Sequence[Played], translate: Translate, *, by_talk: bool = False) -> Figures:
    """``by_talk``: what was released is compared with the whole talk's sentences, where its pieces
    are none."""
    shown: list[float] = []
    voiced: list[float] = []
    phrase_words: list[int] = []
    heard: list[float] = []
    contradicted = total = found = 0
    for talk in played:
        found += boundaries_found(talk)
        heard += playout_delays(talk)
        for sentence in talk.sentences:
            words = talk.talk.words[sentence.first : sentence.end]
            ends_s = [word.end_s for word in words]
            shown += delays(sentence.releases, ends_s)
            voiced += delays(sentence.phrases, ends_s)
            phrase_words += [len(phrase.text.split()) for phrase in sentence.phrases]
            contradicted += sentence.contradicted
            total += len(sentence.text.split())
    compared = [
        pair for talk in played for pair in whole_sentences(talk, translate, by_talk=by_talk)
    ]
    pairs = [(plain("".join(texts)), plain(whole)) for texts, whole in compared]
    seams = [kept for texts, whole in compared for kept in seams_kept(texts, whole)]
    speech_s = sum(talk.talk.speech_s for talk in played)
    calls = [text for talk in played for text in talk.calls]
    once = sum(len(sentence) for talk in played for sentence in talk.talk.sentences)
    return Figures(
        fmean(shown),
        p95(shown),
        fmean(voiced),
        p95(voiced),
        fmean(heard),
        chrf([text for text, _ in pairs], [whole for _, whole in pairs]),
        100 * contradicted / total,
        100 * fmean(seams) if seams else 100.0,
        100 * found / sum(len(talk.talk.sentences) for talk in played),
        len(calls) / speech_s,
        sum(map(len, calls)) / once,
        median(phrase_words),
    )


def whole_sentences(
    played: Played, translate: Translate, *, by_talk: bool = False
) -> Iterator[tuple[list[str], str]]:
    """The releases of each sentence that was found, and the same engine's translation of it whole;
    or of all of the talk."""
    if by_talk:
        yield (
            [f" {sentence.text}" for sentence in played.sentences],
            " ".join(map(translate, played.talk.sentences)),
        )
        return
    for sentence in played.sentences:
        words = played.talk.words[sentence.first : sentence.end]
        texts = [each.text for each in sentence.releases]
        yield texts, translate(" ".join(word.text for word in words))


def seams_kept(texts: Iterable[str], whole: str) -> Iterator[bool]:
    """Of each place where one of the released ``texts`` goes on after another: whether the two
    words around it are neighbours in ``whole`` too."""
    neighbours = set(pairwise(plain(whole).split()))
    last = ""
    for words in filter(None, (plain(text).split() for text in texts)):
        if last:
            yield (last, words[0]) in neighbours
        last = words[-1]


def playout_delays(played: Played, voice_s: float = VOICE_S) -> list[float]:
    """Of each voiced word: when its share of its phrase has been played, less the end of the source
    word at the same share of the sentence. The listener's page plays one after another, and hurries
    as it does. ``voice_s``: from a phrase to its clip."""
    clips = [
        Arrival(
            1000 * (phrase.at_s + voice_s),
            number,
            tuple(phrase.text.split()),
            SPOKEN_WORD_S * len(phrase.text.split()),
        )
        for number, phrase in enumerate(
            phrase for sentence in played.sentences for phrase in sentence.phrases
        )
    ]
    playing = iter(play_clips(clips, page_rate))
    found: list[float] = []
    for sentence in played.sentences:
        words = played.talk.words[sentence.first : sentence.end]
        heard = [
            Release(word, clip.played_at_ms(number) / 1000)
            for clip in islice(playing, len(sentence.phrases))
            for number, word in enumerate(clip.arrival.words, 1)
        ]
        found += delays(heard, [word.end_s for word in words])
    return found


def delays(releases: Iterable[Release], ends_s: Sequence[float]) -> list[float]:
    """Of each released word of a sentence whose source words ended at ``ends_s``."""
    times = [each.at_s for each in releases for _ in each.text.split()]
    share = len(ends_s) / max(len(times), 1)
    return [
        at_s - ends_s[min(len(ends_s), math.ceil((number + 1) * share)) - 1]
        for number, at_s in enumerate(times)
    ]


def boundaries_found(played: Played) -> int:
    """How many sentences of the talk end where a sentence was found to end."""
    return len(sentence_ends(played.talk) & {sentence.end for sentence in played.sentences})


def sentence_ends(talk: SpokenTalk) -> set[int]:
    """The number of words in front of each sentence's end."""
    ends: set[int] = set()
    count = 0
    for sentence in talk.sentences:
        count += len(sentence.split())
        ends.add(count)
    return ends


def plain(text: str) -> str:
    return " ".join(token.bare for token in tokens_of(text) if token.bare)


def chrf(texts: Sequence[str], references: Sequence[str]) -> float:
    from sacrebleu.metrics.chrf import CHRF

    score: Any = CHRF().corpus_score(list(texts), [list(references)])
    return float(score.score)


def p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]
