"""Processes by id: started in groups of their own, watched, and stopped in reverse order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from local_stack.ports import is_listening

STOP_GRACE_S = 8.0
POLL_S = 0.05
LAST_LINES = 5


class ProcessError(RuntimeError):
    """A process did not start, or ended when it should not. The message says where its log is."""


@dataclass(frozen=True, slots=True)
class Running:
    """A started process; its group has the same number as its id."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """ProcessError: the process ended, or ``condition`` stayed false for ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if not self.is_alive:
                raise ProcessError(
                    f"{self.name} ended with {self.popen.returncode} before {what}: {self._tail()}"
                )
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name}: no {what} in {timeout_s:.0f} s: {self._tail()}")
            time.sleep(POLL_S)

    def wait_for_port(self, port: int, timeout_s: float = 60.0) -> None:
        self.wait_until(lambda: is_listening(port), f"port {port} answered", timeout_s)

    def wait_for_exit(self, timeout_s: float) -> None:
        """ProcessError: it ended with another code than 0, or not in time."""
        try:
            code = self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProcessError(
                f"{self.name}: not done in {timeout_s:.0f} s: {self._tail()}"
            ) from None
        if code:
            raise ProcessError(f"{self.name} ended with {code}: {self._tail()}")

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n  ".join([f"see {self.log}", *lines])


def _take_turns() -> None:
    """Of this process and all that it starts: one that wakes does not push another off its core.

    Everything shares a few cores here, and most of it hands work from thread to thread: with a
    hundred talks on two cores a third of all work was the pushing (docs/decisions/0011).
    """
    if hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class Processes:
    """Starts processes, each in a group of its own, and stops every one of them on leaving.

    A guard process watches this one: should it be killed, the guard stops the groups instead.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[Running] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Processes:
        self._logs.mkdir(parents=True, exist_ok=True)
        guard = Path(__file__).with_name("guard.py")
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(guard)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C of the terminal must not reach it
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with uninterrupted():
            for process in self._running[::-1]:
                self.stop(process)
            if self._guard is not None and self._guard.stdin is not None:
                self._guard.stdin.close()
                self._guard.wait(STOP_GRACE_S)

    def __iter__(self) -> Iterator[Running]:
        return iter(tuple(self._running))

    def start(
        self,
        name: str,
        arguments: list[str],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Running:
        """Start ``arguments``; standard output and error go to ``<logs>/<name>.log``."""
        _take_turns()
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            try:
                popen = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(environment or {})},
                    cwd=cwd,
                    process_group=0,
                )
            except FileNotFoundError as error:
                raise ProcessError(f"{name}: there is no program {error.filename}") from None
        self._tell_guard(f"+{popen.pid}\n")
        process = Running(name, log, popen)
        self._running.append(process)
        return process

    def stop(self, process: Running) -> None:
        """End the process and its whole group; nothing happens when it is gone already."""
        if process not in self._running:
            return
        signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.popen.wait(STOP_GRACE_S)
        signal_group(process.pid, signal.SIGKILL)
        process.popen.wait()
        self._running.remove(process)
        self._tell_guard(f"-{process.pid}\n")

    def kill(self, process: Running) -> None:
        """``kill -9`` of the process and its whole group."""
        signal_group(process.pid, signal.SIGKILL)
        self.stop(process)

    def _tell_guard(self, line: str) -> None:
        if self._guard is None or self._guard.stdin is None:
            raise ProcessError("processes are started inside `with Processes(...)` only")
        with contextlib.suppress(BrokenPipeError):  # a killed guard leaves us to stop them
            self._guard.stdin.write(line.encode())
            self._guard.stdin.flush()


def signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


@contextlib.contextmanager
def frozen(*processes: Running) -> Generator[None, None, None]:
    """Each with its whole group stands still, alive and silent, until the block is left."""
    try:
        for process in processes:
            signal_group(process.pid, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            signal_group(process.pid, signal.SIGCONT)


@contextlib.contextmanager
def uninterrupted() -> Generator[None, None, None]:
    """Ctrl-C and SIGTERM wait outside: stopping is not itself stopped half way."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_command(name: str, run: Callable[[], int]) -> int:
    """A command's exit code: what ``run`` returns, 130 when it was stopped, 1 for a process that
    failed, and then says which."""
    stop_on_terminate()
    try:
        return run()
    except KeyboardInterrupt:
        return 130
    except ProcessError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1


def stop_on_terminate() -> None:
    """SIGTERM and a closed terminal do what Ctrl-C does: asyncio then cancels its tasks, instead of
    meeting an exception in whichever of them happens to run."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)

    # A shell lets what it starts in the background ignore Ctrl-C, and with it all of this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
