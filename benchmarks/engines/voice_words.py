"""What a voice detector means for what is recognised: words lost in speech, words made up in noise.

python -m benchmarks.engines.voice_words    (after `make models`)

The audio goes through the detector and the job's gate in chunks of 0.1 s, and what is let through
to Moonshine. A word is lost when less than half of it is let through; the word error rate is of all
that was recognised. Each result that is final and has words would be a clip or more.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines.voice_material import (
    NOISES,
    QUIET_RMS,
    Material,
    at_level,
    noise_alone,
    read_sentences,
    read_with_pauses,
    under_noise,
)
from benchmarks.tables import save, show
from connectors.interfaces.voice_activity import VoiceActivityFactory
from connectors.local.engines import LocalSpeech
from connectors.local.speech_to_text import LocalSpeechToText, LocalSpeechToTextSettings
from connectors.offline.voice_activity import WebrtcVoiceActivityFactory
from local_stack.talk import word_error_rate
from pipelines.segmentation.voice_gate import VoiceGate
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

CHUNK_SAMPLES = SAMPLE_RATE_HZ // 10
NOISE_S = 60.0
NOISE_RMS = (0.003, 0.02, 0.1)
SNR_DB = 10


@dataclass(frozen=True, slots=True)
class SpeechFinding:
    detector: str
    material: str
    words: int
    lost: int
    word_error_rate: float


@dataclass(frozen=True, slots=True)
class NoiseFinding:
    """Of 60 s without speech. ``through_s``: what reached the recogniser."""

    detector: str
    noise: str
    rms: float
    through_s: float
    results_with_words: int
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    speech: list[SpeechFinding]
    noise: list[NoiseFinding]


def let_through(factory: VoiceActivityFactory, pcm: bytes) -> NDArray[np.bool_]:
    """One flag a sample: whether the gate sends it to the recogniser."""
    detector, gate = factory.detector(), VoiceGate(0)
    is_sent = np.zeros(len(pcm) // BYTES_PER_SAMPLE, np.bool_)
    for first in range(0, len(is_sent), CHUNK_SAMPLES):
        end = min(first + CHUNK_SAMPLES, len(is_sent))
        gate.decided(detector.hear(pcm[first * BYTES_PER_SAMPLE : end * BYTES_PER_SAMPLE]))
        for sent_from, sent_to in gate.ranges(end):
            is_sent[sent_from:sent_to] = True
    return is_sent


def words_lost(material: Material, is_sent: NDArray[np.bool_]) -> int:
    return sum(2 * int(is_sent[start:end].sum()) < end - start for start, end in material.words)


async def recognised(pcm: bytes) -> list[str]:
    """The texts of the final results that have words."""
    if not pcm:
        return []
    recogniser = LocalSpeechToText(LocalSpeechToTextSettings(most_steps=1))
    stream = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)

    async def speak() -> None:
        step = CHUNK_SAMPLES * BYTES_PER_SAMPLE
        for at in range(0, len(pcm), step):
            await stream.send(pcm[at : at + step])
        await stream.finish()

    speaking = asyncio.create_task(speak())
    texts = [
        " ".join(word.text for word in result.words)
        async for result in stream
        if result.is_final and result.words
    ]
    await speaking
    await recogniser.close()
    return texts


async def of_speech(
    name: str, factory: VoiceActivityFactory, materials: Sequence[Material], reference: str
) -> list[SpeechFinding]:
    findings: list[SpeechFinding] = []
    for material in materials:
        is_sent = let_through(factory, material.pcm)
        samples = np.frombuffer(material.pcm, "<i2")[is_sent]
        text = " ".join(await recognised(samples.tobytes())).replace("Mr.", "mister")
        findings.append(
            SpeechFinding(
                name,
                material.name,
                len(material.words),
                words_lost(material, is_sent),
                word_error_rate(reference, text),
            )
        )
    return findings


async def of_noise(name: str, factory: VoiceActivityFactory) -> list[NoiseFinding]:
    findings: list[NoiseFinding] = []
    for noise in NOISES:
        for rms in NOISE_RMS:
            pcm = noise_alone(noise, NOISE_S, rms)
            is_sent = let_through(factory, pcm)
            sent = np.frombuffer(pcm, "<i2")[is_sent].tobytes()
            texts = await recognised(sent)
            through_s = float(is_sent.sum()) / SAMPLE_RATE_HZ
            findings.append(
                NoiseFinding(name, noise, rms, through_s, len(texts), " / ".join(texts))
            )
    return findings


async def run(out: Path) -> None:
    clean = read_with_pauses()
    reference = " ".join(sentence.text for sentence in read_sentences())
    materials = [
        clean,
        *(at_level(clean, rms) for rms in QUIET_RMS),
        *(under_noise(clean, noise, SNR_DB) for noise in NOISES),
    ]
    detectors: dict[str, VoiceActivityFactory] = {
        "webrtc": WebrtcVoiceActivityFactory(),
        "silero": LocalSpeech().open_voice_activity(),
    }
    speech = [
        await of_speech(name, factory, materials, reference) for name, factory in detectors.items()
    ]
    noise = [await of_noise(name, factory) for name, factory in detectors.items()]
    show(
        f"words lost at the gate (of {len(clean.words)}) - word error rate",
        ("detector", *(each.name for each in materials)),
        [
            (own[0].detector, *(f"{each.lost} - {each.word_error_rate:.1%}" for each in own))
            for own in speech
        ],
    )
    show(
        f"of {NOISE_S:g} s without speech: seconds let through - results with words",
        ("detector", *(f"{each.noise} {each.rms:g}" for each in noise[0])),
        [
            (
                own[0].detector,
                *(f"{each.through_s:.1f} - {each.results_with_words}" for each in own),
            )
            for own in noise
        ],
    )
    save(out, Report([one for own in speech for one in own], [one for own in noise for one in own]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/voice_words.json"))
    asyncio.run(run(parser.parse_args().out))


if __name__ == "__main__":
    main()
