"""Have an engine of this machine translate every text that the policies ask for, once.

``python -m benchmarks.score.record es ca fr`` writes material/translations-en-es.jsonl and so on by
the offline engine, of the talks that have references; what is recorded already stays.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

from benchmarks.score.talks import (
    MATERIAL,
    RecordedTranslations,
    SpokenTalk,
    Translate,
    read_talks,
    referenced,
)
from benchmarks.score.virtual_talk import Lateness, play, play_windows
from connectors.offline.translation import OfflineTranslator, OfflineTranslatorSettings
from pipelines.sentences.settings import ReleaseName, ReleaseSettings, Spend


def ask_for_all(talks: Sequence[SpokenTalk], translate: Translate) -> None:
    """Play every policy, so that ``translate`` is asked what each of them needs."""
    for talk in talks:
        for lateness in (None, Lateness()):
            play_windows(talk, translate, lateness)
            for release in (ReleaseName.APPEND, ReleaseName.AGREEMENT, ReleaseName.SENTENCE):
                for spend in Spend:
                    settings = ReleaseSettings(release, spend)
                    policy = settings.policy(continues=False)
                    play(talk, policy, settings.pace, translate, lateness)
        for sentence in talk.sentences:
            translate(sentence)


def record(language: str) -> None:
    with asyncio.Runner() as runner:
        translator = OfflineTranslator(OfflineTranslatorSettings(answer_timeout_s=60.0))

        def engine(text: str) -> str:
            return runner.run(translator.translate(text, "en", language))

        recorded = RecordedTranslations(MATERIAL / f"translations-en-{language}.jsonl", engine)
        ask_for_all(referenced(read_talks(MATERIAL / "talks-en.json"), language), recorded)
        recorded.save()
        runner.run(translator.close())


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.score.record", description=__doc__)
    parser.add_argument("languages", nargs="+", choices=("es", "ca", "fr"))
    for language in parser.parse_args().languages:
        record(language)


if __name__ == "__main__":
    main()
