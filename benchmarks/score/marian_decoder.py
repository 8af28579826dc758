"""Firefox's translation models in numpy, which continue a given beginning of a translation.

The engine that ``--translation=local`` runs them by takes no beginning and does not say how likely
a text is. This one does both: a transformer whose decoder is a simple recurrent unit, so that all
of a given beginning is taken in at once. Matrices are multiplied as integers of 8 bits would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.score.marian_file import Floats, Parameters, Shortlist, read_parameters
from connectors.local.model_files import one_file

HEADS = 8
ENCODER_LAYERS = 6
DECODER_LAYERS = 2
LONGEST_RATIO = 2.5
"""Pieces of a translation for each of its text's."""
_LEAST_PIECES = 10
_SPACE = "▁"
"""A piece that begins with it begins a word."""
_NEVER = -1e9


@dataclass(frozen=True, slots=True)
class _Affine:
    """``weights`` hold whole numbers; ``alpha`` brings the input to such, ``unit`` both back."""

    weights: Floats
    bias: Floats
    alpha: float
    unit: float

    def __call__(self, x: Floats) -> Floats:
        return _rounded(x, self.alpha) @ self.weights * np.float32(self.unit) + self.bias


@dataclass(frozen=True, slots=True)
class _Norm:
    scale: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        apart = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((apart * apart).mean(-1, keepdims=True) + np.float32(1e-9))
        return apart / spread * self.scale + self.bias


