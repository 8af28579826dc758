"""Talks with the time of each word, and translations that were recorded of their texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

MATERIAL = Path(__file__).parent / "material"
REFERENCES = MATERIAL / "references"
"""Translations that were written for this repository, by a folder a language and a line a sentence.
No engine has seen them."""

ORIGINAL = "en"
"""The language that the talks were given in."""
ENGINES = {
    "en-pt": "neural",
    "pt-en": "neural",
    "en-es": "neural, then Apertium",
    "en-ca": "neural, then Apertium",
    "en-fr": "Apertium",
}
"""Whose translations were recorded: all are routes of ``--translation=local``, as in the demo."""
NEURAL = tuple(pair for pair, engine in ENGINES.items() if engine == "neural")
"""Of these, all talks were recorded; of the others those with references."""


class Translate(Protocol):
    def __call__(self, text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        """``is_unfinished``: as an engine is told of a sentence that goes on. ``released``: what an
        engine that continues a given beginning begins its answer with."""
        ...


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word with its marks; seconds from the talk's beginning."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpokenTalk:
    """``words`` are those of all ``sentences``, in order."""

    name: str
    sentences: tuple[str, ...]
    words: tuple[SpokenWord, ...]

    @property
    def speech_s(self) -> float:
        return self.words[-1].end_s - self.words[0].start_s


def read_talks(file: Path) -> tuple[SpokenTalk, ...]:
    """ValueError: the words of a talk are not those of its sentences."""
    found: dict[str, Any] = json.loads(file.read_text())
    talks = tuple(
        SpokenTalk(
            name,
            tuple(talk["sentences"]),
            tuple(SpokenWord(text, start_s, end_s) for text, start_s, end_s in talk["words"]),
        )
        for name, talk in found.items()
    )
    for talk in talks:
        if " ".join(talk.sentences).split() != [word.text for word in talk.words]:
            raise ValueError(f"{file}: the words of {talk.name} are not its sentences'")
    return talks


def read_material_talks(source: str = ORIGINAL) -> tuple[SpokenTalk, ...]:
    """All talks as they were given; in another language those that have a translation into it."""
    talks = read_talks(MATERIAL / "talks-en.json")
    if source == ORIGINAL:
        return talks
    folder = REFERENCES / source
    return tuple(turned(talk, references_of(talk, folder)) for talk in referenced(talks, source))


def turned(talk: SpokenTalk, sentences: Sequence[str]) -> SpokenTalk:
    """The talk as if it had been given in its translation: each sentence takes the time that the
    original took, and a word its share by letters."""
    words: list[SpokenWord] = []
    place = 0
    for original, sentence in zip(talk.sentences, sentences, strict=True):
        spoken = talk.words[place : place + len(original.split())]
        place += len(spoken)
        texts = sentence.split()
        ends = list(accumulate(len(text) for text in texts))
        begin_s, length_s = spoken[0].start_s, spoken[-1].end_s - spoken[0].start_s
        for text, end in zip(texts, ends, strict=True):
            from_s = begin_s + length_s * (end - len(text)) / ends[-1]
            words.append(SpokenWord(text, from_s, begin_s + length_s * end / ends[-1]))
    return SpokenTalk(talk.name, tuple(sentences), tuple(words))


def references_of(talk: SpokenTalk, folder: Path) -> list[str]:
    """ValueError: the talk's file has another number of lines than the talk has sentences."""
    lines = (folder / f"{talk.name}.txt").read_text().splitlines()
    if len(lines) != len(talk.sentences):
        raise ValueError(f"{talk.name}.txt: {len(lines)} lines, {len(talk.sentences)} sentences")
    return lines


def referenced(
    talks: Iterable[SpokenTalk], language: str, folder: Path = REFERENCES
) -> tuple[SpokenTalk, ...]:
    """Those of which the folder has a translation into ``language``."""
    there = {file.stem for file in (folder / language).glob("*.txt")}
    return tuple(talk for talk in talks if talk.name in there)


UNFINISHED = " …"
"""At the end of a recorded text of which the engine was told that its sentence goes on."""
GIVEN = " → "
"""Behind a recorded text, and in front of the beginning that its translation was given."""


class RecordedTranslations:
    """Texts and their translations by one engine. A text that is not among them is an error, or is
    translated and added where there is an ``engine``; of unfinished texts apart where an engine is
    told of them, and of texts whose translation was given a beginning what follows it. ``kind``:
    ``continuations`` are those of an engine that takes such beginnings."""

    def __init__(
        self,
        pair: str,
        engine: Translate | None = None,
        material: Path = MATERIAL,
        kind: str = "translations",
    ) -> None:
        self._file = material / f"{kind}-{pair}.jsonl"
        self._tells_unfinished = "neural" in ENGINES[pair]
        self._engine = engine
        self._asked: set[str] = set()
        self._known: dict[str, str] = {}
        if self._file.exists():
            lines = (json.loads(line) for line in self._file.read_text().splitlines())
            self._known = dict(lines)

    def __call__(self, text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        key = f"{text}{UNFINISHED}" if is_unfinished and self._tells_unfinished else text
        if released:
            key += f"{GIVEN}{released}"
        if key not in self._known:
            if self._engine is None:
                raise KeyError(
                    f"{self._file.name} has no translation of a text of {len(text)} signs"
                )
            answer = self._engine(text, is_unfinished=is_unfinished, released=released)
            if not answer.startswith(released):
                raise ValueError(f"{self._file.name}: an answer begins otherwise than it was given")
            self._known[key] = answer[len(released) :]
        self._asked.add(key)
        return f"{released}{self._known[key]}"

    def save(self) -> None:
        """A line for each text that was asked for, in order."""
        pairs = sorted((key, self._known[key]) for key in self._asked)
        lines = (json.dumps(pair, ensure_ascii=False) for pair in pairs)
        self._file.write_text("".join(f"{line}\n" for line in lines))


def counted(translate: Translate, calls: list[str]) -> Translate:
    """``translate``, noting each text that it is given in ``calls``."""

    def counting(text: str, *, is_unfinished: bool = False, released: str = "") -> str:
        calls.append(text)
        return translate(text, is_unfinished=is_unfinished, released=released)

    return counting
