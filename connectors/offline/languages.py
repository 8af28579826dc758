"""Languages by the codes that travel in the protocol, and what each offline engine calls them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """``apertium``: the names that Apertium's modes may use for it, the preferred one first."""

    name: str
    espeak_voice: str
    apertium: tuple[str, ...]


LANGUAGES = {
    "ca": Language("Catalan", "ca", ("cat", "ca")),
    "de": Language("German", "de", ("deu", "de")),
    "en": Language("English", "en-us", ("eng", "en")),
    "es": Language("Spanish", "es", ("spa", "es")),
    "fr": Language("French", "fr-fr", ("fra", "fr")),
    "gl": Language("Galician", "pt", ("glg", "gl")),
    "it": Language("Italian", "it", ("ita", "it")),
    "nl": Language("Dutch", "nl", ("nld", "nl")),
    "pl": Language("Polish", "pl", ("pol", "pl")),
    "pt": Language("Portuguese", "pt", ("por", "pt")),
}
"""Galician has no voice of its own in espeak-ng; the Portuguese one is the nearest."""
