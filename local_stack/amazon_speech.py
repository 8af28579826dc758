"""``with amazon_speech(folder) as options:`` and a job may speak Amazon's protocols."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from local_stack.flink import ROOT
from local_stack.processes import Processes, Running

START_TIMEOUT_S = 60.0
OPTIONS = "--speech_to_text=amazon "
"""How the line begins that the servers print when they answer."""


@contextmanager
def amazon_speech(
    folder: Path, engines: str = "offline", languages: Iterable[str] = ()
) -> Generator[tuple[str, ...]]:
    """Transcribe, Translate and Polly on this machine, these engines behind them. ``languages``:
    those that a talk in English is to be heard in, translated without delay from the first word.

    Yields the job's options that point it at them. ``folder`` takes logs and certificates and is
    emptied first. ProcessError: they did not start.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with Processes(folder / "logs") as processes:
        servers = processes.start(
            "amazon-speech",
            [
                sys.executable,
                "-m",
                "local_stack.amazon_servers",
                f"--folder={folder}",
                f"--engines={engines}",
                *("--languages", *languages),
            ],
            cwd=ROOT,
        )
        servers.wait_until(
            lambda: bool(_options(servers)), "its services answered", START_TIMEOUT_S
        )
        yield _options(servers)


def _options(servers: Running) -> tuple[str, ...]:
    lines = servers.log.read_text(errors="replace").splitlines(keepends=True)
    whole = (line for line in lines if line.startswith(OPTIONS) and line.endswith("\n"))
    return tuple(next(whole, "").split())
