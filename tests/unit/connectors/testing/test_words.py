"""The words in the samples: what was written is read, and only what is whole."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connectors.testing.words import (
    WordReader,
    write_silence,
    write_talk,
    write_word,
    write_words,
)

pytestmark = pytest.mark.unit


def read(pcm: bytes, piece_bytes: int = 1 << 20) -> list[str]:
    reader = WordReader()
    pieces = [pcm[at : at + piece_bytes] for at in range(0, len(pcm), piece_bytes)]
    return [word.text for piece in pieces for word in reader.read(piece)]


@pytest.mark.parametrize("piece_bytes", [2, 26, 3_200, 1 << 20])
def test_words_and_times_are_read_as_written(piece_bytes: int) -> None:
    pcm, words = write_words(14_998, 5, word_s=0.01, gap_s=0.0)
    reader = WordReader()
    found = [
        word
        for at in range(0, len(pcm), piece_bytes)
        for word in reader.read(pcm[at : at + piece_bytes])
    ]
    assert tuple(found) == words
    assert [word.text for word in found] == ["w14998", "w14999", "w0", "w1", "w2"]


def test_a_talk_is_the_same_for_the_same_seed_and_reads_back() -> None:
    pcm, words = write_talk(60, seed=7, first_word=100)
    assert (pcm, words) == write_talk(60, seed=7, first_word=100)
    assert pcm != write_talk(60, seed=8, first_word=100)[0]
    assert read(pcm) == [word.text for word in words]
    assert 50 < len(pcm) / 32_000 <= 60
    pauses = [later.start_s - earlier.end_s for earlier, later in pairwise(words)]
    assert max(pauses) >= 0.4
    assert min(pauses) < 0.1


@pytest.mark.parametrize("cut_samples", [1, 100, 159])
def test_half_a_word_is_no_word(cut_samples: int) -> None:
    word, after = write_word(7, 0.01), write_word(8, 0.01)
    assert read(word[2 * cut_samples :] + after) == ["w8"]
    assert read(after + word[: 2 * cut_samples]) == ["w8"]


def test_two_halves_of_different_words_are_no_word() -> None:
    """As behind a hole in the audio."""
    before, after = write_word(7, 0.5), write_word(8, 0.5)
    half = len(before) // 4 * 2
    assert read(before[:half] + after[half:] + write_word(9, 0.1)) == ["w9"]


def test_silence_holds_nothing() -> None:
    assert read(write_silence(1.0)) == []


def test_a_word_too_short_for_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="3 samples"):
        write_word(1, 0.0001)
