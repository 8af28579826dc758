"""A CTranslate2 model that spells its text anew, letter by letter, made by hand without weights.

Its decoder at place n reads the source's letter at place n: attention from place to place, and a
projection that turns a letter into the target language's. So a beginning that it is given stands,
and it goes on with the source's letters from there.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.speech.handmade_model import LOUD, bare_transformer, save_transformer, train_pieces

SPELLED: Mapping[str, Mapping[str, str]] = {"es": {}, "fr": {"e": "é", "a": "à"}}
_LETTERS = string.ascii_letters + string.digits + "éà.,;:!?'\"-"
_TOKENS = ["<unk>", "<s>", "</s>", "▁", *_LETTERS]
_PLACES = 272
_SIZE = 384


def save_spelling_model(folder: Path, language: str) -> None:
    """A folder as OPUS-MT's converter leaves one."""
    spec = bare_transformer(_SIZE)
    same = np.eye(_SIZE, dtype=np.float32)
    for stack in (spec.encoder, spec.decoder):
        stack.scale_embeddings = False
        stack.position_encodings.encodings = same[:_PLACES] * LOUD
    letters = same[_PLACES : _PLACES + len(_TOKENS)] * LOUD
    spec.encoder.embeddings[0].weight = letters
    spec.decoder.embeddings.weight = np.zeros_like(letters)
    by_place = np.diag(np.arange(_SIZE) < _PLACES).astype(np.float32)
    attention = spec.decoder.layer[0].attention
    attention.linear[0].weight = by_place * 4
    attention.linear[1].weight = np.concatenate([by_place, same - by_place])
    attention.linear[2].weight = same * 20
    spec.decoder.projection.weight = _readings(SPELLED[language])
    save_transformer(spec, _TOKENS, _TOKENS, folder)
    for name in ("source", "target"):
        train_pieces(folder / f"{name}.spm", list(_LETTERS * 2), "char", len(_TOKENS))


def _readings(spelled: Mapping[str, str]) -> np.ndarray:
    weights = np.zeros((len(_TOKENS), _SIZE), np.float32)
    for number, token in enumerate(_TOKENS):
        weights[_TOKENS.index(spelled.get(token, token)), _PLACES + number] = 1.0
    # Past the source's end a place reads a little of every letter: it is the end that counts.
    weights[_TOKENS.index("</s>"), _PLACES + _TOKENS.index("</s>")] = 30.0
    return weights
