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
