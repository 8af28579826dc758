"""What ``make chaos`` is told, and the shape of the system that it is played on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from local_stack.flink import ROOT

DIRECTORY = ROOT / "build" / "chaos"
LANGUAGES = ("ca", "fr")
STAGE = "chaos"


class Form(StrEnum):
    """How Flink runs."""

    CLUSTER = "cluster"
    """ZooKeeper, a JobManager, two TaskManagers with a worker pool beside each."""
    EMBEDDED = "embedded"
    """One JVM with the job server, one worker pool."""


@dataclass(frozen=True, slots=True)
class ChaosSettings:
    """``acts``: their names; (): all that the form has. ``job_options`` go to the job as they are.
    ``directory`` (under build/) takes logs and checkpoints and is emptied first."""

    talk_s: float = 900.0
    seed: int = 1
    sessions: int = 20
    acts: tuple[str, ...] = ()
    form: Form = Form.CLUSTER
    job_options: tuple[str, ...] = ()
    directory: Path = DIRECTORY
    shards: int = 4
    parallelism: int = 2
    checkpointing_interval_ms: int = 2000

    @property
    def engine_options(self) -> tuple[str, ...]:
        """Words are written into the audio: all that is said is known, and costs little."""
        services = ("speech_to_text", "translation", "speech_synthesis")
        return tuple(f"--{service}=scripted" for service in services)
