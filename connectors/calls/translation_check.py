"""Whether what a language model answered is a translation, as far as a cheap check can tell. Pure.

A model may comment, refuse, answer a question that was spoken, or say the text again. What is
found here is raised as NoTranslationError, whose message names the kind and holds no speech.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

from connectors.interfaces.errors import NoTranslationError
from schemas.languages import LANGUAGES

END = "<end>"
"""What a model answers when nothing is left to add to the released text."""
LONGEST_RATIO, LONGEST_EXTRA = 4, 60
"""A translation has at most so many times the characters of its text, and so many more."""
UNSPACED_RATIO = 3
"""A text without spaces says as much in so many times fewer characters."""
SHORTEST_SHARE, SHORT_TEXT = 0.1, 60
"""Of a text longer than this a translation has at least this share of characters."""
REPEATED_WORDS = 4
"""So many words of the text in a row are not translated. Fewer may be names."""
FOREIGN_WORDS, FOREIGN_TIMES = 2, 2
"""So many function words of another language that the target lacks, and over so many times those
of the target that it lacks, make a text its own. Each counts once."""
CONTRADICTED_WORDS, CONTRADICTED_SHARE = 3, 0.5

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_TAGS = re.compile(r"\A<(translation|target)>(.*)</\1>\Z", re.DOTALL)
_COMMENT = re.compile(
    r"here(’s|'s| is) (the|your|a) (\w+ )?translation|(the )?translation( in \w+| is)?:|"
    r"as an ai\b|as a language model\b",
    re.IGNORECASE,
)
_ENGLISH_REFUSAL = re.compile(
    r"i(’m|'m| am) sorry\b|i can(’t|'t|not)\b|sure[,!]|certainly[,!]|note:", re.IGNORECASE
)
"""What says something else in a translation into English."""
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“", "'": "'", "‘": "’"}
_CLOSING = ",.;:!?…%)]}»”’、。，！？；：۔،؟"

_UNSPACED = frozenset({"Hans", "Hant", "Jpan", "Thai"})
_SIGNS = {
    "Arab": ("ARABIC",),
    "Beng": ("BENGALI",),
    "Cyrl": ("CYRILLIC",),
    "Deva": ("DEVANAGARI",),
    "Grek": ("GREEK",),
    "Hans": ("CJK",),
    "Hant": ("CJK",),
    "Hebr": ("HEBREW",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
    "Kore": ("HANGUL", "CJK"),
    "Latn": ("LATIN",),
    "Taml": ("TAMIL",),
    "Thai": ("THAI",),
}
"""How the Unicode names of a script's signs begin."""

_FUNCTION_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "ca": "el la els les un una i amb que de del per no és són als dels però aquest aquesta al"
        " en es ha han va més com molt tot quan ja em ens us seu seva sense on havia hi ho",
        "de": "der die das und ist nicht ein eine mit den dem von zu auf für ich sie wir es auch im"
        " in an als war hat sich wie noch nach bei einen einer aus wird sind oder aber wenn was",
        "en": "the a and is are was were of to in that it with for not this have you they from be"
        " on at as by he she we had has his her their but or what which there all would been",
        "es": "el la los las un una y con que de del por no es son para pero este esta se su al en"
        " a lo ha han fue más como muy todo cuando ya me nos sus sin donde había hay le eran sí",
        "fr": "le la les un une et avec que de du des pour ne pas est sont dans ce cette il au en à"
        " a on se son sa ses plus comme qui par mais nous vous elle était très tout aux été si",
        "it": "il lo la gli le un una e con che di del della per non è sono questo questa si al in"
        " a i da ma come più anche nel alla dei delle ha hanno era tutto quando già ci suo sua",
        "nl": "de het een en is niet van met te op voor dat die zijn ik wij ze maar ook er in aan"
        " was hij was ze om bij uit als naar dan nog wel worden werd heeft hebben we geen over",
        "pl": "i w na z nie się to jest że do o ale jak co po są dla od za tego jego przez tym czy"
        " tak był była było być już tylko który która które jeszcze może ich mnie",
        "pt": "o a os as um uma e com que de do da na no por não é são para mas este esta se em ao"
        " dos das nos nas mais como muito tudo quando já me seu sua sem onde havia há foi eram",
    }.items()
}


def checked_translation(
    answer: str, text: str, source: str, target: str, released: str = ""
) -> str:
    """The whole translation in one line: ``answer`` alone, or what is released and what the answer
    adds to it, whether it repeats what is released or only goes on. NoTranslationError."""
    clean = _bare_answer(answer, text)
    if released and (not clean or clean == END):
        return released
    if not clean or clean == END:
        raise NoTranslationError("the model answered nothing")
    _refuse_commentary(clean, text, target)
    whole = _continued(released, clean, target) if released else clean
    _refuse_length(whole, text, source, target)
    _refuse_source(whole, text)
    _refuse_language(whole, text, target)
    return whole


