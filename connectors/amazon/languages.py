"""Languages by the protocol's codes, and what Amazon's services call them and speak them with."""

from __future__ import annotations

from dataclasses import dataclass

UNDETERMINED = "und"
"""ISO 639 for a language nobody has named: Transcribe and Translate find it out themselves."""


@dataclass(frozen=True, slots=True)
class AmazonLanguage:
    """None: the service does not offer it. ``generative_voice`` None: premium is neural too."""

    transcribe_locale: str | None
    translate_code: str | None
    polly_locale: str | None
    neural_voice: str | None
    generative_voice: str | None


AMAZON_LANGUAGES = {
    "ca": AmazonLanguage("ca-ES", "ca", "ca-ES", "Arlet", None),
    "de": AmazonLanguage("de-DE", "de", "de-DE", "Vicki", "Vicki"),
    "en": AmazonLanguage("en-US", "en", "en-US", "Ruth", "Ruth"),
    "es": AmazonLanguage("es-ES", "es", "es-ES", "Lucia", "Lucia"),
    "fr": AmazonLanguage("fr-FR", "fr", "fr-FR", "Lea", "Lea"),
    "gl": AmazonLanguage("gl-ES", None, None, None, None),
    "it": AmazonLanguage("it-IT", "it", "it-IT", "Bianca", "Bianca"),
    "ja": AmazonLanguage("ja-JP", "ja", "ja-JP", "Kazuha", None),
    "nl": AmazonLanguage("nl-NL", "nl", "nl-NL", "Laura", "Laura"),
    "pl": AmazonLanguage("pl-PL", "pl", "pl-PL", "Ola", "Ola"),
    "pt": AmazonLanguage("pt-BR", "pt", "pt-BR", "Camila", "Camila"),
}
"""Portuguese is Brazilian throughout. Galician can be recognised, but neither translated nor
spoken. Ten languages are there end to end."""


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
