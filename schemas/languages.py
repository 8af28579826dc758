"""The languages of the project: one row each, and the look-up of a tag that a client sends.

A row's key is a BCP 47 tag. Gateway, engines and pages take names, direction and the engines' own
names of a language from here; an engine that has none for a language does not offer it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

UNDETERMINED = "und"
"""ISO 639 for a language nobody has named: Transcribe and Translate find it out themselves."""

_WELL_FORMED = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_LONGEST_TAG = 35
"""Characters; RFC 5646 (section 4.4.1) asks for room for as many."""
_RIGHT_TO_LEFT_SCRIPTS = frozenset({"Adlm", "Arab", "Hebr", "Nkoo", "Syrc", "Thaa"})


@dataclass(frozen=True, slots=True)
class AmazonLanguage:
    """Names in Transcribe, Translate and Polly, and Polly's voices.

    None: the service does not offer it. ``generative_voice`` None: premium is neural too.
    """

    transcribe_locale: str | None
    translate_code: str | None
    polly_locale: str | None
    neural_voice: str | None
    generative_voice: str | None


@dataclass(frozen=True, slots=True)
class KokoroVoice:
    """``phonemes``: espeak-ng's voice that makes Kokoro's phonemes; ``style``: Kokoro's voice."""

    phonemes: str
    style: str


@dataclass(frozen=True, slots=True)
class Language:
    """``name`` in English, ``native_name`` as its speakers write it, ``script`` by ISO 15924.

    ``apertium``: the names that Apertium's modes may use for it, the preferred one first.
    """

    name: str
    native_name: str
    script: str = "Latn"
    apertium: tuple[str, ...] = ()
    espeak_voice: str | None = None
    kokoro: KokoroVoice | None = None
    amazon: AmazonLanguage | None = None

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """As HTML's attribute ``dir`` takes it."""
        return "rtl" if self.script in _RIGHT_TO_LEFT_SCRIPTS else "ltr"


