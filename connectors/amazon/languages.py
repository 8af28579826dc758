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
    "af": AmazonLanguage("af-ZA", "af", None, None, None),
    "ar": AmazonLanguage("ar-SA", "ar", "ar-AE", "Hala", None),
    "ca": AmazonLanguage("ca-ES", "ca", "ca-ES", "Arlet", None),
    "cs": AmazonLanguage("cs-CZ", "cs", "cs-CZ", "Jitka", None),
    "da": AmazonLanguage("da-DK", "da", "da-DK", "Sofie", None),
    "de": AmazonLanguage("de-DE", "de", "de-DE", "Vicki", "Vicki"),
    "el": AmazonLanguage("el-GR", "el", None, None, None),
    "en": AmazonLanguage("en-US", "en", "en-US", "Ruth", "Ruth"),
    "es": AmazonLanguage("es-ES", "es", "es-ES", "Lucia", "Lucia"),
    "eu": AmazonLanguage("eu-ES", None, None, None, None),
    "fa": AmazonLanguage("fa-IR", "fa", None, None, None),
    "fi": AmazonLanguage("fi-FI", "fi", "fi-FI", "Suvi", None),
    "fr": AmazonLanguage("fr-FR", "fr", "fr-FR", "Lea", "Lea"),
    "gl": AmazonLanguage("gl-ES", None, None, None, None),
    "he": AmazonLanguage("he-IL", "he", None, None, None),
    "hi": AmazonLanguage("hi-IN", "hi", "hi-IN", "Kajal", None),
    "hr": AmazonLanguage("hr-HR", "hr", None, None, None),
    "id": AmazonLanguage("id-ID", "id", None, None, None),
    "it": AmazonLanguage("it-IT", "it", "it-IT", "Bianca", "Bianca"),
    "ja": AmazonLanguage("ja-JP", "ja", "ja-JP", "Kazuha", None),
    "ko": AmazonLanguage("ko-KR", "ko", "ko-KR", "Seoyeon", None),
    "lv": AmazonLanguage("lv-LV", "lv", None, None, None),
    "ms": AmazonLanguage("ms-MY", "ms", None, None, None),
    "nl": AmazonLanguage("nl-NL", "nl", "nl-NL", "Laura", "Laura"),
    "no": AmazonLanguage("no-NO", "no", "nb-NO", "Ida", None),
    "pl": AmazonLanguage("pl-PL", "pl", "pl-PL", "Ola", "Ola"),
    "pt": AmazonLanguage("pt-BR", "pt", "pt-BR", "Camila", "Camila"),
    "ro": AmazonLanguage("ro-RO", "ro", None, None, None),
    "ru": AmazonLanguage("ru-RU", "ru", None, None, None),
    "sk": AmazonLanguage("sk-SK", "sk", None, None, None),
    "so": AmazonLanguage("so-SO", "so", None, None, None),
    "sr": AmazonLanguage("sr-RS", "sr", None, None, None),
    "sv": AmazonLanguage("sv-SE", "sv", "sv-SE", "Elin", None),
    "th": AmazonLanguage("th-TH", "th", None, None, None),
    "tl": AmazonLanguage("tl-PH", "tl", None, None, None),
    "tr": AmazonLanguage(None, "tr", "tr-TR", "Burcu", None),
    "uk": AmazonLanguage("uk-UA", "uk", None, None, None),
    "vi": AmazonLanguage("vi-VN", "vi", None, None, None),
    "zh": AmazonLanguage("zh-CN", "zh", "cmn-CN", "Zhiyu", None),
    "zu": AmazonLanguage("zu-ZA", None, None, None, None),
}
"""What Transcribe's streams, Translate and Polly's neural engine know, after their documentation.

Portuguese is Brazilian throughout, Chinese is Mandarin, in simplified script. Basque, Galician and
Zulu can be recognised only; Turkish is a target only, for no stream hears it. Where there is no
neural voice a language is for captions (Polly has older voices of Romanian and Russian)."""


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
