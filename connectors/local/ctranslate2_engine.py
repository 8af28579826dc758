"""Translation models of OPUS-MT, NLLB and Argos, as CTranslate2 runs them.

They continue a given beginning (``target_prefix``) and say how likely they find a translation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.calls.translation_check import is_unspaced
from connectors.interfaces.errors import PermanentError
from connectors.local.model_files import one_file

NLLB_CODES = {
    "ar": "arb_Arab",
    "ca": "cat_Latn",
    "de": "deu_Latn",
    "en": "eng_Latn",
    "es": "spa_Latn",
    "fr": "fra_Latn",
    "gl": "glg_Latn",
    "hi": "hin_Deva",
    "it": "ita_Latn",
    "ja": "jpn_Jpan",
    "ko": "kor_Hang",
    "nl": "nld_Latn",
    "pl": "pol_Latn",
    "pt": "por_Latn",
    "tr": "tur_Latn",
    "zh": "zho_Hans",
}
_END = "</s>"
_SPACE = "▁"
"""Of sentencepiece: a piece that begins with it begins a word."""
_LONGEST_PIECES = 256
"""Of a text; longer ones are cut at sentence ends before (``sentences``)."""


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Marks that a model wants around the pieces of a text, and before its translation's."""

    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()


class CTranslate2Model:
    """A folder as Argos packages unpack, or of OPUS-MT or NLLB as CTranslate2's converters make
    them (model.bin beside the sentencepiece models). PermanentError: it is none of these."""

    def __init__(self, folder: Path, source: str, target: str) -> None:
        from ctranslate2 import Translator
        from sentencepiece import SentencePieceProcessor

        model = one_file(folder, "model.bin", "model/model.bin", "*/model/model.bin").parent
        root = model.parent if model.name == "model" else model
        if (root / "source.spm").is_file():  # OPUS-MT
            into, out = root / "source.spm", root / "target.spm"
            self._marks = _Pieces(end=() if _config(model).get("add_source_eos") else (_END,))
        elif (root / "sentencepiece.bpe.model").is_file():  # NLLB
            into = out = root / "sentencepiece.bpe.model"
            self._marks = _Pieces((_nllb(source),), (_END,), (_nllb(target),))
        else:  # Argos
            into = out = one_file(root, "sentencepiece.model")
            self._marks = _Pieces()
        self._encoder = SentencePieceProcessor(model_file=str(into))
        self._decoder = SentencePieceProcessor(model_file=str(out))
        self._translator = Translator(
            str(model), device="cpu", compute_type="int8", inter_threads=1
        )
        self._parts_words = not is_unspaced(target)

    def translate(self, asked: Sequence[tuple[str, str]]) -> list[str]:
        """Of each (text, the beginning of its translation or ""), all in one batch."""
        parts = [
            (number, part, released)
            for number, (text, released) in enumerate(asked)
            for part in ([text] if released else sentences(text))
        ]
        prefixes = [
            [*self._marks.prefix, *self._decoder.encode(released, out_type=str)]
            for _, _, released in parts
        ]
        results = self._translator.translate_batch(
            [self._source(part) for _, part, _ in parts],
            target_prefix=prefixes if any(prefixes) else None,
            max_input_length=_LONGEST_PIECES,
            max_decoding_length=_LONGEST_PIECES,
            beam_size=2,
        )
        found: list[list[str]] = [[] for _ in asked]
        for (number, _, released), prefix, result in zip(parts, prefixes, results, strict=True):
            pieces = [piece for piece in result.hypotheses[0][len(prefix) :] if piece != _END]
            found[number].append(self._text(released, pieces))
        return [" ".join(each) for each in found]

    def word_probabilities(self, text: str, translation: str) -> list[float]:
        """For each word of the translation, 0 to 1, given the words before it."""
        words = [self._decoder.encode(word, out_type=str) for word in translation.split()]
        target = [*self._marks.prefix, *(piece for word in words for piece in word)]
        (scored,) = self._translator.score_batch(
            [self._source(text)],
            [target],
            max_input_length=_LONGEST_PIECES,
            offset=len(self._marks.prefix),
        )
        logs = iter(scored.log_probs)
        return [math.exp(sum(next(logs) for _ in word)) for word in words]

    def _source(self, text: str) -> list[str]:
        marks = self._marks
        return [*marks.start, *self._encoder.encode(text, out_type=str), *marks.end]

    def _text(self, released: str, pieces: list[str]) -> str:
        """What is released stands as it was told: its last word does not go on."""
        if released and self._parts_words:
            pieces = _from_next_word(pieces)
        text = self._decoder.decode(pieces).strip()
        if not released or not text:
            return released or text
        is_apart = pieces[0].startswith(_SPACE) and not released[-1].isspace()
        return f"{released} {text}" if is_apart else f"{released}{text}"


def _from_next_word(pieces: list[str]) -> list[str]:
    for at, piece in enumerate(pieces):
        if piece.startswith(_SPACE) or not any(sign.isalnum() for sign in piece):
            return pieces[at:]
    return []


def sentences(text: str) -> list[str]:
    """Cut after sentence ends: these models know single sentences."""
    parts: list[str] = []
    begin = 0
    for at, sign in enumerate(text):
        if sign in ".!?…。！？" and text[at + 1 : at + 2].isspace():
            parts.append(text[begin : at + 1].strip())
            begin = at + 1
    return [part for part in (*parts, text[begin:].strip()) if part]


def _config(model: Path) -> dict[str, Any]:
    file = model / "config.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def _nllb(language: str) -> str:
    if language not in NLLB_CODES:
        raise PermanentError(f"no code of NLLB's for language {language!r}")
    return NLLB_CODES[language]
