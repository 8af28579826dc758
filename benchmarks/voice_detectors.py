"""Voice detectors on the same speech: pauses found and invented, beginnings cut, delay and cost.

python -m benchmarks.voice_detectors

CPU in ms for a second of audio, ``late`` and ``cut`` in ms (see ``Finding``), in the clean speech.
All go through the smoothing that the job uses. ``webrtcvad`` and ``silero`` take part where they
are installed: ``uv pip install webrtcvad-wheels onnxruntime`` and ``uv pip install --no-deps
silero-vad`` into an environment of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from pocketsphinx import Vad

from benchmarks.tables import save, show
from benchmarks.voice_material import NOISES, Material, Span, read_with_pauses, under_noise
from connectors.voice_smoothing import Smoother, SmoothingRule
from connectors.webrtc_voice_activity import (
    WebrtcVoiceActivityFactory,
    WebrtcVoiceActivitySettings,
)
from schemas.values import SAMPLE_RATE_HZ

SNRS_DB = (20, 10)
PAUSE_SAMPLES = round(0.3 * SAMPLE_RATE_HZ)
"""Silence between two words that is to be found."""
FOUND_SAMPLES = round(0.2 * SAMPLE_RATE_HZ)
"""It is found when so much of it is decided to be no voice."""
INSIDE_SAMPLES = round(0.1 * SAMPLE_RATE_HZ)
"""So much silence inside one word is invented; less is how well words can be aligned."""
TIMES = 3

Frames = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """``open``: a new detector, that answers for one frame after another."""

    name: str
    frame_ms: int
    rule: SmoothingRule
    open: Callable[[], Frames]

    @property
    def frame_samples(self) -> int:
        return self.frame_ms * SAMPLE_RATE_HZ // 1000


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


def candidates() -> Iterator[Candidate]:
    chosen = WebrtcVoiceActivitySettings()
    for frame_ms in (10, 20, 30):
        for mode in range(4):
            yield Candidate(
                f"pocketsphinx mode {mode}, {frame_ms} ms",
                frame_ms,
                _in_frames(chosen, frame_ms),
                partial(_open_pocketsphinx, mode, frame_ms),
            )
    if importlib.util.find_spec("webrtcvad"):
        yield Candidate(
            f"webrtcvad mode {chosen.mode}, {chosen.frame_ms} ms",
            chosen.frame_ms,
            chosen.rule,
            partial(_open_webrtcvad, chosen.mode),
        )
    if importlib.util.find_spec("silero_vad") and importlib.util.find_spec("onnxruntime"):
        open_silero = partial(_open_silero, _load_silero())
        yield Candidate("silero, 32 ms", 32, _in_frames(chosen, 32), open_silero)
        yield Candidate("silero, least smoothed", 32, SmoothingRule(1, 1, 1, 2, 0), open_silero)


def _in_frames(chosen: WebrtcVoiceActivitySettings, frame_ms: int) -> SmoothingRule:
    """The chosen rule in frames of another length, rounded up."""

    def frames(count: int) -> int:
        return -(-count * chosen.frame_ms // frame_ms)

    rule = chosen.rule
    window = frames(rule.onset_window_frames)
    return SmoothingRule(
        max(1, min(window, round(rule.onset_frames / rule.onset_window_frames * window))),
        window,
        frames(rule.margin_frames),
        frames(rule.hangover_frames),
        frames(rule.tail_frames),
    )


def _open_pocketsphinx(mode: int, frame_ms: int) -> Frames:
    return Vad(mode, SAMPLE_RATE_HZ, frame_ms / 1000).is_speech


def _open_webrtcvad(mode: int) -> Frames:
    detector: Any = import_module("webrtcvad").Vad(mode)
    return lambda frame: detector.is_speech(frame, SAMPLE_RATE_HZ)


def _load_silero() -> Callable[..., Any]:
    onnx: Any = import_module("onnxruntime")
    options = onnx.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # silero_vad itself would import torch: only its file is wanted.
    found = importlib.util.find_spec("silero_vad")
    assert found is not None
    assert found.origin is not None
    model = Path(found.origin).parent / "data" / "silero_vad_16k_op15.onnx"
    return onnx.InferenceSession(str(model), options, providers=["CPUExecutionProvider"]).run


def _open_silero(run: Callable[..., Any]) -> Frames:
    state = np.zeros((2, 1, 128), dtype=np.float32)
    before = np.zeros((1, 64), dtype=np.float32)
    rate = np.array(SAMPLE_RATE_HZ, dtype=np.int64)

    def is_speech(frame: bytes) -> bool:
        nonlocal state, before
        samples = np.frombuffer(frame, dtype="<i2").astype(np.float32)[None] / 32768
        heard = np.concatenate([before, samples], axis=1)
        before = heard[:, -64:]
        likely, state = run(None, {"input": heard, "state": state, "sr": rate})
        return bool(likely[0, 0] >= 0.5)

    return is_speech


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/voice_detectors.json"))
    parser.add_argument("--only", default="", help="detectors whose name contains this")
    options = parser.parse_args()
    clean = read_with_pauses()
    materials = [clean, *(under_noise(clean, noise, snr) for noise in NOISES for snr in SNRS_DB)]
    findings: list[Finding] = []
    rows: list[tuple[object, ...]] = []
    for candidate in candidates():
        if options.only not in candidate.name:
            continue
        own = [measure(candidate, material) for material in materials]
        findings += own
        quiet = own[0]
        rows.append(
            (
                candidate.name,
                f"{statistics.median(each.cpu_ms_per_s for each in own):.2f}",
                f"{quiet.late_ms:.0f}",
                f"{quiet.onset_cut_ms:.0f}",
                f"{max(each.onset_cut_ms for each in own):.0f}",
                *(f"{each.found}-{each.invented}" for each in own),
            )
        )
    columns = ("detector", "CPU", "late", "cut", "worst", *(each.name for each in materials))
    pauses = findings[0].pauses
    show(f"pauses found (of {pauses}) - words with a pause inside", columns, rows)
    crowd = measure_crowd(clean)
    print(
        f"{crowd.streams} streams of the chosen one: {crowd.cpu_ms_per_s:.2f} ms of CPU a second "
        f"of audio, {crowd.memory_mb:.1f} MB"
    )
    save(options.out, Report(findings, crowd))


if __name__ == "__main__":
    main()
