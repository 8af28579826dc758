"""What a listener would gain if Kokoro's phrases were handed on in parts, as each is made.

python -m benchmarks.engines.voice_parts [--texts FILE]

Kokoro makes a phrase in one run of its model, so that a first part is a run of its own: the phrase
is cut in the middle, between words. Times are the CPU seconds of one thread, which are seconds of
a core that is free. ``--texts``: a file with a phrase a line, in Portuguese.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from connectors.audio.mp3 import RATE_HZ, encode_clip
from connectors.local.loudness import level
from connectors.local.model_store import ModelStore, read_manifest
from connectors.local.voice_process import KokoroVoices, load

OUTPUT = Path("build/voice_parts.json")
LANGUAGE = "pt"
PHRASES = (
    "prudentemente em seu poder",
    "Se ele tivesse se casado",
    "uma mulher mais amável,",
    "Ele poderia até ter sido",
    "então lazer para considerar como muito",
    "tornado ainda mais respeitável do que era.",
    "A menos que ser um pouco egoísta",
    "Ele não era um jovem mal disposto,",
    "pode haver prudentemente em seu poder para fazer",
    "a menos que ser frio de coração e",
    "Se ele tivesse se casado com uma mulher mais amável,",
    "E o senhor John Dashwood tinha então lazer para considerar",
    "ele poderia ter sido tornado ainda mais respeitável do que era.",
    "um pouco egoísta é ser mal disposto, e ele não o era.",
    "E o senhor John Dashwood tinha então lazer para considerar quanto poderia haver prudentemente "
    "em seu poder para fazer por eles.",
    "Ele não era um jovem mal disposto, a menos que ser um tanto frio de coração e um tanto "
    "egoísta seja ser mal disposto.",
    "Se ele tivesse se casado com uma mulher mais amável, ele poderia ter sido tornado ainda mais "
    "respeitável do que era.",
)
LONG_WORDS = 13
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Parted:
    """Seconds. ``whole_s``: until all of it is made at once; ``first_s``: until its first half is;
    ``rest_s``: for the other half. ``speech_s``, ``parted_speech_s``: how long they are to hear.
    ``finish_s``: of ``whole_s``, levelling and encoding."""

    words: int
    whole_s: float
    first_s: float
    rest_s: float
    speech_s: float
    parted_speech_s: float
    finish_s: float

    @property
    def gap_s(self) -> float:
        """Silence between the parts on a core that is free: the second is made while the first is
        heard."""
        first_speech_s = self.parted_speech_s * self.first_s / (self.first_s + self.rest_s)
        return max(0.0, self.rest_s - first_speech_s)


def _timed(voices: KokoroVoices, text: str) -> tuple[float, float]:
    """Seconds to make it, seconds of speech."""
    began_s = time.process_time()
    clip = voices.speak(text, LANGUAGE)
    return time.process_time() - began_s, clip.duration_s


def _finish_s(seconds: float) -> float:
    tone = 0.1 * np.sin(np.arange(int(seconds * RATE_HZ)) * 0.05).astype(np.float32)
    began_s = time.process_time()
    encode_clip(level(tone, RATE_HZ), 48_000, made_by="Kokoro")
    return time.process_time() - began_s


def measure(voices: KokoroVoices, text: str) -> Parted:
    words = text.split()
    halves = " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])
    found: list[tuple[tuple[float, float], ...]] = [
        tuple(_timed(voices, part) for part in (text, *halves)) for _ in range(ROUNDS)
    ]
    whole_s, first_s, rest_s = (
        statistics.median(run[number][0] for run in found) for number in range(3)
    )
    speech_s, first_speech_s, rest_speech_s = (each[1] for each in found[0])
    finish_s = statistics.median(_finish_s(speech_s) for _ in range(ROUNDS))
    return Parted(
        len(words), whole_s, first_s, rest_s, speech_s, first_speech_s + rest_speech_s, finish_s
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=Path)
    given = parser.parse_args()
    texts = given.texts.read_text().splitlines() if given.texts else PHRASES
    store = ModelStore(read_manifest())
    (model,) = store.manifest.of_kind("voice")[:1]
    store.require(model)
    voices = load(store.folder_of(model), 1)
    assert isinstance(voices, KokoroVoices)
    voices.speak("um dois três", LANGUAGE)
    found = [measure(voices, text) for text in texts if len(text.split()) > 1]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(each) for each in found], indent=1))
    print("words  whole  first  rest  more CPU  speech  in parts  gap  of whole: level, encode")
    for each in sorted(found, key=lambda each: each.words):
        more = (each.first_s + each.rest_s) / each.whole_s - 1
        print(
            f"{each.words:5d}  {each.whole_s:5.2f}  {each.first_s:5.2f}  {each.rest_s:4.2f}"
            f"  {more:8.0%}  {each.speech_s:6.2f}  {each.parted_speech_s:8.2f}"
            f"  {each.gap_s:3.1f}  {each.finish_s:.3f}"
        )
    for name, of in (
        (f"under {LONG_WORDS} words", [each for each in found if each.words < LONG_WORDS]),
        ("longer", [each for each in found if each.words >= LONG_WORDS]),
    ):
        if of:
            print(f"{name}: {_summary(of)}")


def _summary(found: Sequence[Parted]) -> str:
    whole_s = sum(each.whole_s for each in found)
    in_parts_s = sum(each.first_s + each.rest_s for each in found)
    speech_s = sum(each.speech_s for each in found)
    parted_speech_s = sum(each.parted_speech_s for each in found)
    earlier_s = statistics.median(each.whole_s - each.first_s for each in found)
    return (
        f"first sound {earlier_s:.2f} s earlier (p50), CPU {in_parts_s / whole_s - 1:+.0%}, "
        f"speech {parted_speech_s / speech_s - 1:+.0%}"
    )


if __name__ == "__main__":
    main()
