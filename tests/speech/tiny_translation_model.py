"""A CTranslate2 model that knows three words, made by hand so that no weights are downloaded.

Its layers pass on what they get: an embedding is one number in a place of its own, attention over
the source adds the places of its words, and the projection reads a translation off them, then the
end. A language's code in front of the translation prefers that language's words.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.speech.handmade_model import LOUD, bare_transformer, save_transformer, train_pieces

WORDS = {
    "house": {"es": "casa", "fr": "maison"},
    "garden": {"es": "huerto", "fr": "jardin"},
    "water": {"es": "agua", "fr": "eau"},
}
CODES = {"en": "eng_Latn", "es": "spa_Latn", "fr": "fra_Latn"}
_MARKS = ["<unk>", "<s>", "</s>"]
_SOURCE = [*_MARKS, *CODES.values(), *(f"▁{word}" for word in WORDS)]
_TARGET = [
    *_MARKS,
    *CODES.values(),
    *(f"▁{word}" for words in WORDS.values() for word in words.values()),
]
_SIZE = 32


def save_model(folder: Path) -> None:
    """``model.bin`` and vocabularies, as a converter leaves them."""
    spec = bare_transformer(_SIZE)
    places = np.eye(_SIZE, dtype=np.float32) * LOUD
    spec.encoder.embeddings[0].weight = places[: len(_SOURCE)]
    spec.decoder.embeddings.weight = places[len(_SOURCE) : len(_SOURCE) + len(_TARGET)]
    attention = spec.decoder.layer[0].attention
    same = np.eye(_SIZE, dtype=np.float32)
    nothing = np.zeros((_SIZE, _SIZE), np.float32)
    attention.linear[0].weight = nothing
    attention.linear[1].weight = np.concatenate([nothing, same])
    attention.linear[2].weight = same * 2 * LOUD
    spec.decoder.projection.weight = _readings()
    save_transformer(spec, _SOURCE, _TARGET, folder)


def _readings() -> np.ndarray:
    """How much each target token follows from a source word, and from the token before it."""
    weights = np.zeros((len(_TARGET), _SIZE), np.float32)
    for word, translations in WORDS.items():
        for language, translation in translations.items():
            target = _TARGET.index(f"▁{translation}")
            weights[target, _SOURCE.index(f"▁{word}")] = 3.0
            weights[target, len(_SOURCE) + _TARGET.index(CODES[language])] = 1.0
            weights[_TARGET.index("</s>"), len(_SOURCE) + target] = 40.0
    weights[_TARGET.index("▁casa"), len(_SOURCE) + _TARGET.index("<s>")] = 0.1
    return weights


def save_pieces(file: Path) -> None:
    """A sentencepiece model whose pieces are whole words, of both languages."""
    words = [*WORDS, *(each for words in WORDS.values() for each in words.values())]
    train_pieces(file, words * 3, "word", len(words) + 3)
