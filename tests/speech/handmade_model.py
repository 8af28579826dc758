"""What CTranslate2 models made by hand share: one layer without weights of its own, and the files
that a converter leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import sentencepiece
from ctranslate2.specs import TransformerSpec

LOUD = 100.0
"""So much louder than the rest that a softmax chooses it."""


def bare_transformer(size: int) -> TransformerSpec:
    """One encoder and one decoder layer of this width that pass on what they get: the decoder's
    attention over the source, embeddings and the projection are to be set."""
    spec = TransformerSpec.from_config(num_layers=(1, 1), num_heads=1, pre_norm=True)
    nothing = np.zeros((size, size), np.float32)
    for stack in (spec.encoder, spec.decoder):
        layer = stack.layer[0]
        norms = [stack.layer_norm, layer.self_attention.layer_norm, layer.ffn.layer_norm]
        if stack is spec.decoder:
            norms.append(layer.attention.layer_norm)
        for norm in norms:
            norm.gamma = np.ones(size, np.float32)
            norm.beta = np.zeros(size, np.float32)
        layer.self_attention.linear[0].weight = np.concatenate([nothing] * 3)
        layer.self_attention.linear[1].weight = nothing
        layer.ffn.linear_0.weight = nothing
        layer.ffn.linear_1.weight = nothing
    return spec


def save_transformer(
    spec: TransformerSpec, source: list[str], target: list[str], folder: Path
) -> None:
    """``model.bin`` and vocabularies, as a converter leaves them."""
    spec.register_source_vocabulary(source)
    spec.register_target_vocabulary(target)
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))


def train_pieces(file: Path, lines: list[str], kind: str, pieces: int) -> None:
    """A sentencepiece model in ``file``. ``kind``: char or word."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = file.with_suffix(".txt")
    text.write_text("\n".join(lines))
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(file.with_suffix("")),
        model_type=kind,
        vocab_size=pieces,
        character_coverage=1.0,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    made = file.with_suffix(".model")
    if made != file:
        made.replace(file)
