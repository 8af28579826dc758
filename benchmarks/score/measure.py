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
from benchmarks.score.likelihood import (
    Likelihood,
    RecordedLikelihoods,
    TokenLikelihood,
    token_likelihood,
)
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
    """``settings`` None: the flow that is replaced. ``continues``: the engine is the one that
    continues a given beginning."""

    name: str
    settings: ReleaseSettings | None
    continues: bool = False

    @property
    def is_judged(self) -> bool:
        """Whether a model says how likely it finds what is released."""
        return self.settings is not None and self.settings.spend is Spend.SWIFT

    def play(self, material: Material, talk: SpokenTalk, lateness: Lateness | None) -> Played:
        translate = material.engine(self)
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
    Policy("prefix, swift", ReleaseSettings(ReleaseName.PREFIX), continues=True),
    Policy("sentence, by prefix's engine", ReleaseSettings(ReleaseName.SENTENCE), continues=True),
)


@dataclass(frozen=True, slots=True)
class Row:
    """``pair``: such as ``en-pt``. ``chrf_low``: the lower end of the 95 % bootstrap interval of
    ``figures.chrf``. ``scores``: OmniSTEval's, against references that people wrote. ``dollars_2``
    and ``dollars_10``: an hour of the talk in so many languages by Amazon's list prices.
    ``likelihood``: of what is released, where a model was asked."""

    pair: str
    policy: str
    words: str
    figures: Figures
    chrf_low: float
    scores: dict[str, float]
    dollars_2: float
    dollars_10: float
    likelihood: TokenLikelihood | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What there is of a pair: the talks, one engine's translations, references of some; of pairs
    with a model that continues a given beginning (``NEURAL``) its translations, and how likely
    it finds what is released."""

    pair: str
    talks: tuple[SpokenTalk, ...]
    translate: Translate
    references: dict[str, list[str]]
    continued: Translate | None = None
    likelihood: Likelihood | None = None

    @property
    def policies(self) -> list[Policy]:
        return [each for each in POLICIES if self.continued or not each.continues]

    def engine(self, policy: Policy) -> Translate:
        return self.continued if policy.continues and self.continued else self.translate

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
        found = {talk.name: list(talk.sentences) for talk in read_material_talks()}
    else:
        with_references = referenced(talks, target, references)
        talks = talks if pair in NEURAL else with_references
        found = {talk.name: references_of(talk, references / target) for talk in with_references}
    if pair not in NEURAL:
        return Material(pair, talks, translate, found)
    continued = RecordedTranslations(pair, kind="continuations")
    recorded = RecordedLikelihoods(pair)
    return Material(
        pair, talks, translate, found, continued, recorded if recorded.is_there else None
    )


def measured(
    policy: Policy, material: Material, lateness: Lateness | None, build: Path
) -> tuple[Row, list[Played]]:
    translate = material.engine(policy)
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
        token_likelihood(played, material.likelihood)
        if material.likelihood and policy.is_judged
        else None,
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
