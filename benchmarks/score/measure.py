"""One policy over the talks of a language: our figures, OmniSTEval's scores, and what it costs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.cost.charges import (
    HOUR_S,
    dollars,
    read_prices,
    released_usage,
    window_usage,
)
from benchmarks.score.figures import Figures, chrf, figures, plain, whole_sentences
from benchmarks.score.omnisteval import omnisteval, write_logs, write_references
from benchmarks.score.talks import (
    NEURAL,
    ORIGINAL,
    RecordedTranslations,
    SpokenTalk,
    Translate,
    read_material_talks,
    referenced,
    references_of,
)
from benchmarks.score.virtual_talk import Lateness, Played, play, play_windows
from connectors.interfaces.speech_to_text import Word
from pipelines.sentences.settings import ReleaseName, ReleaseSettings, Spend

CALL_S = 0.018
"""Of the engine whose translations into Portuguese are recorded, on one core."""
SAMPLES = 50
REPLACED = "replaced, 3 s pieces"


@dataclass(frozen=True, slots=True)
class Policy:
    """``settings`` None: the flow that is replaced."""

    name: str
    settings: ReleaseSettings | None

    def play(self, material: Material, talk: SpokenTalk, lateness: Lateness | None) -> Played:
        translate = material.translate
        if self.settings is None:
            return play_windows(talk, translate, lateness)
        policy = self.settings.policy(continues=False)
        return play(talk, policy, self.settings.pace, translate, lateness, material.source)


def _policy(release: ReleaseName, spend: Spend = Spend.SWIFT) -> Policy:
    name = f"{release}, {spend}" if release is ReleaseName.AGREEMENT else str(release)
    return Policy(name, ReleaseSettings(release, spend))


POLICIES = (
    Policy(REPLACED, None),
    _policy(ReleaseName.APPEND),
    *(_policy(ReleaseName.AGREEMENT, spend) for spend in Spend),
    _policy(ReleaseName.SENTENCE),
)


@dataclass(frozen=True, slots=True)
class Row:
    """``pair``: such as ``en-pt``. ``chrf_low``: the lower end of the 95 % bootstrap interval of
    ``figures.chrf``. ``scores``: OmniSTEval's, against references that people wrote. ``dollars_2``
    and ``dollars_10``: an hour of the talk in so many languages by Amazon's list prices."""

    pair: str
    policy: str
    words: str
    figures: Figures
    chrf_low: float
    scores: dict[str, float]
    dollars_2: float
    dollars_10: float


@dataclass(frozen=True, slots=True)
class Material:
    """What there is of a pair: the talks, one engine's translations, references of some."""

    pair: str
    talks: tuple[SpokenTalk, ...]
    translate: Translate
    references: dict[str, list[str]]

    @property
    def source(self) -> str:
        return self.pair.partition("-")[0]


def read_material(pair: str, references: Path) -> Material:
    """``references``: a folder a language that is translated into. KeyError, ValueError, OSError: a
    file lacks something, or is not there."""
    source, _, target = pair.partition("-")
    talks = read_material_talks(source)
    translate = RecordedTranslations(pair)
    if target == ORIGINAL:
        originals = {talk.name: list(talk.sentences) for talk in read_material_talks()}
        return Material(pair, talks, translate, originals)
    with_references = referenced(talks, target, references)
    return Material(
        pair,
        talks if pair in NEURAL else with_references,
        translate,
        {talk.name: references_of(talk, references / target) for talk in with_references},
    )


def measured(
    policy: Policy, material: Material, lateness: Lateness | None, build: Path
) -> tuple[Row, list[Played]]:
    translate = material.translate
    played = [policy.play(material, talk, lateness) for talk in material.talks]
    words = "recognised" if lateness else "perfect"
    by_talk = policy.settings is None
    found = figures(played, translate, by_talk=by_talk)
    row = Row(
        material.pair,
        policy.name,
        words,
        found,
        bootstrap_low(played, translate, by_talk=by_talk),
        scored(played, material, build / "score" / material.pair / f"{policy.name}-{words}"),
        hour_dollars(policy, found, material.talks, 2),
        hour_dollars(policy, found, material.talks, 10),
    )
    return row, played


def scored(played: Sequence[Played], material: Material, folder: Path) -> dict[str, float]:
    """By OmniSTEval, of the talks that have references."""
    judged = [each for each in played if each.talk.name in material.references]
    folder.mkdir(parents=True, exist_ok=True)
    write_logs(folder, judged, CALL_S)
    write_references(folder, judged, [material.references[each.talk.name] for each in judged])
    return dict(omnisteval(folder))


def bootstrap_low(played: Sequence[Played], translate: Translate, *, by_talk: bool) -> float:
    """Of sentences drawn again and again: what 2.5 % of the draws' chrF lie below."""
    pairs = [
        (plain("".join(texts)), plain(whole))
        for each in played
        for texts, whole in whole_sentences(each, translate, by_talk=by_talk)
    ]
    chance = random.Random(5)  # noqa: S311 (no secret)
    drawn: list[float] = []
    for _ in range(SAMPLES):
        sample = chance.choices(pairs, k=len(pairs))
        drawn.append(chrf([text for text, _ in sample], [whole for _, whole in sample]))
    return sorted(drawn)[int(0.025 * SAMPLES)]


def hour_dollars(
    policy: Policy, found: Figures, talks: Sequence[SpokenTalk], languages: int
) -> float:
    """Of Amazon's recognition, translation, neural voices and table for an hour of such speech."""
    prices = read_prices()
    spoken_s = sum(talk.speech_s for talk in talks)
    count = round(sum(len(talk.words) for talk in talks) * HOUR_S / spoken_s)
    words = [Word("", float(number), number + 1.0) for number in range(count)]
    if policy.settings is None:
        usage = window_usage(words, HOUR_S, languages, prices)
        characters = usage.translated_characters * found.cost
        usage = replace(usage, translated_characters=characters)
    else:
        usage = released_usage([HOUR_S], words, languages, prices, found.cost)
    return dollars(usage, prices, generative=False)
