"""Text translation without a network: Apertium's installed pairs, chained where none is direct.

Text travels in Apertium's stream format; the case that recognised text has is kept.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.translation import NO_HINTS, TranslationAbilities, TranslationHints
from connectors.offline.translation_process import ModePipeline
from schemas.languages import LANGUAGES

_ESCAPED = re.compile(r"([/$@])")
_DROPPED = re.compile(r"[\[\]{}<>^\\|~*#_=]")
"""Signs of the stream format and of its marks that nobody speaks; the rest is escaped."""
_TAG = re.compile(r"<[^<>]*>")
_MARK = re.compile(r"(?<![^\s(\"'¿¡-])[*@#]+(?=\w)")
_I = re.compile(r"\bi\b")
_SPACE_BEFORE_PUNCTUATION = re.compile(r"\s+(?=[.,;:!?](?:\s|$))")


def to_stream(text: str, source: str) -> str:
    """One line without any sign that the stream format would take for its own."""
    printable = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co") else character
        for character in unicodedata.normalize("NFC", text)
    )
    line = " ".join(_DROPPED.sub(" ", printable).split())
    if source == "en":
        line = _I.sub("I", line)  # recognised text has no capitals; Apertium knows only "I"
    return _ESCAPED.sub(r"\\\1", line)


def from_stream(answer: str) -> str:
    """Without escapes, tags, blanks and marks (``*unknown``, ``@untransferred``, ``#unformed``)."""
    unescaped = re.sub(r"\\(.)", r"\1", _TAG.sub("", answer.replace("[]", "")))
    line = " ".join(_MARK.sub("", unescaped).split())
    return _SPACE_BEFORE_PUNCTUATION.sub("", line)


def match_case(translated: str, source: str) -> str:
    """Apertium begins sentences with capitals where it sees fit; follow the source instead.

    A source without any capital (recognised speech) gets none but in words that are all capitals.
    Otherwise the first letter follows the source's first.
    """
    if source == source.lower():
        words = translated.split(" ")
        return " ".join(word if _is_acronym(word) else word.lower() for word in words)
    first = next((character for character in source if character.isalpha()), "")
    if first.isupper():
        return translated[:1].upper() + translated[1:]
    return translated


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and word.isupper()


@dataclass(frozen=True, slots=True)
class OfflineTranslatorSettings:
    """``pipelines_per_mode``: a text takes 1 to 3 ms, a pipeline 45 to 630 MB (ca-fr)."""

    modes_dir: str = "/usr/share/apertium/modes"
    pipelines_per_mode: int = 1
    answer_timeout_s: float = 3.0
    start_timeout_s: float = 30.0
    longest_text: int = 5_000


def find_modes(names: Iterable[str]) -> dict[tuple[str, str], str]:
    """(source, target) by our codes -> the mode's name. Variants (``eng-cat_valencia``) are out."""
    code_of = {name: code for code, language in LANGUAGES.items() for name in language.apertium}
    modes: dict[tuple[str, str], str] = {}
    for name in sorted(names):
        source, _, target = name.partition("-")
        if source in code_of and target in code_of:
            modes[code_of[source], code_of[target]] = name
    return modes


def shortest_route(
    pairs: Iterable[tuple[str, str]], source: str, target: str
) -> tuple[str, ...] | None:
    """The languages from source to target, both included; the first in order of equal ones."""
    ordered = sorted(pairs)
    routes: deque[tuple[str, ...]] = deque([(source,)])
    seen = {source}
    while routes:
        route = routes.popleft()
        for _, following in (pair for pair in ordered if pair[0] == route[-1]):
            if following == target:
                return (*route, following)
            if following not in seen:
                seen.add(following)
                routes.append((*route, following))
    return None


class OfflineTranslator:
    """Pipelines start when a pair is first asked for, or by ``warm``, and are kept."""

    def __init__(self, settings: OfflineTranslatorSettings | None = None) -> None:
        self._settings = settings or OfflineTranslatorSettings()
        self._modes_dir = Path(self._settings.modes_dir)
        self._mode_of = find_modes(path.stem for path in self._modes_dir.glob("*.mode"))
        self._modes: dict[tuple[str, str], _Mode] = {}
        self._is_closed = False

    @property
    def abilities(self) -> TranslationAbilities:
        return TranslationAbilities()

    def can_translate(self, source: str, target: str) -> bool:
        return source != target and shortest_route(self._mode_of, source, target) is not None

    async def warm(self, source: str, target: str) -> None:
        """Have the route's dictionaries loaded before the first text."""
        await asyncio.gather(*(mode.warm() for mode in self._route(source, target)))

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        route = self._route(source, target)
        if not text.strip():
            raise PermanentError("no text to translate")
        if len(text) > self._settings.longest_text:
            raise PermanentError(f"{len(text)} characters; at most {self._settings.longest_text}")
        if not any(character.isalnum() for character in text):
            return text.strip()
        translated = text
        for mode in route:
            answer = from_stream(await mode.translate(to_stream(translated, mode.source)))
            # Words that a pair does not know at all stay as they are rather than disappear.
            translated = answer or translated
        return match_case(translated, text)

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(*(mode.close() for mode in self._modes.values()))

    def _route(self, source: str, target: str) -> list[_Mode]:
        if self._is_closed:
            raise PermanentError("this translator is closed")
        languages = shortest_route(self._mode_of, source, target) if source != target else None
        if languages is None:
            raise PermanentError(f"no route from {source!r} to {target!r}")
        return [self._mode(pair) for pair in pairwise(languages)]

    def _mode(self, pair: tuple[str, str]) -> _Mode:
        if pair not in self._modes:
            mode_file = self._modes_dir / f"{self._mode_of[pair]}.mode"
            self._modes[pair] = _Mode(pair[0], mode_file, self._settings)
        return self._modes[pair]


@dataclass(slots=True)
class _Mode:
    """The pipelines of one pair: at most ``pipelines_per_mode``, each with one text at a time."""

    source: str
    mode_file: Path
    settings: OfflineTranslatorSettings
    _turn: asyncio.Semaphore = field(init=False)
    _idle: list[ModePipeline] = field(default_factory=list[ModePipeline])
    _starting: asyncio.Task[None] | None = None
    _is_closed: bool = False

    def __post_init__(self) -> None:
        self._turn = asyncio.Semaphore(self.settings.pipelines_per_mode)

    async def warm(self) -> None:
        async with self._turn:
            await self._ready()

    async def translate(self, text: str) -> str:
        async with self._turn:
            await self._ready()
            pipeline = self._idle.pop()
            try:
                async with asyncio.timeout(self.settings.answer_timeout_s):
                    translated = await pipeline.translate(text)
            except BaseException as error:
                await pipeline.stop()
                if isinstance(error, TimeoutError):
                    raise RetryableError("a translation program gave no answer") from None
                raise
            if self._is_closed:
                await pipeline.stop()
            else:
                self._idle.append(pipeline)
            return translated

    async def close(self) -> None:
        self._is_closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        while self._idle:
            await self._idle.pop().stop()

    async def _ready(self) -> None:
        """At least one idle pipeline. A caller that gives up does not stop the start: loading
        may take longer than a caller's patience, and would never come to its end."""
        while not self._idle:
            if self._is_closed:
                raise PermanentError("this translator is closed")
            if self._starting is None or self._starting.done():
                self._starting = asyncio.create_task(self._start())
            await asyncio.shield(self._starting)

    async def _start(self) -> None:
        try:
            async with asyncio.timeout(self.settings.start_timeout_s):
                self._idle.append(await ModePipeline.start(self.mode_file))
        except TimeoutError:
            raise RetryableError("translation programs did not start in time") from None
