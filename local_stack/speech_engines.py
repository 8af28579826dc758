"""What `make demo` and `make live` run with each ``SPEECH``, and who does what in it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from local_stack import local_speech
from local_stack.amazon_speech import amazon_speech
from local_stack.flink import ROOT
from local_stack.stack import StackSettings

SPEECH = ("local", "offline", "amazon")
LANGUAGES = {"es": "Spanish", "ca": "Catalan", "pt": "Portuguese"}
OFFLINE = (
    "pocketsphinx recognises",
    "Apertium translates",
    "espeak-ng speaks",
)
_AMAZON_DIRECTORY = ROOT / "build" / "amazon_speech"


@dataclass(frozen=True, slots=True)
class DemoEngines:
    """``languages``: those of the listeners, with their names. ``in_words``: a line for each of
    recognition, translation and voices."""

    settings: StackSettings
    languages: Mapping[str, str]
    in_words: tuple[str, ...]


@contextmanager
def demo_engines(speech: str, settings: StackSettings) -> Generator[DemoEngines]:
    """``settings`` with the engines of ``speech``. ProcessError: they cannot run here, and what to
    do about it."""
    if speech == "local":
        yield DemoEngines(
            local_speech.with_local_engines(settings),
            local_speech.LANGUAGES,
            local_speech.engines_in_words(),
        )
    elif speech == "amazon":
        with amazon_speech(_AMAZON_DIRECTORY, languages=LANGUAGES) as options:
            behind = tuple(
                f"{service} on this machine, {engine.split()[0]} behind it"
                for service, engine in zip(
                    ("Transcribe", "Translate", "Polly"), OFFLINE, strict=True
                )
            )
            settings = replace(
                settings,
                job_options=(*settings.job_options, *options),
                gateway_options=(*settings.gateway_options, "--languages=amazon"),
            )
            yield DemoEngines(settings, LANGUAGES, behind)
    else:
        yield DemoEngines(settings, LANGUAGES, OFFLINE)
