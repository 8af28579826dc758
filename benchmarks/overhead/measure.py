"""From what was told and when, to what the job added and whether it keeps up. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.footprint import Footprint, total
from benchmarks.overhead.notes import Notification
from benchmarks.overhead.stand_ins import RECOGNITION_S, SPEECH_S, TRANSLATION_S
from benchmarks.overhead.talkers import INGEST_MS
from local_stack.latency import percentile

WAITS = ("capture", "window")
"""The chunk's own audio; the utterance's own audio and its pane."""
SIMULATED_MS = (RECOGNITION_S + TRANSLATION_S + SPEECH_S) * 1000 + INGEST_MS
BEHIND_MS = 10_000.0
"""A load is given up when so much is added in the median: voice itself is given up at 15 s."""
GROWING_MS = 300.0
"""More than that between the first third of a run and the last is a backlog that grows."""
RECENT_MS = 10_000.0
GRACE_MS = 30_000.0
"""No run is given up before: what piled up while all began may be worked off by then."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """A job's since ``before``; sizes (of what Flink stored) and times (end to end) are of all
    since it was submitted. Flink counts as failed what it could not begin before all tasks ran."""

    completed: int = 0
    failed: int = 0
    size_p50_kb: float = 0.0
    size_max_kb: float = 0.0
    duration_p50_ms: float = 0.0
    duration_max_ms: float = 0.0

    @classmethod
    def from_rest(cls, answer: Mapping[str, Any], before: Mapping[str, Any]) -> Checkpoints:
        """Answers of ``/jobs/ID/checkpoints``; values that Flink does not know are 0."""
        counts, earlier, summary = answer["counts"], before["counts"], answer["summary"]
        size, duration = summary["state_size"], summary["end_to_end_duration"]
        return cls(
            counts["completed"] - earlier["completed"],
            counts["failed"] - earlier["failed"],
            _number(size["p50"]) / 1024,
            _number(size["max"]) / 1024,
            _number(duration["p50"]),
            _number(duration["max"]),
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """What the job took: by role, by worker process (busiest first), and of Flink's checkpoints."""

    footprints: Mapping[str, Footprint] = field(default_factory=dict)
    worker_cores: tuple[float, ...] = ()
    checkpoints: Checkpoints = field(default_factory=Checkpoints)


@dataclass(frozen=True, slots=True)
class Load:
    """Of ``measured_s``. ``growth_ms``: by how much the last third was slower than the first, in
    the median. ``gave_up``: why the run was ended early; empty: it was not."""

    sessions: int
    measured_s: float
    clips: int
    skipped: int
    added_p50_ms: float
    added_p99_ms: float
    added_max_ms: float
    growth_ms: float
    gave_up: str
    stages_p50_ms: Mapping[str, float]
    stages_p99_ms: Mapping[str, float]
    machine: Machine

    @property
    def cores(self) -> float:
        return total(self.machine.footprints).cores

    @property
    def memory_mb(self) -> float:
        return total(self.machine.footprints).memory_mb

    @property
    def keeps_up(self) -> bool:
        return bool(self.clips) and not self.gave_up and self.growth_ms <= GROWING_MS

    @property
    def growth_ms_per_s(self) -> float:
        """The middles of the first and the last third are two thirds of the run apart."""
        return self.growth_ms / (self.measured_s * 2 / 3) if self.measured_s else 0.0

    def verdict(self) -> str:
        if self.keeps_up:
            return "keeps up"
        if not self.clips:
            return f"nothing was heard; {self.gave_up or 'it was too short'}"
        rate = f"backlog grows by {self.growth_ms_per_s:.0f} ms a second"
        return f"falls behind: {rate}" + (f"; {self.gave_up}" if self.gave_up else "")

    def flat(self) -> dict[str, float]:
        """Keys for ``build/bench.json``; no times where nothing was told."""
        suffix = f"{self.sessions}_sessions"
        times = {"p50_ms": self.added_p50_ms, "p99_ms": self.added_p99_ms} if self.clips else {}
        figures = times | {
            "keeps_up": int(self.keeps_up),
            "growth_ms": round(self.growth_ms, 1),
            "growth_ms_per_s": round(self.growth_ms_per_s, 2),
            "measured_s": round(self.measured_s, 1),
            "clips": self.clips,
            "skipped": self.skipped,
            "cores": round(self.cores, 3),
            "memory_mb": round(self.memory_mb, 1),
            "checkpoints_failed": self.machine.checkpoints.failed,
            "checkpoint_size_max_kb": round(self.machine.checkpoints.size_max_kb, 1),
            "checkpoint_duration_p50_ms": round(self.machine.checkpoints.duration_p50_ms),
            "checkpoint_duration_max_ms": round(self.machine.checkpoints.duration_max_ms),
        }
        for role, each in self.machine.footprints.items():
            name = role.replace(" ", "_")
            figures[f"{name}_cores"] = round(each.cores, 3)
            figures[f"{name}_memory_mb"] = round(each.memory_mb, 1)
        return {f"overhead_{name}_{suffix}": value for name, value in figures.items()}


