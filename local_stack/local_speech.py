"""``SPEECH=local``: the stack's settings with the neural engines of this machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from connectors.interfaces.errors import PermanentError
from connectors.local.engines import LocalSpeech
from connectors.local.model_store import Machine, read_manifest
from connectors.local.routes import NEURAL, Route
from local_stack.models import require_machine
from local_stack.processes import ProcessError
from local_stack.stack import StackSettings

LANGUAGES = {"pt": "Portuguese", "es": "Spanish", "ca": "Catalan"}
"""Portuguese is neural throughout; the others go on from there by Apertium, and read better than
French, whose dictionaries take 630 MB besides."""
VOICES = ("pt",)
"""Kokoro's: two cores hold recognition, everything else, and one such voice (docs/engines.md)."""


def with_local_engines(settings: StackSettings, voices: tuple[str, ...] = VOICES) -> StackSettings:
    """ProcessError that says what to do: a model lacks, or this machine cannot hold them."""
    try:
        require_machine(Machine.this(), read_manifest())
        LocalSpeech().check()
    except PermanentError as error:
        raise ProcessError(str(error)) from None
    return replace(
        settings,
        speech_to_text="local",
        translation="local",
        speech_synthesis="local",
        job_options=(*settings.job_options, f"--local_voices={','.join(voices)}"),
        gateway_options=(
            *settings.gateway_options,
            "--languages=local",
            f"--talks-at-once={LocalSpeech().talks_at_once}",
        ),
    )


def engines_in_words(
    languages: Iterable[str] = tuple(LANGUAGES), voices: tuple[str, ...] = VOICES
) -> tuple[str, ...]:
    """A line each: who recognises English, who translates it, who speaks."""
    speech = LocalSpeech()
    recognisers = [model.engine for model in speech.models("recognition")]
    translator = speech.open_translator()
    routes = {language: translator.route("en", language) for language in languages}
    return (
        f"{recognisers[-1].capitalize()} recognises",
        "; ".join(f"{language}: {_in_words(route)}" for language, route in routes.items() if route),
        f"Kokoro speaks {', '.join(voices)} where it is in time, espeak-ng everything else",
    )


def _in_words(route: Route) -> str:
    names = {NEURAL: "a neural model"}
    return ", then ".join(
        f"{names.get(step.engine, 'Apertium')} ({step.source}-{step.target})"
        for step in route.steps
    )
