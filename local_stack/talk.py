"""The demo's talk: read English speech that Debian ships, with its transcript."""

from __future__ import annotations

import re
import wave
from dataclasses import dataclass
from pathlib import Path

import jiwer

from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

LIBRIVOX = Path("/usr/share/pocketsphinx/test/data/librivox")
PAUSE_S = 0.6
_SENTENCE = re.compile(r"<s>(?P<text>.*)</s>\s*\((?P<name>.*)\)")


class NoTalkError(RuntimeError):
    """The recordings are not on this machine."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A WAV file of 16 kHz mono s16le and the words that are said in it."""

    wav: Path
    reference: str
    duration_s: float


def make_talk(wav: Path, recordings: Path = LIBRIVOX, *, sentences: int = 5) -> Talk:
    """Join the first of the five recordings with pauses into ``wav``. NoTalkError: they are not
    installed."""
    transcription = recordings / "transcription"
    if not transcription.exists():
        raise NoTalkError(
            f"{recordings} is missing: install the Debian package pocketsphinx-testdata"
        )
    spoken = [
        (found["name"], found["text"].strip())
        for found in map(_SENTENCE.match, transcription.read_text().splitlines())
        if found
    ][:sentences]
    pause = bytes(round(PAUSE_S * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE)
    pcm = pause.join(_samples(recordings / f"{name}.wav") for name, _ in spoken) + pause
    wav.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(wav), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(BYTES_PER_SAMPLE)
        output.setframerate(SAMPLE_RATE_HZ)
        output.writeframes(pcm)
    return Talk(
        wav,
        " ".join(text for _, text in spoken),
        len(pcm) / BYTES_PER_SAMPLE / SAMPLE_RATE_HZ,
    )


def word_error_rate(reference: str, recognised: str) -> float:
    """Substitutions, deletions and insertions per word of ``reference``; case is no error."""
    return float(jiwer.wer(_plain(reference), _plain(recognised)))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def _samples(recording: Path) -> bytes:
    with wave.open(str(recording), "rb") as source:
        shape = (source.getframerate(), source.getnchannels(), source.getsampwidth())
        if shape != (SAMPLE_RATE_HZ, 1, BYTES_PER_SAMPLE):
            raise NoTalkError(f"{recording}: {shape}, expected 16 kHz mono of 16 bits")
        return source.readframes(source.getnframes())
