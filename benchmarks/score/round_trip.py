"""``python -m benchmarks.score.round_trip``: what is released, translated back, beside the source.

The engines of this machine translate back what agreement released, swift, and the same engine's
translations of whole sentences; chrF to the sentences that were spoken says what was lost. Between
English and Portuguese, which have a neural engine each way; needs `make models`.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

from benchmarks.score.figures import chrf, plain
from benchmarks.score.record import local_engine
from benchmarks.score.talks import NEURAL, RecordedTranslations, Translate, read_material_talks
from benchmarks.score.virtual_talk import Lateness, Played, play
from benchmarks.tables import show
from pipelines.sentences.settings import ReleaseName, ReleaseSettings


def round_trip(played: Sequence[Played], translate: Translate, back: Translate) -> list[float]:
    """chrF to the source of what was released and of whole sentences, both translated back."""
    spoken = [
        " ".join(word.text for word in talk.talk.words[sentence.first : sentence.end])
        for talk in played
        for sentence in talk.sentences
    ]
    released = [sentence.text for talk in played for sentence in talk.sentences]
    sources = [plain(text) for text in spoken]
    return [
        chrf([plain(back(text)) for text in texts], sources)
        for texts in (released, [translate(text) for text in spoken])
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    argparse.ArgumentParser(prog="benchmarks.score.round_trip", description=__doc__).parse_args(
        arguments
    )
    settings = ReleaseSettings(ReleaseName.AGREEMENT)
    rows: list[list[object]] = []
    with asyncio.Runner() as runner:
        for pair in NEURAL:
            source, _, target = pair.partition("-")
            translate = RecordedTranslations(pair)
            with local_engine(runner, target, source) as back:
                for words, lateness in (("perfect", None), ("recognised", Lateness())):
                    policy, pace = settings.policy(continues=False), settings.pace
                    played = [
                        play(talk, policy, pace, translate, lateness, source)
                        for talk in read_material_talks(source)
                    ]
                    found = round_trip(played, translate, back)
                    rows.append([pair, words, *(f"{each:.2f}" for each in found)])
    show("Translated back: chrF to the source", ("pair", "words", "released", "whole"), rows)


if __name__ == "__main__":
    main()