LANGUAGES = {
    "af": Language(
        "Afrikaans", "Afrikaans", amazon=AmazonLanguage("af-ZA", "af", None, None, None)
    ),
    "ar": Language(
        "Arabic", "العربية", "Arab", amazon=AmazonLanguage("ar-SA", "ar", "ar-AE", "Hala", None)
    ),
    "bg": Language("Bulgarian", "Български", "Cyrl"),
    "bn": Language("Bengali", "বাংলা", "Beng"),
    "ca": Language(
        "Catalan",
        "Català",
        apertium=("cat", "ca"),
        espeak_voice="ca",
        amazon=AmazonLanguage("ca-ES", "ca", "ca-ES", "Arlet", None),
    ),
    "cs": Language(
        "Czech", "Čeština", amazon=AmazonLanguage("cs-CZ", "cs", "cs-CZ", "Jitka", None)
    ),
    "da": Language("Danish", "Dansk", amazon=AmazonLanguage("da-DK", "da", "da-DK", "Sofie", None)),
    "de": Language(
        "German",
        "Deutsch",
        apertium=("deu", "de"),
        espeak_voice="de",
        amazon=AmazonLanguage("de-DE", "de", "de-DE", "Vicki", "Vicki"),
    ),
    "el": Language(
        "Greek", "Ελληνικά", "Grek", amazon=AmazonLanguage("el-GR", "el", None, None, None)
    ),
    "en": Language(
        "English",
        "English",
        apertium=("eng", "en"),
        espeak_voice="en-us",
        kokoro=KokoroVoice("en-us", "af_heart"),
        amazon=AmazonLanguage("en-US", "en", "en-US", "Ruth", "Ruth"),
    ),
    "es": Language(
        "Spanish",
        "Español",
        apertium=("spa", "es"),
        espeak_voice="es",
        kokoro=KokoroVoice("es", "ef_dora"),
        amazon=AmazonLanguage("es-ES", "es", "es-ES", "Lucia", "Lucia"),
    ),
    "eu": Language("Basque", "Euskara", amazon=AmazonLanguage("eu-ES", None, None, None, None)),
    "fa": Language(
        "Persian", "فارسی", "Arab", amazon=AmazonLanguage("fa-IR", "fa", None, None, None)
    ),
    "fi": Language("Finnish", "Suomi", amazon=AmazonLanguage("fi-FI", "fi", "fi-FI", "Suvi", None)),
    "fr": Language(
        "French",
        "Français",
        apertium=("fra", "fr"),
        espeak_voice="fr-fr",
        kokoro=KokoroVoice("fr-fr", "ff_siwis"),
        amazon=AmazonLanguage("fr-FR", "fr", "fr-FR", "Lea", "Lea"),
    ),
    "gl": Language(
        "Galician",
        "Galego",
        apertium=("glg", "gl"),
        espeak_voice="pt",  # espeak-ng has no Galician; Portuguese is the nearest
        amazon=AmazonLanguage("gl-ES", None, None, None, None),
    ),
    "he": Language(
        "Hebrew", "עברית", "Hebr", amazon=AmazonLanguage("he-IL", "he", None, None, None)
    ),
    "hi": Language(
        "Hindi", "हिन्दी", "Deva", amazon=AmazonLanguage("hi-IN", "hi", "hi-IN", "Kajal", None)
    ),
    "hr": Language("Croatian", "Hrvatski", amazon=AmazonLanguage("hr-HR", "hr", None, None, None)),
    "hu": Language("Hungarian", "Magyar"),
    "id": Language(
        "Indonesian", "Bahasa Indonesia", amazon=AmazonLanguage("id-ID", "id", None, None, None)
    ),
    "it": Language(
        "Italian",
        "Italiano",
        apertium=("ita", "it"),
        espeak_voice="it",
        kokoro=KokoroVoice("it", "if_sara"),
        amazon=AmazonLanguage("it-IT", "it", "it-IT", "Bianca", "Bianca"),
    ),
    "ja": Language(
        "Japanese", "日本語", "Jpan", amazon=AmazonLanguage("ja-JP", "ja", "ja-JP", "Kazuha", None)
    ),
    "ko": Language(
        "Korean", "한국어", "Kore", amazon=AmazonLanguage("ko-KR", "ko", "ko-KR", "Seoyeon", None)
    ),
    "lv": Language("Latvian", "Latviešu", amazon=AmazonLanguage("lv-LV", "lv", None, None, None)),
    "ms": Language(
        "Malay", "Bahasa Melayu", amazon=AmazonLanguage("ms-MY", "ms", None, None, None)
    ),
    "nl": Language(
        "Dutch",
        "Nederlands",
        apertium=("nld", "nl"),
        espeak_voice="nl",
        amazon=AmazonLanguage("nl-NL", "nl", "nl-NL", "Laura", "Laura"),
    ),
    "no": Language(
        "Norwegian", "Norsk", amazon=AmazonLanguage("no-NO", "no", "nb-NO", "Ida", None)
    ),
    "pl": Language(
        "Polish",
        "Polski",
        apertium=("pol", "pl"),
        espeak_voice="pl",
        amazon=AmazonLanguage("pl-PL", "pl", "pl-PL", "Ola", "Ola"),
    ),
    "pt": Language(
        "Portuguese",
        "Português",
        apertium=("por", "pt"),
        espeak_voice="pt",
        kokoro=KokoroVoice("pt-br", "pf_dora"),
        amazon=AmazonLanguage("pt-BR", "pt", "pt-BR", "Camila", "Camila"),
    ),
    "pt-BR": Language("Brazilian Portuguese", "Português (Brasil)"),
    "pt-PT": Language("European Portuguese", "Português (Portugal)"),
    "ro": Language("Romanian", "Română", amazon=AmazonLanguage("ro-RO", "ro", None, None, None)),
    "ru": Language(
        "Russian", "Русский", "Cyrl", amazon=AmazonLanguage("ru-RU", "ru", None, None, None)
    ),
    "sk": Language("Slovak", "Slovenčina", amazon=AmazonLanguage("sk-SK", "sk", None, None, None)),
    "so": Language("Somali", "Soomaali", amazon=AmazonLanguage("so-SO", "so", None, None, None)),
    "sr": Language(
        "Serbian", "Српски", "Cyrl", amazon=AmazonLanguage("sr-RS", "sr", None, None, None)
    ),
    "sv": Language(
        "Swedish", "Svenska", amazon=AmazonLanguage("sv-SE", "sv", "sv-SE", "Elin", None)
    ),
    "ta": Language("Tamil", "தமிழ்", "Taml"),
    "th": Language("Thai", "ไทย", "Thai", amazon=AmazonLanguage("th-TH", "th", None, None, None)),
    "tl": Language("Tagalog", "Tagalog", amazon=AmazonLanguage("tl-PH", "tl", None, None, None)),
    "tr": Language("Turkish", "Türkçe", amazon=AmazonLanguage(None, "tr", "tr-TR", "Burcu", None)),
    "uk": Language(
        "Ukrainian", "Українська", "Cyrl", amazon=AmazonLanguage("uk-UA", "uk", None, None, None)
    ),
    "ur": Language("Urdu", "اردو", "Arab"),
    "vi": Language(
        "Vietnamese", "Tiếng Việt", amazon=AmazonLanguage("vi-VN", "vi", None, None, None)
    ),
    "zh": Language(
        "Chinese", "中文", "Hans", amazon=AmazonLanguage("zh-CN", "zh", "cmn-CN", "Zhiyu", None)
    ),
    "zh-Hans": Language("Simplified Chinese", "简体中文", "Hans"),
    "zh-Hant": Language("Traditional Chinese", "繁體中文", "Hant"),
    "zu": Language("Zulu", "isiZulu", amazon=AmazonLanguage("zu-ZA", None, None, None, None)),
}
"""Amazon's rows: what Transcribe's streams, Translate and Polly's neural engine know, after their
documentation. Portuguese is Brazilian throughout, Chinese is Mandarin, in simplified script.
Basque, Galician and Zulu can be recognised only; Turkish is a target only, for no stream takes it.
Where there is no neural voice a language is for captions (Polly has older voices of Romanian and
Russian)."""


