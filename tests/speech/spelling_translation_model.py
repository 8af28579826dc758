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
import sentencepiece
from ctranslate2.specs import TransformerSpec

SPELLED: Mapping[str, Mapping[str, str]] = {"es": {}, "fr": {"e": "é", "a": "à"}}
_LETTERS = string.ascii_letters + string.digits + "éà.,;:!?'\"-"
_TOKENS = ["<unk>", "<s>", "</s>", "▁", *_LETTERS]
_PLACES = 272
_SIZE = 384
_LOUD = 100.0


def save_spelling_model(folder: Path, language: str) -> None:
    """A folder as OPUS-MT's converter leaves one."""
    spec = TransformerSpec.from_config(num_layers=(1, 1), num_heads=1, pre_norm=True)
    nothing = np.zeros((_SIZE, _SIZE), np.float32)
    same = np.eye(_SIZE, dtype=np.float32)
    places = same[:_PLACES] * _LOUD
    for stack in (spec.encoder, spec.decoder):
        layer = stack.layer[0]
        norms = [stack.layer_norm, layer.self_attention.layer_norm, layer.ffn.layer_norm]
        if stack is spec.decoder:
            norms.append(layer.attention.layer_norm)
        for norm in norms:
            norm.gamma = np.ones(_SIZE, np.float32)
            norm.beta = np.zeros(_SIZE, np.float32)
        layer.self_attention.linear[0].weight = np.concatenate([nothing] * 3)
        layer.self_attention.linear[1].weight = nothing
        layer.ffn.linear_0.weight = nothing
        layer.ffn.linear_1.weight = nothing
        stack.scale_embeddings = False
        stack.position_encodings.encodings = places
    letters = same[_PLACES : _PLACES + len(_TOKENS)] * _LOUD
    spec.encoder.embeddings[0].weight = letters
    spec.decoder.embeddings.weight = np.zeros_like(letters)
    by_place = np.diag(np.arange(_SIZE) < _PLACES).astype(np.float32)
    attention = spec.decoder.layer[0].attention
    attention.linear[0].weight = by_place * 4
    attention.linear[1].weight = np.concatenate([by_place, same - by_place])
    attention.linear[2].weight = same * 20
    spec.decoder.projection.weight = _readings(SPELLED[language])
    spec.register_source_vocabulary(_TOKENS)
    spec.register_target_vocabulary(_TOKENS)
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    for name in ("source", "target"):
        _save_letters(folder / name)


def _readings(spelled: Mapping[str, str]) -> np.ndarray:
    weights = np.zeros((len(_TOKENS), _SIZE), np.float32)
    for number, token in enumerate(_TOKENS):
        weights[_TOKENS.index(spelled.get(token, token)), _PLACES + number] = 1.0
    # Past the source's end a place reads a little of every letter: it is the end that counts.
    weights[_TOKENS.index("</s>"), _PLACES + _TOKENS.index("</s>")] = 30.0
    return weights


def _save_letters(name: Path) -> None:
    text = name.with_suffix(".txt")
    text.write_text("\n".join(_LETTERS * 2))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(name),
        model_type="char",
        vocab_size=len(_TOKENS),
        character_coverage=1.0,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    name.with_suffix(".model").replace(name.with_suffix(".spm"))
