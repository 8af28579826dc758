"""Files of Firefox's translation models: Marian's parameters and its lexical shortlist."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.interfaces.errors import PermanentError

Floats = NDArray[np.float32]
_FLOATS, _INTEGERS = 0x404, 0x4101
"""Types of an array: of 32 bits, and of 8 bits with one multiplier behind them."""
_EMBEDDINGS = "Wemb"
_SHORTLIST_MAGIC = 0xF11A48D5013417F5
_LEAST_CHOICES = 8
"""The number of choices is a multiple of it, as where these models are run elsewhere."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix: ``integers`` divided by ``multiplier``."""

    integers: NDArray[np.int8]
    multiplier: float


@dataclass(frozen=True, slots=True)
class Parameters:
    floats: dict[str, Floats]
    matrices: dict[str, Quantised]


def read_parameters(file: Path) -> Parameters:
    """PermanentError: the file has another format."""
    content = file.read_bytes()
    floats: dict[str, Floats] = {}
    matrices: dict[str, Quantised] = {}
    try:
        version, count = struct.unpack_from("<QQ", content, 0)
        if version != 1:
            raise PermanentError(f"{file.name} has another format than Marian's first")
        headers = [struct.unpack_from("<4Q", content, 16 + 32 * each) for each in range(count)]
        at = 16 + 32 * count
        names: list[str] = []
        for length, *_ in headers:
            names.append(content[at : at + length - 1].decode())
            at += length
        shapes: list[tuple[int, ...]] = []
        for _, _, rank, _ in headers:
            shapes.append(struct.unpack_from(f"<{rank}i", content, at))
            at += 4 * rank
        at += 8 + struct.unpack_from("<Q", content, at)[0]
        for name, shape, (_, kind, _, length) in zip(names, shapes, headers, strict=True):
            size = int(np.prod(shape))
            if kind == _FLOATS:
                floats[name] = np.frombuffer(content, "<f4", size, at).reshape(shape)
            elif kind == _INTEGERS and size > 1:
                integers = np.frombuffer(content, "i1", size, at)
                (multiplier,) = struct.unpack_from("<f", content, at + size)
                # All but embeddings are stored column by column.
                turned = shape if name == _EMBEDDINGS else shape[::-1]
                matrix = integers.reshape(turned)
                matrices[name] = Quantised(
                    matrix if name == _EMBEDDINGS else matrix.T, float(multiplier)
                )
            at += length
    except (struct.error, ValueError) as error:
        raise PermanentError(f"{file.name} is no model of Marian's: {error}") from None
    return Parameters(floats, matrices)


class Shortlist:
    """The pieces that a text's translation is chosen from: the most frequent ones, those of the
    text itself, and those that each of them is translated with."""

    def __init__(self, file: Path, size: int) -> None:
        content = file.read_bytes()
        magic, _, self._frequent, _, offsets, _ = struct.unpack_from("<6Q", content, 0)
        if magic != _SHORTLIST_MAGIC:
            raise PermanentError(f"{file.name} is no shortlist of Marian's")
        self._offsets = np.frombuffer(content, "<u8", offsets, 48)
        self._targets = np.frombuffer(content, "<u4", offset=48 + 8 * offsets)
        self._size = size

    def choices(self, source: Sequence[int]) -> NDArray[np.intp]:
        chosen = np.zeros(self._size, bool)
        chosen[: self._frequent] = True
        chosen[list(source)] = True
        for piece in set(source):
            chosen[self._targets[self._offsets[piece] : self._offsets[piece + 1]]] = True
        missing = -np.count_nonzero(chosen) % _LEAST_CHOICES
        chosen[np.flatnonzero(~chosen[self._frequent :])[:missing] + self._frequent] = True
        return np.flatnonzero(chosen)
