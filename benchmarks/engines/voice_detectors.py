"""Voice detectors on the same speech: pauses found and invented, beginnings cut, delay and cost.

python -m benchmarks.engines.voice_detectors

All go through the smoothing that the job uses. ``webrtcvad`` takes part where it is installed
(``uv pip install webrtcvad-wheels`` into an environment of its own), Silero's after `make models`.
What a detector means for the words that are recognised: ``benchmarks.engines.voice_words``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.engines.voice_candidates import Candidate, candidates, measure_silero_batches
from benchmarks.engines.voice_material import (
    NOISES,
    QUIET_RMS,
    Material,
    Span,
    at_level,
    read_with_pauses,
    under_noise,
)
from benchmarks.tables import save, show
from connectors.offline.voice_activity import WebrtcVoiceActivityFactory
from connectors.offline.voice_smoother import Smoother
from schemas.values import SAMPLE_RATE_HZ

SNRS_DB = (20, 10)
PAUSE_SAMPLES = round(0.3 * SAMPLE_RATE_HZ)
"""Silence between two words that is to be found."""
FOUND_SAMPLES = round(0.2 * SAMPLE_RATE_HZ)
"""It is found when so much of it is decided to be no voice."""
INSIDE_SAMPLES = round(0.1 * SAMPLE_RATE_HZ)
"""So much silence inside one word is invented; less is how well words can be aligned."""
TIMES = 3


@dataclass(frozen=True, slots=True)
class Decided:
    """A run, and how many samples had been heard when it was decided."""

    first_sample: int
    end_sample: int
    is_voice: bool
    heard_sample: int


@dataclass(frozen=True, slots=True)
class Finding:
    """``invented``: words with a pause inside. ``speech_missed``: share of the words' samples that
    is decided to be no voice; ``onset_cut_ms``: of the beginning of a word behind a pause, worst.
    ``late_ms``: from 0.2 s behind a word until 0.2 s of pause are known, median and worst.
    ``cpu_ms_per_s``: with the smoothing, of audio."""

    detector: str
    material: str
    pauses: int
    found: int
    invented: int
    speech_missed: float
    onset_cut_ms: float
    late_ms: float
    worst_late_ms: float
    cpu_ms_per_s: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """The chosen detector, for many streams at once, a quarter of a second after another."""

    streams: int
    cpu_ms_per_s: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Report:
    findings: list[Finding]
    crowd: Crowd
    silero_batches: dict[int, float]


def decide(candidate: Candidate, pcm: bytes) -> list[Decided]:
    is_speech, smoother = candidate.open(), Smoother(candidate.rule)
    size = 2 * candidate.frame_samples
    decided: list[Decided] = []
    through = 0
    for at in range(0, len(pcm) - size + 1, size):
        for frames, is_voice in smoother.hear(is_speech(pcm[at : at + size])):
            end = through + frames * candidate.frame_samples
            decided.append(Decided(through, end, is_voice, (at + size) // 2))
            through = end
    return decided


def measure(candidate: Candidate, material: Material) -> Finding:
    pcm = material.pcm
    cpu_s: list[float] = []
    decided: list[Decided] = []
    for _ in range(TIMES):
        started_s = time.process_time()
        decided = decide(candidate, pcm)
        cpu_s.append(time.process_time() - started_s)
    is_voice = np.ones(len(material.samples), dtype=np.bool_)
    for run in decided:
        is_voice[run.first_sample : run.end_sample] = run.is_voice
    pauses = material.pauses(PAUSE_SAMPLES)
    lates = [_late(pause, decided) for pause in pauses]
    late_ms = [late * 1000 / SAMPLE_RATE_HZ for late in lates if late is not None]
    behind = {start for _, start in pauses}
    cut = [
        _leading_silence(is_voice[start:end]) for start, end in material.words if start in behind
    ]
    missed = [int(np.count_nonzero(~is_voice[start:end])) for start, end in material.words]
    return Finding(
        candidate.name,
        material.name,
        len(pauses),
        len(late_ms),
        sum(
            _longest_silence(is_voice[start:end]) >= INSIDE_SAMPLES for start, end in material.words
        ),
        sum(missed) / sum(end - start for start, end in material.words),
        max(cut) * 1000 / SAMPLE_RATE_HZ,
        statistics.median(late_ms) if late_ms else float("nan"),
        max(late_ms, default=float("nan")),
        min(cpu_s) * 1000 / material.duration_s,
    )


def measure_crowd(material: Material, streams: int = 1_000) -> Crowd:
    factory = WebrtcVoiceActivityFactory()
    process = psutil.Process()
    before = process.memory_info().rss
    detectors = [factory.detector() for _ in range(streams)]
    pcm, step = material.pcm, SAMPLE_RATE_HZ // 2
    chunks = [pcm[at : at + step] for at in range(0, 12 * step, step)]
    started_s = time.process_time()
    for chunk in chunks:
        for detector in detectors:
            detector.hear(chunk)
    cpu_s = time.process_time() - started_s
    heard_s = streams * sum(map(len, chunks)) / 2 / SAMPLE_RATE_HZ
    memory_mb = (process.memory_info().rss - before) / 1e6
    return Crowd(streams, cpu_s * 1000 / heard_s, memory_mb)


def _late(pause: Span, decided: list[Decided]) -> int | None:
    """Samples heard beyond the pause's first 0.2 s until 0.2 s of silence in it are decided."""
    silent = 0
    for run in decided:
        if run.is_voice:
            silent = 0
            continue
        silent += max(0, min(run.end_sample, pause[1]) - max(run.first_sample, pause[0]))
        if silent >= FOUND_SAMPLES:
            return run.heard_sample - pause[0] - FOUND_SAMPLES
    return None


