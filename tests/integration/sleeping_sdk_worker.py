"""Preloaded by a worker template: its workers write their id and sleep. ``FOLDER`` in the
environment names where to; without it this module changes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from apache_beam.runners.worker import sdk_worker_main

FOLDER = "SLEEPING_SDK_WORKER"


def written() -> dict[str, int]:
    """The processes that sleep, by worker id."""
    return {path.suffix[1:]: int(path.stem) for path in Path(os.environ[FOLDER]).iterdir()}


def _sleep(_arguments: Sequence[str]) -> None:
    (Path(os.environ[FOLDER]) / f"{os.getpid()}.{os.environ['WORKER_ID']}").touch()
    time.sleep(600)


if FOLDER in os.environ:
    sdk_worker_main.main = _sleep
