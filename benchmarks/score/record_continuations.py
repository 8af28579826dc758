"""Have the models of this machine continue what the policy ``prefix`` releases, and say how likely
they find what the swift policies release, once.

``python -m benchmarks.score.record_continuations en-pt pt-en`` writes
material/continuations-en-pt.jsonl, likelihoods-en-pt.jsonl and so on, by the models of
`make models` (``marian_decoder``). What is recorded already is not asked for again; what nothing
asks for any more is left out. Translations have to be recorded before (``record``).
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from benchmarks.score.likelihood import Likelihood, RecordedLikelihoods, token_likelihood
from benchmarks.score.marian_decoder import MarianDecoder
from benchmarks.score.measure import read_material
from benchmarks.score.talks import NEURAL, REFERENCES, RecordedTranslations, Translate
from benchmarks.score.virtual_talk import Lateness
from connectors.local.model_store import ModelStore, read_manifest
from connectors.local.translation import unfinished, without_ellipsis


def continuing(decoder: MarianDecoder) -> Translate:
    """The decoder, told of unfinished sentences as ``--translation=local`` tells its models."""

    def engine(text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        if not is_unfinished:
            return decoder.translate(text, released)
        answer = decoder.translate(unfinished(text), released)
        return f"{released}{without_ellipsis(answer[len(released) :])}"

    return engine


def record(pair: str, engine: Translate, likelihood: Likelihood) -> None:
    continued = RecordedTranslations(pair, engine, kind="continuations")
    recorded = RecordedLikelihoods(pair, likelihood)
    material = replace(read_material(pair, REFERENCES), continued=continued, likelihood=recorded)
    for policy in material.policies:
        if not policy.is_judged:
            continue
        for lateness in (None, Lateness()):
            played = [policy.play(material, talk, lateness) for talk in material.talks]
            token_likelihood(played, recorded)
    continued.save()
    recorded.save()


def main() -> None:
    parser = argparse.ArgumentParser(prog="score.record_continuations", description=__doc__)
    parser.add_argument("pairs", nargs="+", choices=NEURAL)
    store = ModelStore(read_manifest())
    for pair in parser.parse_args().pairs:
        of_pair = (pair.partition("-")[0], pair.partition("-")[2])
        models = store.manifest.of_kind("translation")
        model = next(model for model in models if model.languages == of_pair)
        decoder = MarianDecoder(store.require(model))
        record(pair, continuing(decoder), decoder.log_probabilities)


if __name__ == "__main__":
    main()
