"""Which languages Amazon's services can be asked for, and under which names."""

from __future__ import annotations

from schemas.languages import LANGUAGES, UNDETERMINED

AMAZON_LANGUAGES = {tag: row.amazon for tag, row in LANGUAGES.items() if row.amazon is not None}


def transcribe_locale(language: str) -> str | None:
    found = AMAZON_LANGUAGES.get(language)
    return found.transcribe_locale if found else None


def translate_code(language: str) -> str | None:
    found = AMAZON_LANGUAGES.get(language)
    return found.translate_code if found else None


def can_recognise(language: str) -> bool:
    """With its name known; ``und`` is a matter of the recogniser's settings."""
    return transcribe_locale(language) is not None


def can_translate(source: str, target: str) -> bool:
    """Translate goes from each of its languages to each other one."""
    knows_source = source == UNDETERMINED or translate_code(source) is not None
    return source != target and knows_source and translate_code(target) is not None


def can_speak(language: str) -> bool:
    found = AMAZON_LANGUAGES.get(language)
    return found is not None and found.neural_voice is not None


def is_captions_only(language: str) -> bool:
    """It can be translated to, but not spoken."""
    return translate_code(language) is not None and not can_speak(language)
