"""From what was told and when, to what the job added. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.footprint import Footprint, total
from benchmarks.overhead.stand_ins import RECOGNITION_S, SPEECH_S, TRANSLATION_S
from local_stack.latency import percentile

WAITS = ("capture", "window")
"""The chunk's own audio; the utterance's own audio and its pane."""
SIMULATED_MS = (RECOGNITION_S + TRANSLATION_S + SPEECH_S) * 1000


@dataclass(frozen=True, slots=True)
class Load:
    """``growth_ms``: by how much the last third was slower than the first, in the median."""

    sessions: int
    clips: int
    skipped: int
    added_p50_ms: float
    added_p99_ms: float
    added_max_ms: float
    growth_ms: float
    stages_p50_ms: Mapping[str, float]
    stages_p99_ms: Mapping[str, float]
    cores: float
    memory_mb: float


def added_ms(stages_ms: Mapping[str, float]) -> float:
    """Of one notification; what was begun before it was asked for may make up for it."""
    spent = sum(spent for stage, spent in stages_ms.items() if stage not in WAITS)
    return max(0.0, spent - SIMULATED_MS)


def judge(
    sessions: int,
    heard: Sequence[Mapping[str, object]],
    footprints: Mapping[str, Footprint],
) -> Load:
    """``heard``: the notes of the measured time, in order."""
    stages: dict[str, list[float]] = defaultdict(list)
    added: list[float] = []
    for note in heard:
        spent = note["stages"]
        if note["type"] != "translatedAudio" or not isinstance(spent, dict):
            continue
        of_stage = {str(stage): float(ms) for stage, ms in spent.items()}
        added.append(added_ms(of_stage))
        for stage, ms in of_stage.items():
            stages[stage].append(ms)
    third = len(added) // 3
    growth_ms = median(added[-third:]) - median(added[:third]) if third else 0.0
    whole = total(footprints)
    return Load(
        sessions,
        len(added),
        len(heard) - len(added),
        percentile(added, 0.5),
        percentile(added, 0.99),
        max(added, default=0.0),
        growth_ms,
        {stage: percentile(values, 0.5) for stage, values in stages.items()},
        {stage: percentile(values, 0.99) for stage, values in stages.items()},
        whole.cores,
        whole.memory_mb,
    )
