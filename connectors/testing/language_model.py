"""A scripted language model: it follows the instructions of ``prompted_translator`` in a language
of its own, or answers on order like models that do not.

It knows a few words: ``the house`` is ``thees housees`` in Spanish. Others stay as they are.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field

from schemas.languages import LANGUAGES

END = "<end>"
_WORDS = (
    "a all at big costs garden good great has he hello house i is it man morning of old one or"
    " really said see sees so the three to two we young"
)
KNOWN = frozenset(_WORDS.split())
_WORD = re.compile(r"[a-z]+", re.IGNORECASE)
_INTO = re.compile(r"into ([A-Z][\w ()-]*?)\.")


@dataclass(slots=True)
class ScriptedModel:
    """``answers``: instead of translations, in order. ``repeats``: it says the released text again,
    as many models do. ``asked``: the JSON objects it got; ``instructions``: the last ones."""

    repeats: bool = False
    answers: deque[str] = field(default_factory=deque[str])
    asked: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    instructions: str = ""

    def answer(self, instructions: str, content: str) -> str:
        asked = json.loads(content)
        self.asked.append(asked)
        self.instructions = instructions
        if self.answers:
            return self.answers.popleft()
        into = _INTO.search(instructions)
        assert into is not None, "the instructions name no language"
        code = next(code for code, each in LANGUAGES.items() if each.name == into[1])
        words = _translated(asked["text"], code, asked.get("glossary", {})).split()
        released = asked.get("released", "")
        rest = " ".join(words[len(released.split()) :])
        if released and self.repeats:
            return f"{released} {rest}".strip()
        return rest or END


def _translated(text: str, code: str, glossary: dict[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        word = found[0]
        if word.lower() in glossary:
            return glossary[word.lower()]
        return f"{word}{code}" if word.lower() in KNOWN else word

    return _WORD.sub(one, text)


def tokens_in(text: str) -> int:
    """As many as its text may be, roughly: a token for each four characters."""
    return -(-len(text) // 4)
