"""What a savepoint is given back by: names of operators and cells, and the options behind them."""

from __future__ import annotations

import pytest

from local_stack.cluster.state import KeptState, kept_state, live_graph

pytestmark = pytest.mark.pipeline

EXTERNAL = "beam:env:external:v1:0"
PINNED = (KeptState(f"381 transcribe/Tick readers/Name readers.None/{EXTERNAL}", ("marks",)),)
"""Beam puts the length of a label in front of it. Another name is another operator to Flink: a
savepoint of the job before does not fit, and the job goes on from the positions table. Change a
name only with that in mind, and say so in docs/decisions/0015."""


def test_names_that_savepoints_hang_on_are_pinned() -> None:
    assert kept_state(live_graph([])) == PINNED


@pytest.mark.parametrize(
    "option",
    [
        "--settle_ms=300",
        "--pane_ms=500",
        "--speech_to_text=amazon",
        "--translation=amazon",
        "--speech_synthesis=amazon",
        "--notifier=gateway",
        "--parallelism=4",
        "--release=append",
        "--spend=thrifty",
        "--read=fan_out",
        "--trace_endpoint=http://localhost:4318",
    ],
)
def test_these_options_leave_the_names(option: str) -> None:
    assert kept_state(live_graph([option])) == PINNED


def test_workers_that_are_started_in_another_way_are_other_operators() -> None:
    by_command = kept_state(live_graph([]), "beam:env:process:v1")
    assert not {state.operator for state in by_command} & {state.operator for state in PINNED}


def test_session_windows_keep_panes_and_who_served_them_too() -> None:
    kept = kept_state(live_graph(["--segmentation=window"]))
    assert {cell for state in kept for cell in state.cells} == {"marks", "host"}
    assert KeptState("2 window_audio/Group by session", ()) in kept
