"""``SPEECH=local``: the stack's settings with the neural engines of this machine."""

from __future__ import annotations

from dataclasses import replace

from connectors.interfaces.errors import PermanentError
from connectors.local.engines import LocalSpeech
from local_stack.processes import ProcessError
from local_stack.stack import StackSettings

LANGUAGES = {"pt": "Portuguese", "es": "Spanish", "fr": "French"}
"""Portuguese is neural throughout; the others go on from there by Apertium."""
VOICES = ("pt",)
"""Kokoro's: two cores hold recognition, everything else, and one such voice (docs/engines.md)."""
ONLY_STABLE_WORDS = "--settle_ms=60000"
"""Moonshine's newest words change for longer than the quarter of a second after which the segmenter
takes a word of other recognisers to be settled; the words that stay are marked."""


def with_local_engines(settings: StackSettings, voices: tuple[str, ...] = VOICES) -> StackSettings:
    """ProcessError that says what to do: a model lacks, or this machine cannot hold them."""
    try:
        LocalSpeech().check()
    except PermanentError as error:
        raise ProcessError(str(error)) from None
    return replace(
        settings,
        speech_to_text="local",
        translation="local",
        speech_synthesis="local",
        job_options=(
            *settings.job_options,
            ONLY_STABLE_WORDS,
            f"--local_voices={','.join(voices)}",
        ),
    )