def _leading_silence(is_voice: NDArray[np.bool_]) -> int:
    return int(np.argmax(is_voice)) if is_voice.any() else len(is_voice)


def _longest_silence(is_voice: NDArray[np.bool_]) -> int:
    """Between voice and voice: at a word's edges the alignment may err."""
    at = np.flatnonzero(is_voice)
    return int(np.diff(at).max()) - 1 if len(at) > 1 else len(is_voice)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/voice_detectors.json"))
    parser.add_argument("--only", default="", help="detectors whose name contains this")
    options = parser.parse_args()
    clean = read_with_pauses()
    materials = [
        clean,
        *(at_level(clean, rms) for rms in QUIET_RMS),
        *(under_noise(clean, noise, snr) for noise in NOISES for snr in SNRS_DB),
    ]
    findings: list[Finding] = []
    hits: list[tuple[object, ...]] = []
    costs: list[tuple[object, ...]] = []
    for candidate in candidates():
        if options.only not in candidate.name:
            continue
        own = [measure(candidate, material) for material in materials]
        findings += own
        hits.append((candidate.name, *(f"{each.found}-{each.invented}" for each in own)))
        costs.append(
            (
                candidate.name,
                f"{statistics.median(each.cpu_ms_per_s for each in own):.2f}",
                f"{own[0].late_ms:.0f}",
                f"{own[0].onset_cut_ms:.0f}",
                f"{max(each.onset_cut_ms for each in own):.0f}",
            )
        )
    show(
        f"pauses found (of {findings[0].pauses}) - words with a pause inside",
        ("detector", *(each.name.removesuffix(" dB") for each in materials)),
        hits,
    )
    show(
        "CPU in ms for a second of audio; known late and beginning cut, in ms",
        ("detector", "CPU", "late, clean", "cut, clean", "cut, worst"),
        costs,
    )
    crowd = measure_crowd(clean)
    print(
        f"{crowd.streams} streams of the chosen one: {crowd.cpu_ms_per_s:.2f} ms of CPU a second "
        f"of audio, {crowd.memory_mb:.1f} MB"
    )
    batches = measure_silero_batches(clean.samples)
    for batch, cpu_ms in batches.items():
        print(f"silero, {batch} streams in a call: {cpu_ms:.2f} ms of CPU a second of audio")
    save(options.out, Report(findings, crowd, batches))


if __name__ == "__main__":
    main()