def added_ms(stages_ms: Mapping[str, float], simulated_ms: float = SIMULATED_MS) -> float:
    """Of one notification; what was begun before it was asked for may make up for it."""
    spent = sum(spent for stage, spent in stages_ms.items() if stage not in WAITS)
    return max(0.0, spent - simulated_ms)


class NotificationTimes:
    """What was told from ``began_ms`` on, in columns: ten minutes of a thousand sessions are most
    of a million notifications."""

    def __init__(self, began_ms: float) -> None:
        self._began_ms = began_ms
        self._at_ms = array("d")
        self._added_ms = array("d")
        self._skipped_at_ms = array("d")
        self._stages_ms: dict[str, array[float]] = {}

    def add(self, told: Notification) -> None:
        if told.at_ms < self._began_ms:
            return
        if told.stages is None:
            self._skipped_at_ms.append(told.at_ms)
            return
        self._at_ms.append(told.at_ms)
        self._added_ms.append(added_ms(told.stages))
        for stage, spent_ms in told.stages.items():
            self._stages_ms.setdefault(stage, array("d")).append(spent_ms)

    def hopeless(self, now_ms: float) -> str:
        """Why there is no use in going on; empty: there is, or it is too early to say."""
        if now_ms - self._began_ms < GRACE_MS:
            return ""
        clips = _since(self._at_ms, now_ms - RECENT_MS)
        skipped = _since(self._skipped_at_ms, now_ms - RECENT_MS)
        if not clips + skipped:
            return f"nobody was told anything for {RECENT_MS / 1000:.0f} s"
        if skipped > clips:
            return f"{skipped} of the last {skipped + clips} outcomes were given up"
        recent_ms = median(self._added_ms[len(self._added_ms) - clips :])
        before = _since(self._at_ms, now_ms - 2 * RECENT_MS)
        earlier = self._added_ms[len(self._added_ms) - before : len(self._added_ms) - clips]
        is_shrinking = bool(earlier) and recent_ms < 0.9 * median(earlier)
        if recent_ms > BEHIND_MS and not is_shrinking:
            return f"the last ones were {recent_ms / 1000:.0f} s late"
        return ""

    def load(self, sessions: int, ended_ms: float, machine: Machine, gave_up: str = "") -> Load:
        added = self._added_ms
        third = len(added) // 3
        growth_ms = median(added[-third:]) - median(added[:third]) if third else 0.0
        return Load(
            sessions,
            (ended_ms - self._began_ms) / 1000,
            len(added),
            len(self._skipped_at_ms),
            percentile(added, 0.5),
            percentile(added, 0.99),
            max(added, default=0.0),
            growth_ms,
            gave_up,
            {stage: percentile(values, 0.5) for stage, values in self._stages_ms.items()},
            {stage: percentile(values, 0.99) for stage, values in self._stages_ms.items()},
            machine,
        )


def _number(value: Any) -> float:
    """Flink writes ``"NaN"`` where nothing was measured."""
    return 0.0 if value == "NaN" else float(value)


def _since(times_ms: array[float], from_ms: float) -> int:
    """How many of these, which are in order, are later."""
    count = 0
    while count < len(times_ms) and times_ms[-1 - count] >= from_ms:
        count += 1
    return count