def _bare_answer(answer: str, text: str) -> str:
    """Without the model's thoughts, tags and quotation marks around it; still in lines."""
    clean = _THOUGHT.sub("", answer).strip()
    tagged = _TAGS.match(clean)
    if tagged:
        clean = tagged[2].strip()
    closing = _QUOTES.get(clean[:1])
    if closing and len(clean) > 1 and clean[-1] == closing and text.strip()[:1] not in _QUOTES:
        clean = clean[1:-1].strip()
    lines = [" ".join(line.split()) for line in clean.splitlines()]
    return "\n".join(line for line in lines if line)


def _refuse_commentary(answer: str, text: str, target: str) -> None:
    begins = [_COMMENT] if target == "en" else [_COMMENT, _ENGLISH_REFUSAL]
    comments = any(begin.match(answer) and not begin.match(text.strip()) for begin in begins)
    if "\n" in answer or comments:
        raise NoTranslationError("the model answered with commentary")
    if answer[0] in "{[`" and text.strip()[:1] != answer[0]:
        raise NoTranslationError("the model answered with markup")


def _continued(released: str, answer: str, target: str) -> str:
    """``released`` as it stands, then what the answer adds."""
    done, new = _words(released), _words(answer)
    if not done:
        return _joined(released, answer, target)
    if new[: len(done)] == done:
        return released + _after(answer, len(done), released)
    overlap = next((n for n in range(min(len(done), len(new)), 1, -1) if done[-n:] == new[:n]), 0)
    if overlap:
        return released + _after(answer, overlap, released)
    if len(done) >= CONTRADICTED_WORDS:
        alike = SequenceMatcher(None, done, new[: len(done)], autojunk=False).ratio()
        if alike >= CONTRADICTED_SHARE:
            raise NoTranslationError("the model did not go on with the released text")
    return _joined(released, answer, target)


def _after(answer: str, words: int, released: str) -> str:
    """What stands behind the first ``words`` of the answer, less marks that are released."""
    ends = [found.end() for found in _WORD.finditer(answer)]
    rest = answer[ends[words - 1] :]
    last = max((found.end() for found in _WORD.finditer(released)), default=0)
    marks = released[last:].strip()
    return rest.lstrip(_CLOSING) if marks else rest


def _joined(released: str, answer: str, target: str) -> str:
    touches = is_unspaced(target) or answer[0] in _CLOSING or released[-1:].isspace()
    return f"{released}{answer}" if touches else f"{released} {answer}"


def _refuse_length(whole: str, text: str, source: str, target: str) -> None:
    said = len(text) * (UNSPACED_RATIO if is_unspaced(source) else 1)
    if len(whole) > LONGEST_RATIO * said + LONGEST_EXTRA:
        raise NoTranslationError("the model answered far more than was said")
    shown = len(whole) * (UNSPACED_RATIO if is_unspaced(target) else 1)
    if said > SHORT_TEXT and shown < SHORTEST_SHARE * said:
        raise NoTranslationError("the model answered far less than was said")


def _refuse_source(whole: str, text: str) -> None:
    spoken, shown = _words(text), _words(whole)
    if len(set(spoken)) < REPEATED_WORDS or all(word.isdigit() for word in spoken):
        return
    places = range(len(shown) - len(spoken) + 1)
    if any(shown[at : at + len(spoken)] == spoken for at in places):
        raise NoTranslationError("the model answered with the text itself")


def _refuse_language(whole: str, text: str, target: str) -> None:
    """Words that stand in the text too say nothing: names, addresses, other languages."""
    spoken = set(_words(text))
    new = [word for word in _words(whole) if word not in spoken]
    language = LANGUAGES.get(target)
    if language is not None and language.script in _SIGNS:
        letters = [sign for word in new for sign in word if sign.isalpha()]
        own = sum(
            unicodedata.name(sign, "").startswith(_SIGNS[language.script]) for sign in letters
        )
        if 2 * own < len(letters):
            raise NoTranslationError("the model answered in another script")
    if target in _FUNCTION_WORDS:
        shown = set(new)
        if any(_is_rather(other, target, shown) for other in _FUNCTION_WORDS):
            raise NoTranslationError("the model answered in another language")


def _is_rather(other: str, target: str, shown: set[str]) -> bool:
    """By the words that one of the two has and the other has not."""
    theirs, own = _FUNCTION_WORDS[other], _FUNCTION_WORDS[target]
    foreign = len(shown & (theirs - own))
    return foreign >= FOREIGN_WORDS and foreign > FOREIGN_TIMES * len(shown & (own - theirs))


def is_unspaced(language: str) -> bool:
    """Whether it is written without spaces between words."""
    found = LANGUAGES.get(language)
    return found is not None and found.script in _UNSPACED


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFC", text).casefold())
