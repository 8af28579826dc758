"""Whatever ends the program that started them, no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local_stack.ports import free_ports
from local_stack.processes import ProcessError, Processes, Running

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
# A process with a child of its own in the same group; both would live for a minute.
FAMILY = ["bash", "-c", "sleep 60 & echo $!; wait"]
STARTER = f"""
import sys, time
from pathlib import Path
from local_stack.processes import Processes, stop_on_terminate
stop_on_terminate()
with Processes(Path(sys.argv[1])) as processes:
    family = processes.start("family", {FAMILY!r})
    print(family.pid, flush=True)
    time.sleep(60)
"""


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def group_is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_leaving_stops_processes_with_their_children(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        family = processes.start("family", FAMILY)
        wait_until(lambda: bool((tmp_path / "family.log").read_text().strip()))
        child = int((tmp_path / "family.log").read_text())
        assert psutil.pid_exists(child)

    assert not family.is_alive
    wait_until(lambda: group_is_empty(family.pid))
    assert not psutil.pid_exists(child)


def test_an_error_inside_stops_them_too(tmp_path: Path) -> None:
    started: list[Running] = []

    def fail_after_starting() -> None:
        with Processes(tmp_path) as processes:
            started.append(processes.start("family", FAMILY))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_starting()

    assert [process.is_alive for process in started] == [False]


def test_the_last_one_started_is_stopped_first(tmp_path: Path) -> None:
    farewell = "trap 'date +%s%N; exit' TERM; echo ready; while :; do sleep 0.05; done"
    with Processes(tmp_path) as processes:
        for name in ("first", "second"):
            process = processes.start(name, ["bash", "-c", farewell])
            log = tmp_path / f"{name}.log"
            process.wait_until(lambda log=log: "ready" in log.read_text(), "said ready", 60)

    stopped_at = {
        name: int((tmp_path / f"{name}.log").read_text().split()[-1])
        for name in ("first", "second")
    }
    assert stopped_at["second"] < stopped_at["first"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_outlives_its_starter(tmp_path: Path, number: signal.Signals) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    assert starter.stdout is not None
    group = int(starter.stdout.readline())
    assert not group_is_empty(group)

    starter.send_signal(number)
    starter.wait(60)

    wait_until(lambda: group_is_empty(group))


def test_a_starter_in_the_background_of_a_shell_can_be_terminated(tmp_path: Path) -> None:
    """Such a one inherits that SIGINT is ignored."""
    starter = subprocess.Popen(
        ["bash", "-c", 'trap "" INT; exec "$@"', "-", sys.executable, "-c", STARTER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    assert starter.stdout is not None
    group = int(starter.stdout.readline())

    starter.terminate()
    starter.wait(60)

    wait_until(lambda: group_is_empty(group))


def test_a_process_that_ends_before_it_is_ready_is_named_with_its_last_words(
    tmp_path: Path,
) -> None:
    (port,) = free_ports(1)
    with Processes(tmp_path) as processes:
        process = processes.start("gateway", ["bash", "-c", "echo no such table; exit 3"])

        with pytest.raises(ProcessError, match=r"(?s)gateway ended with 3.*no such table"):
            process.wait_for_port(port)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        Processes(tmp_path) as processes,
        pytest.raises(ProcessError, match="there is no program no-such-program"),
    ):
        processes.start("flink", ["no-such-program"])


def test_killing_reaches_the_whole_group(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        family = processes.start("family", FAMILY)

        processes.kill(family)

        assert family.popen.returncode == -signal.SIGKILL
        wait_until(lambda: group_is_empty(family.pid))
