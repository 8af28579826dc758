"""The process that holds neural translation models: Firefox's, and those that CTranslate2 runs.

fxtranslate keeps Python's global lock while it translates, so it lives outside the worker. A
request is JSON: the model's folder, its engine, the pair, and a text ("" loads the model ahead).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from connectors.interfaces.errors import PermanentError
from connectors.local.engine_process import serve

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
_LONGEST_PIECES = 256
"""Of a CTranslate2 model; longer texts are cut at sentence ends before (``sentences``)."""

Translate = Callable[[str], str]


def load_fxtranslate(folder: Path) -> Translate:
    """A pair in the format of Firefox Translations: model.*, vocab.* or srcvocab.* and trgvocab.*,
    and, when there is one, the lexical shortlist lex.*."""
    from fxtranslate import Translator

    vocabulary = _one(folder, "vocab.*.spm", "srcvocab.*.spm")
    target = _one(folder, "trgvocab.*.spm", "vocab.*.spm")
    shortlist = next(iter(sorted(folder.glob("lex.*.bin"))), None)
    try:
        translator = Translator(
            model=_one(folder, "model.*.bin").read_bytes(),
            src_vocab=vocabulary.read_bytes(),
            trg_vocab=target.read_bytes(),
            shortlist=shortlist.read_bytes() if shortlist else None,
        )
    except ValueError as error:
        raise PermanentError(f"{folder.name} is no model of Firefox's: {error}") from None
    return translator.translate_long


def load_ctranslate2(folder: Path, source: str, target: str) -> Translate:
    """A folder as Argos packages unpack, or of OPUS-MT or NLLB as CTranslate2's converters make
    them (model.bin beside the sentencepiece models)."""
    from ctranslate2 import Translator
    from sentencepiece import SentencePieceProcessor

    model = _one(folder, "model.bin", "model/model.bin", "*/model/model.bin").parent
    root = model.parent if model.name == "model" else model
    config = _config(model)
    start: list[str] = []
    end: list[str] = []
    prefix: list[str] = []
    if (root / "source.spm").is_file():  # OPUS-MT
        into, out = root / "source.spm", root / "target.spm"
        end = [] if config.get("add_source_eos") else [_END]
    elif (root / "sentencepiece.bpe.model").is_file():  # NLLB
        into = out = root / "sentencepiece.bpe.model"
        start, end, prefix = [_nllb(source)], [_END], [_nllb(target)]
    else:  # Argos
        into = out = _one(root, "sentencepiece.model")
    encoder = SentencePieceProcessor(model_file=str(into))
    decoder = SentencePieceProcessor(model_file=str(out))
    translator = Translator(str(model), device="cpu", compute_type="int8", inter_threads=1)

    def translate(text: str) -> str:
        batch = [[*start, *encoder.encode(part, out_type=str), *end] for part in sentences(text)]
        results = translator.translate_batch(
            batch,
            target_prefix=[prefix] * len(batch) if prefix else None,
            max_input_length=_LONGEST_PIECES,
            max_decoding_length=_LONGEST_PIECES,
            beam_size=2,
        )
        marks = {*prefix, _END}
        return " ".join(
            decoder.decode([piece for piece in result.hypotheses[0] if piece not in marks]).strip()
            for result in results
        )

    return translate


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


def _one(folder: Path, *patterns: str) -> Path:
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if found:
            return found[0]
    raise PermanentError(f"{folder} holds no {' or '.join(patterns)}: name another in models.toml")


class TranslationServer:
    """Models by their folders, loaded when first asked for and kept."""

    def __init__(self) -> None:
        self._loaded: dict[str, Translate] = {}

    def __call__(self, request: bytes) -> bytes:
        asked: dict[str, str] = json.loads(request)
        folder = asked["folder"]
        if folder not in self._loaded:
            self._loaded[folder] = self._load(asked)
        return self._loaded[folder](asked["text"]).encode() if asked["text"] else b""

    @staticmethod
    def _load(asked: dict[str, str]) -> Translate:
        folder = Path(asked["folder"])
        try:
            if asked["engine"] == "ctranslate2":
                return load_ctranslate2(folder, asked["source"], asked["target"])
            return load_fxtranslate(folder)
        except ModuleNotFoundError as error:
            raise PermanentError(
                f"the Python package {error.name} is not installed: pip install .[local]"
            ) from None


if __name__ == "__main__":
    serve(int(sys.argv[1]), TranslationServer)
