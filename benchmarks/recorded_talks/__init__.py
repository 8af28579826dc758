"""Talks that people recorded and packages ship, with what is said and reference translations.

The sound is never part of this repository: it is read where its package put it. The texts are
``TALK.LANGUAGE.txt`` in this folder, a sentence (or a long one's clause) a line; line n is the same
sentence in every language. Lines that begin with # tell where a text is from. Translations were
written for this project by a language model and are marked so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from connectors.local.model_store import FOLDER
from local_stack.talk import LIBRIVOX, PAUSE_S, NoTalkError, word_error_rate
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

TEXTS = Path(__file__).parent
LANGUAGES = ("es", "pt", "fr", "ca")
"""Of the reference translations."""
_PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
_NUMBER = re.compile(
    r"\b(?:[0-9][0-9.,]*|zero|oh|one|two|three|four|five|six|seven|eight|nine|twenty|point|hundred)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RecordedTalk:
    """``files``: one after another, with a pause after each. ``install``: what brings them."""

    name: str
    files: tuple[Path, ...]
    install: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said, in English."""
        return text_of(self.name, "en")

    @property
    def reference(self) -> str:
        return " ".join(self.sentences)

    def translation(self, language: str) -> tuple[str, ...]:
        """As many as ``sentences``. FileNotFoundError: none was written."""
        return text_of(self.name, language)

    def pcm(self) -> bytes:
        """Mono s16le at 16 kHz. NoTalkError: the recordings are not on this machine."""
        lacking = [file for file in self.files if not file.is_file()]
        if lacking:
            raise NoTalkError(f"{lacking[0]} is missing: {self.install}")
        pause = bytes(round(PAUSE_S * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE)
        return b"".join(samples_of(file) + pause for file in self.files)


TALKS = {
    talk.name: talk
    for talk in (
        RecordedTalk(
            "dashwood",
            tuple(
                LIBRIVOX / f"sense_and_sensibility_01_austen_64kb-{number}.wav"
                for number in ("0870", "0880", "0890", "0920", "0930")
            ),
            "install the Debian package pocketsphinx-testdata",
        ),
        RecordedTalk(
            "cities",
            (FOLDER / "moonshine-tiny-en/moonshine_voice/assets/two_cities.wav",),
            "run `make models`",
        ),
        RecordedTalk(
            "telephone",
            tuple(
                _PROMPTS / f"{name}.g722"
                for name in ("demo-congrats", "demo-instruct", "demo-echotest")
            ),
            "install the Debian package asterisk-core-sounds-en-g722",
        ),
    )
}


def text_of(talk: str, language: str) -> tuple[str, ...]:
    lines = (TEXTS / f"{talk}.{language}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def samples_of(recording: Path) -> bytes:
    """Mono s16le at 16 kHz of any format that FFmpeg reads."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(str(recording)) as container:
        frames = [done for frame in container.decode(audio=0) for done in resampler.resample(frame)]
        frames += resampler.resample(None)
    return b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames)


def words_wrong(reference: str, recognised: str) -> float:
    """Word error rate without numbers: one engine writes them in digits, another in words."""
    return word_error_rate(_comparable(reference), _comparable(recognised))


def overall(rates: Sequence[tuple[float, int]]) -> float:
    """Of several talks: (rate, words of the reference) each."""
    return sum(rate * words for rate, words in rates) / sum(words for _, words in rates)


def _comparable(text: str) -> str:
    return _NUMBER.sub(" ", re.sub(r"\bMr\b\.?", "Mister", text))