OTHER_TAGS = {
    "fil": "tl",
    "in": "id",
    "iw": "he",
    "nb": "no",
    "nn": "no",
    "zh-CN": "zh-Hans",
    "zh-HK": "zh-Hant",
    "zh-MO": "zh-Hant",
    "zh-SG": "zh-Hans",
    "zh-TW": "zh-Hant",
}
"""What browsers send for a language that has its row under another tag: its other codes (aliases of
CLDR's; Nynorsk, whose readers read Bokmål, too), and regions that stand for a script."""


def canonical_tag(tag: str) -> str | None:
    """``tag`` with the case that RFC 5646 recommends (``PT-br`` is ``pt-BR``); None: not a tag."""
    if len(tag) > _LONGEST_TAG or _WELL_FORMED.fullmatch(tag) is None:
        return None
    language, *rest = tag.lower().split("-")
    parts, after_singleton = [language], False
    for part in rest:
        if after_singleton:
            parts.append(part)
        elif len(part) == 2:
            parts.append(part.upper())
        elif len(part) == 4 and part.isalpha():
            parts.append(part.title())
        else:
            parts.append(part)
        after_singleton = after_singleton or len(part) == 1
    return "-".join(parts)


def fallback_tags(tag: str) -> tuple[str, ...]:
    """``tag`` and what RFC 4647's look-up (section 3.4) tries after it, the most specific first.

    ``zh-Hant-TW`` gives itself, ``zh-Hant`` and ``zh``; a text that is no tag gives nothing.
    """
    canonical = canonical_tag(tag)
    if canonical is None:
        return ()
    parts, found = canonical.split("-"), list[str]()
    while parts:
        found.append("-".join(parts))
        parts.pop()
        if len(parts) > 1 and len(parts[-1]) == 1:
            parts.pop()  # a singleton means nothing without what it introduced
    return tuple(found)


def look_up(tag: str, is_offered: Callable[[str], bool]) -> str | None:
    """The most specific tag that ``is_offered`` accepts for what a client asked for, by itself or
    by its other name in ``OTHER_TAGS``."""
    for one in fallback_tags(tag):
        for name in (one, OTHER_TAGS.get(one)):
            if name is not None and is_offered(name):
                return name
    return None