@dataclass(frozen=True, slots=True)
class _Attention:
    query: _Affine
    key: _Affine
    value: _Affine
    out: _Affine
    norm: _Norm

    def memory(self, x: Floats) -> tuple[Floats, Floats]:
        return _by_heads(self.key(x)), _by_heads(self.value(x))

    def __call__(self, x: Floats, memory: tuple[Floats, Floats]) -> Floats:
        keys, values = memory
        query = _by_heads(self.query(x))
        weights = query @ keys.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        weights = np.exp(weights - weights.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        joined = (weights @ values).transpose(1, 0, 2).reshape(x.shape)
        return self.norm(self.out(joined) + x)


@dataclass(frozen=True, slots=True)
class _FeedForward:
    inner: _Affine
    outer: _Affine
    norm: _Norm

    def __call__(self, x: Floats) -> Floats:
        return self.norm(self.outer(np.maximum(self.inner(x), 0)) + x)


@dataclass(frozen=True, slots=True)
class _RecurrentUnit:
    new: _Affine
    forget: _Affine
    norm: _Norm

    def __call__(self, x: Floats, cell: Floats) -> tuple[Floats, Floats]:
        """What comes of each input after ``cell``, and the last cell."""
        kept = 1 / (1 + np.exp(-self.forget(x)))
        new = (1 - kept) * self.new(x)
        cells = np.empty_like(x)
        for at in range(len(x)):
            cell = kept[at] * cell + new[at]
            cells[at] = cell
        return self.norm(np.maximum(cells, 0) + x), cell


@dataclass(frozen=True, slots=True)
class _DecoderLayer:
    unit: _RecurrentUnit
    context: _Attention
    feed_forward: _FeedForward


class _Reading:
    """A translation that is being made: the text's memories, and what stands of it so far."""

    def __init__(self, memories: list[tuple[Floats, Floats]], cells: list[Floats]) -> None:
        self.memories = memories
        self.cells = cells
        self.length = 0


class MarianDecoder:
    """A folder with a model as ``make models`` fetches it. PermanentError: it is none."""

    def __init__(self, folder: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        vocabulary = str(one_file(folder, "vocab.*.spm"))
        self._pieces: Any = SentencePieceProcessor(model_file=vocabulary)
        parameters = read_parameters(one_file(folder, "model.*.bin"))
        embeddings = parameters.matrices["Wemb"]
        self._embeddings = embeddings.integers.astype(np.float32)
        self._multiplier = embeddings.multiplier
        self._out_bias = parameters.floats["decoder_ff_logit_out_b"][0].copy()
        self._out_bias[self._pieces.unk_id()] = _NEVER
        self._out_alpha = float(parameters.floats["none_QuantMultA"][0, 0])
        size, self._width = self._embeddings.shape
        self._shortlist = Shortlist(one_file(folder, "lex.*.bin"), size)
        self._begins_word = np.array([_is_apart(self._pieces.id_to_piece(n)) for n in range(size)])
        self._encoder = [
            (
                _attention(parameters, f"encoder_l{number}_self"),
                _feed_forward(parameters, f"encoder_l{number}"),
            )
            for number in range(1, ENCODER_LAYERS + 1)
        ]
        self._decoder = [
            _DecoderLayer(
                _recurrent_unit(parameters, f"decoder_l{number}_rnn"),
                _attention(parameters, f"decoder_l{number}_context"),
                _feed_forward(parameters, f"decoder_l{number}"),
            )
            for number in range(1, DECODER_LAYERS + 1)
        ]

    def translate(self, text: str, released: str = "") -> str:
        """The likeliest translation that begins with ``released``, whose last word does not go
        on."""
        source = self._source(text)
        choices = self._shortlist.choices(source)
        rows = self._embeddings[choices]
        bias = self._out_bias[choices]
        may_follow = np.where(self._begins_word[choices], bias, _NEVER) if released else bias
        reading = self._read(source)
        given: list[int] = self._pieces.encode(released)
        made: list[int] = []
        hidden = self._step(reading, [None, *given])
        longest = int(LONGEST_RATIO * len(source)) + _LEAST_PIECES
        while reading.length <= longest:
            logits = self._logits(hidden[-1:], rows, bias if made else may_follow)
            piece = int(choices[int(logits[0].argmax())])
            if piece == self._pieces.eos_id():
                break
            made.append(piece)
            hidden = self._step(reading, [piece])
        text = self._pieces.decode(made).strip()
        if not released or not text:
            return released or text
        gap = " " if self._pieces.id_to_piece(made[0]).startswith(_SPACE) else ""
        return f"{released}{gap}{text}"

    def log_probabilities(self, text: str, translation: str) -> list[list[float]]:
        """Of each piece of each word of the translation of a text, given what is before it; the
        last is its end's."""
        words: list[list[int]] = [self._pieces.encode(word) for word in translation.split()]
        words.append([self._pieces.eos_id()])
        pieces = [piece for word in words for piece in word]
        hidden = self._step(self._read(self._source(text)), [None, *pieces[:-1]])
        logits = self._logits(hidden, self._embeddings, self._out_bias)
        logits -= logits.max(1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        found = iter(logits[np.arange(len(pieces)), pieces].tolist())
        return [[next(found) for _ in word] for word in words]

    def _source(self, text: str) -> list[int]:
        return [*self._pieces.encode(text), self._pieces.eos_id()]

    def _read(self, source: Sequence[int]) -> _Reading:
        hidden = self._embedded(source) + _positions(0, len(source), self._width)
        for attention, feed_forward in self._encoder:
            hidden = feed_forward(attention(hidden, attention.memory(hidden)))
        memories = [layer.context.memory(hidden) for layer in self._decoder]
        return _Reading(memories, [np.zeros(self._width, np.float32) for _ in self._decoder])

    def _step(self, reading: _Reading, pieces: Sequence[int | None]) -> Floats:
        """Take in what follows; None is the translation's beginning."""
        hidden = self._embedded(pieces) + _positions(reading.length, len(pieces), self._width)
        reading.length += len(pieces)
        for number, layer in enumerate(self._decoder):
            hidden, reading.cells[number] = layer.unit(hidden, reading.cells[number])
            hidden = layer.feed_forward(layer.context(hidden, reading.memories[number]))
        return hidden

    def _embedded(self, pieces: Sequence[int | None]) -> Floats:
        rows = np.zeros((len(pieces), self._width), np.float32)
        for at, piece in enumerate(pieces):
            if piece is not None:
                rows[at] = self._embeddings[piece]
        return rows * np.float32(np.sqrt(self._width) / self._multiplier)

    def _logits(self, hidden: Floats, rows: Floats, bias: Floats) -> Floats:
        unit = 1 / (self._out_alpha * self._multiplier)
        return _rounded(hidden, self._out_alpha) @ rows.T * np.float32(unit) + bias


def _rounded(x: Floats, alpha: float) -> Floats:
    return np.clip(np.rint(x * np.float32(alpha)), -127, 127)


def _by_heads(x: Floats) -> Floats:
    return x.reshape(len(x), HEADS, -1).transpose(1, 0, 2)


def _positions(first: int, count: int, width: int) -> Floats:
    half = width // 2
    rates = np.exp(-np.arange(half) * np.log(10_000) / (half - 1))
    turns = np.arange(first, first + count)[:, None] * rates
    return np.concatenate([np.sin(turns), np.cos(turns)], 1).astype(np.float32)


def _is_apart(piece: str) -> bool:
    """Whether a piece does not go on with the word before it."""
    return piece.startswith(_SPACE) or not any(sign.isalnum() for sign in piece) or piece == "</s>"


def _affine(parameters: Parameters, name: str, bias: str | None) -> _Affine:
    matrix = parameters.matrices[name]
    alpha = float(parameters.floats[f"{name}_QuantMultA"][0, 0])
    return _Affine(
        np.ascontiguousarray(matrix.integers.astype(np.float32)),
        parameters.floats[bias][0] if bias else np.zeros(1, np.float32),
        alpha,
        1 / (alpha * matrix.multiplier),
    )


def _norm(parameters: Parameters, name: str) -> _Norm:
    return _Norm(parameters.floats[f"{name}_ln_scale"][0], parameters.floats[f"{name}_ln_bias"][0])


def _attention(parameters: Parameters, name: str) -> _Attention:
    query, key, value, out = (
        _affine(parameters, f"{name}_W{each}", f"{name}_b{each}") for each in "qkvo"
    )
    return _Attention(query, key, value, out, _norm(parameters, f"{name}_Wo"))


def _feed_forward(parameters: Parameters, name: str) -> _FeedForward:
    inner, outer = (
        _affine(parameters, f"{name}_ffn_W{each}", f"{name}_ffn_b{each}") for each in "12"
    )
    return _FeedForward(inner, outer, _norm(parameters, f"{name}_ffn_ffn"))


def _recurrent_unit(parameters: Parameters, name: str) -> _RecurrentUnit:
    new = _affine(parameters, f"{name}_W", None)
    forget = _affine(parameters, f"{name}_Wf", f"{name}_bf")
    return _RecurrentUnit(new, forget, _norm(parameters, f"{name}_ffn"))
