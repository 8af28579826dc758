"""CPU and memory of everything a local stack runs, by what it is."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

_ROLES = (
    ("flink", "flink-job-server.jar"),
    ("worker pool", "beam_flink_kit.worker_pool"),
    ("worker", "beam_flink_kit.worker_template"),
    ("worker", "beam-worker"),
    ("local cloud", "ministack"),
    ("gateway", "ingest_gateway"),
    ("recogniser", "offline_decoder_process"),
    ("translation", "apertium"),
    ("translation", "lt-proc"),
    ("voice", "espeak-ng"),
)
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Footprint:
    """``cores``: CPU seconds a second. ``memory_mb``: proportional set size, so that memory which
    processes share counts once."""

    cores: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Sample:
    """By role; ``process_cpu_s``: by role and process id."""

    at_s: float
    cpu_s: Mapping[str, float]
    memory_mb: Mapping[str, float]
    process_cpu_s: Mapping[tuple[str, int], float] = field(default_factory=dict)

    def since(self, earlier: Sample) -> dict[str, Footprint]:
        """By role, over the time between; a process that ended in between is not counted."""
        spent_s = self.at_s - earlier.at_s
        return {
            role: Footprint(
                max(0.0, self.cpu_s[role] - earlier.cpu_s.get(role, 0.0)) / spent_s, memory_mb
            )
            for role, memory_mb in sorted(self.memory_mb.items())
        }

    def cores_by_process(self, earlier: Sample, role: str) -> tuple[float, ...]:
        """Of each process of a role over the time between, the busiest first."""
        spent_s = self.at_s - earlier.at_s
        cores = (
            max(0.0, cpu_s - earlier.process_cpu_s.get(process, 0.0)) / spent_s
            for process, cpu_s in self.process_cpu_s.items()
            if process[0] == role
        )
        return tuple(sorted(cores, reverse=True))


def total(footprints: Mapping[str, Footprint]) -> Footprint:
    return Footprint(
        sum(each.cores for each in footprints.values()),
        sum(each.memory_mb for each in footprints.values()),
    )


def sample() -> Sample:
    """Of all processes below this one, itself left out: the benchmark's clients run in it."""
    cpu_s: dict[str, float] = defaultdict(float)
    memory_mb: dict[str, float] = defaultdict(float)
    process_cpu_s: dict[tuple[str, int], float] = {}
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            with process.oneshot():
                role = _role(process)
                times = process.cpu_times()
                cpu_s[role] += times.user + times.system
                process_cpu_s[role, process.pid] = times.user + times.system
                memory_mb[role] += process.memory_full_info().pss / 2**20
        except psutil.Error:
            continue  # it ended while we looked
    return Sample(time.monotonic(), cpu_s, memory_mb, process_cpu_s)


def _role(process: psutil.Process) -> str:
    words = " ".join([process.name(), *process.cmdline()])
    return next((role for role, mark in _ROLES if mark in words), OTHER)
