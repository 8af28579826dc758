"""Text to the phonemes that Kokoro reads, by espeak-ng as a program.

espeak-ng is GPL-3: it runs as a process of its own and is not linked. It says phonemes only, so the
text is cut at punctuation, each stretch is a line of input followed by an empty one, and the marks
are put back between the answers.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from connectors.interfaces.errors import PermanentError, RetryableError

VOCABULARY = {
    sign: number
    for first, signs in {
        1: ";:,.!?",
        9: '—…"()“” \u0303ʣʥʦʨᵝ\uab67AI',
        31: "O",
        33: "Q",
        35: "ST",
        39: "W",
        41: "Yᵊabcdef",
        50: "hijklmnopqrstuvwxyzɑɐɒæ",
        75: "βɔɕç",
        80: "ɖðʤə",
        85: "ɚɛɜ",
        90: "ɟ",
        92: "ɡ",
        99: "ɥ",
        101: "ɨɪʝ",
        110: "ɯɰŋɳɲɴø",
        118: "ɸθœ",
        123: "ɹ",
        125: "ɾɻ",
        128: "ʁɽʂʃʈʧ",
        135: "ʊʋ",
        138: "ʌɣɤ",
        142: "χʎ",
        147: "ʒʔ",
        156: "ˈˌː",
        162: "ʰ",
        164: "ʲ",
        169: "↓",
        171: "→↗↘",
        177: "ᵻ",
    }.items()
    for number, sign in enumerate(signs, first)
}
"""Kokoro's 114 tokens, as its configuration numbers them."""
_JOINED = {
    "a^ɪ": "I",
    "a^ʊ": "W",
    "d^z": "ʣ",
    "d^ʒ": "ʤ",
    "e^ɪ": "A",
    "o^ʊ": "O",
    "ə^ʊ": "Q",
    "t^s": "ʦ",
    "t^ʃ": "ʧ",
    "ɔ^ɪ": "Y",
}
"""Sounds that espeak-ng writes as two letters with a tie, and the model knows as one."""
_MARKS = re.compile(r"([;:,.!?…]+)(?=\s|$)")
_NOT_SPOKEN = re.compile(r"[\[\]{}<>|\\^~*_=¿¡\"“”«»()]+")
_LANGUAGE_SWITCH = re.compile(r"\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Phonemizer:
    """``program`` is espeak-ng or what plays it."""

    program: tuple[str, ...] = ("espeak-ng",)
    timeout_s: float = 5.0

    def phonemes(self, text: str, voice: str) -> str:
        """PermanentError: espeak-ng is missing, or there is nothing to say."""
        spoken = _NOT_SPOKEN.sub(" ", text.replace("\0", " "))
        pieces = _MARKS.split(" ".join(spoken.split()))
        marks = [*pieces[1::2], ""]
        stretches = [
            (stretch.strip(), mark[:1])
            for stretch, mark in zip(pieces[::2], marks, strict=True)
            if any(sign.isalnum() for sign in stretch)
        ]
        spoken_as = self._say([stretch for stretch, _ in stretches], voice) if stretches else []
        joined = " ".join(
            phonemes + mark for phonemes, (_, mark) in zip(spoken_as, stretches, strict=True)
        )
        known = "".join(sign for sign in joined if sign in VOCABULARY)
        clean = " ".join(known.split())
        if not any(sign.isalpha() for sign in clean):
            raise PermanentError("nothing in the text can be voiced")
        return clean

    def _say(self, stretches: list[str], voice: str) -> list[str]:
        lines = "".join(f"{stretch}\n\n" for stretch in stretches)
        try:
            answer = subprocess.run(
                [*self.program, "-q", "--ipa", "--tie=^", "-v", voice],
                input=lines.encode("utf-8", "replace"),
                capture_output=True,
                timeout=self.timeout_s,
                check=True,
            ).stdout.decode("utf-8", "replace")
        except FileNotFoundError:
            raise PermanentError("espeak-ng is not installed (Debian: espeak-ng)") from None
        except (subprocess.SubprocessError, OSError):
            raise RetryableError("espeak-ng gave no phonemes") from None
        answers = [_kokoro(part) for part in answer.split("\n\n")]
        return (answers + [""] * len(stretches))[: len(stretches)]


def _kokoro(ipa: str) -> str:
    phonemes = _LANGUAGE_SWITCH.sub("", ipa.replace("\n", " "))
    for tied, one in _JOINED.items():
        phonemes = phonemes.replace(tied, one)
    return phonemes.replace("^", "").replace("-", "").strip()


def tokens(phonemes: str) -> list[int]:
    return [VOCABULARY[sign] for sign in phonemes if sign in VOCABULARY]


def batches(phonemes: str, longest: int) -> list[str]:
    """At most ``longest`` signs each: cut after punctuation if there is some, else at a space."""
    rest = phonemes.strip()
    cut: list[str] = []
    while len(rest) > longest:
        ends = [found.end() for found in re.finditer(r"[;:,.!?…] ", rest[:longest])]
        at = ends[-1] if ends else rest.rfind(" ", 0, longest)
        at = at if at > 0 else longest
        cut.append(rest[:at].strip())
        rest = rest[at:].strip()
    return [each for each in (*cut, rest) if each]
