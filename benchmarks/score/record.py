"""Have engines of this machine translate every text that the policies ask for, once.

``python -m benchmarks.score.record en-es en-pt pt-en`` writes material/translations-en-es.jsonl and
so on, by the routes of ``--translation=local``. What is recorded already is not asked for again;
what no policy asks for any more is left out.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from benchmarks.score.talks import (
    ENGINES,
    NEURAL,
    RecordedTranslations,
    SpokenTalk,
    Translate,
    read_material_talks,
    referenced,
)
from benchmarks.score.virtual_talk import Lateness, play, play_windows
from connectors.interfaces.translation import TranslationHints
from connectors.local.translation import LocalTranslator, LocalTranslatorSettings
from connectors.offline.translation import OfflineTranslator, OfflineTranslatorSettings
from pipelines.sentences.settings import ReleaseName, ReleaseSettings, Spend

ANSWER_WITHIN_S = 60.0


def ask_for_all(talks: Sequence[SpokenTalk], translate: Translate, source: str) -> None:
    """Play every policy, so that ``translate`` is asked what each of them needs."""
    for talk in talks:
        for lateness in (None, Lateness()):
            play_windows(talk, translate, lateness)
            for release in (ReleaseName.APPEND, ReleaseName.AGREEMENT, ReleaseName.SENTENCE):
                for spend in Spend:
                    settings = ReleaseSettings(release, spend)
                    policy = settings.policy(continues=False)
                    play(talk, policy, settings.pace, translate, lateness, source)
        for sentence in talk.sentences:
            translate(sentence)


@contextmanager
def local_engine(runner: asyncio.Runner, source: str, target: str) -> Generator[Translate]:
    """The route of ``--translation=local``."""
    apertium = OfflineTranslator(OfflineTranslatorSettings(answer_timeout_s=ANSWER_WITHIN_S))
    settings = LocalTranslatorSettings(answer_timeout_s=ANSWER_WITHIN_S)
    translator = LocalTranslator(settings, apertium=apertium)

    def engine(text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        hints = TranslationHints(released, is_unfinished=is_unfinished)
        return runner.run(translator.translate(text, source, target, hints=hints))

    try:
        yield engine
    finally:
        runner.run(translator.close())


def record(pair: str) -> None:
    source, target = pair.split("-")
    with asyncio.Runner() as runner, local_engine(runner, source, target) as engine:
        recorded = RecordedTranslations(pair, engine)
        talks = read_material_talks(source)
        ask_for_all(talks if pair in NEURAL else referenced(talks, target), recorded, source)
        recorded.save()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.score.record", description=__doc__)
    parser.add_argument("pairs", nargs="+", choices=ENGINES)
    for pair in parser.parse_args().pairs:
        record(pair)


if __name__ == "__main__":
    main()
