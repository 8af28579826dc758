"""Any job of Beam on embedded Flink, such as the examples of ``beam_flink_kit``.

``python -m local_stack.plain_job FILE MODULE ARGUMENT...`` imports MODULE, waits until FILE is
there, and calls the module's ``main`` with the arguments, which hands the job to Flink.
"""

from __future__ import annotations

import importlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from local_stack.flink import FlinkSettings
from local_stack.ports import LOOPBACK
from local_stack.processes import POLL_S


@dataclass(frozen=True, slots=True)
class PlainJob:
    """``module`` has a ``main`` that takes the expansion service's address, ``arguments``, and then
    Beam's options. Workers import it before they are asked for."""

    module: str
    arguments: tuple[str, ...]
    options: tuple[str, ...] = ()
    checkpointing_interval_ms: int = 2000
    submission: str = "local_stack.plain_job"

    @property
    def preloaded(self) -> tuple[str, ...]:
        return (self.module,)

    def submit_arguments(self, flink: FlinkSettings, start: str) -> list[str]:
        return [
            self.module,
            f"{LOOPBACK}:{flink.expansion_port}",
            *self.arguments,
            f"--job_endpoint={LOOPBACK}:{flink.job_port}",
            f"--environment_config={LOOPBACK}:{flink.worker_pool_port}",
            f"--job_name={self.module.rpartition('.')[2]}",
            "--parallelism=1",
            f"--checkpointing_interval={self.checkpointing_interval_ms}",
            *self.options,
        ]


def main(go: Path, module: str, arguments: list[str]) -> None:
    job = importlib.import_module(module)
    while not go.exists():
        time.sleep(POLL_S)
    job.main(*arguments)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
