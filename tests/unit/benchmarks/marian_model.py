"""A folder with a model as Firefox's are, of chance, for a few words or letters."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

WORDS = ("a", "casa", "velha", "caiu", "the", "old", "house", "fell")
WIDTH, INNER = 16, 24
EMBEDDINGS = 400.0
SEED = 3
_MAGIC = 0xF11A48D5013417F5


def write_model(folder: Path, pieces: str, chosen: dict[int, list[int]] | None = None) -> None:
    """``pieces``: ``word`` or ``char``. ``chosen``: the shortlist by pieces; None: all stand in
    it."""
    name = folder / "vocab.enpt"
    SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS)] * 2),
        model_prefix=str(name),
        model_type=pieces,
        vocab_size=len(WORDS) + 3 if pieces == "word" else 20,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "vocab.enpt.model").rename(folder / "vocab.enpt.spm")
    size = SentencePieceProcessor(model_file=str(folder / "vocab.enpt.spm")).get_piece_size()
    (folder / "model.enpt.bin").write_bytes(_model(size))
    (folder / "lex.enpt.bin").write_bytes(_shortlist(size, chosen))


def _shortlist(size: int, chosen: dict[int, list[int]] | None) -> bytes:
    lists = [(chosen or {}).get(piece, []) for piece in range(size)]
    offsets = np.cumsum([0, *map(len, lists)]).astype("<u8")
    targets = np.array([piece for each in lists for piece in each], "<u4")
    frequent = size if chosen is None else 1
    head = struct.pack("<6Q", _MAGIC, 0, frequent, 0, len(offsets), len(targets))
    return head + offsets.tobytes() + targets.tobytes()


def _model(size: int) -> bytes:
    chance = np.random.default_rng(SEED)
    arrays: list[tuple[str, int, tuple[int, ...], bytes]] = []

    def floats(name: str, *shape: int, value: float | None = None) -> None:
        found = chance.normal(0, 0.1, shape) if value is None else np.full(shape, value)
        arrays.append((name, 0x404, shape, found.astype("<f4").tobytes()))

    def matrix(name: str, rows: int, columns: int, multiplier: float = 60.0) -> None:
        found = chance.integers(-40, 41, (rows, columns)).astype("i1")
        content = found.tobytes() + struct.pack("<f", multiplier)
        arrays.append((name, 0x4101, (rows, columns), content))
        floats(f"{name}_QuantMultA", 1, 1, value=15.0)

    def norm(name: str) -> None:
        floats(f"{name}_ln_scale", 1, WIDTH, value=1.0)
        floats(f"{name}_ln_bias", 1, WIDTH)

    def attention(name: str) -> None:
        for each in "qkvo":
            matrix(f"{name}_W{each}", WIDTH, WIDTH)
            floats(f"{name}_b{each}", 1, WIDTH)
        norm(f"{name}_Wo")

    def feed_forward(name: str) -> None:
        for each, rows, columns in (("1", WIDTH, INNER), ("2", INNER, WIDTH)):
            matrix(f"{name}_ffn_W{each}", rows, columns)
            floats(f"{name}_ffn_b{each}", 1, columns)
        norm(f"{name}_ffn_ffn")

    # So small that a word does not ask for itself again.
    matrix("Wemb", size, WIDTH, EMBEDDINGS)
    floats("decoder_ff_logit_out_b", 1, size, value=0.0)
    floats("none_QuantMultA", 1, 1, value=15.0)
    for number in range(1, 7):
        attention(f"encoder_l{number}_self")
        feed_forward(f"encoder_l{number}")
    for number in (1, 2):
        attention(f"decoder_l{number}_context")
        feed_forward(f"decoder_l{number}")
        for each in ("W", "Wf"):
            matrix(f"decoder_l{number}_rnn_{each}", WIDTH, WIDTH)
        floats(f"decoder_l{number}_rnn_bf", 1, WIDTH)
        norm(f"decoder_l{number}_rnn_ffn")
    names = [name.encode() + b"\0" for name, *_ in arrays]
    heads = (
        struct.pack("<4Q", len(name), kind, len(shape), len(data))
        for name, (_, kind, shape, data) in zip(names, arrays, strict=True)
    )
    shapes = (struct.pack(f"<{len(shape)}i", *shape) for _, _, shape, _ in arrays)
    content = struct.pack("<QQ", 1, len(arrays)) + b"".join([*heads, *names, *shapes])
    return content + struct.pack("<Q", 5) + bytes(5) + b"".join(data for *_, data in arrays)
