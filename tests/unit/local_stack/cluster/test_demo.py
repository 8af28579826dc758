from __future__ import annotations

import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_stack.cluster import demo as cluster_demo
from local_stack.cluster.demo import Plan, looped
from local_stack.cluster.job import Restored
from local_stack.processes import ProcessError
from local_stack.talk import Talk

pytestmark = pytest.mark.unit


def talk(directory: Path, samples: int) -> Talk:
    wav = directory / "talk.wav"
    with wave.open(str(wav), "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(16_000)
        output.writeframes(b"\x01\x02" * samples)
    return Talk(wav, "one two", samples / 16_000)


@pytest.mark.parametrize(("wanted_s", "times"), [(0.5, 1), (1.0, 1), (1.1, 2), (3.0, 3)])
def test_a_talk_is_said_from_its_start_again_until_it_is_long_enough(
    tmp_path: Path, wanted_s: float, times: int
) -> None:
    found = looped(talk(tmp_path, 16_000), tmp_path / "more" / "looped.wav", wanted_s)
    assert found.duration_s == times
    assert found.reference.split() == ["one", "two"] * times
    with wave.open(str(found.wav), "rb") as source:
        assert source.getframerate() == 16_000
        assert source.readframes(source.getnframes()) == b"\x01\x02" * 16_000 * times


OLD, NEW = Restored(3, False, "chk-3"), Restored(9, False, "chk-9")


def a_stack(*restored: Restored | None) -> Any:
    """A job that says one after the other what it began from."""
    answers = iter(restored)
    return SimpleNamespace(job=SimpleNamespace(restored=lambda: next(answers)))


async def test_a_blow_says_which_checkpoint_the_job_went_back_to() -> None:
    struck: list[Any] = []
    plan = Plan("taskmanager", 10.0, struck.append)
    stack = a_stack(OLD, NEW)
    outage = await cluster_demo._strike(plan, stack, 0.0)
    assert outage is not None
    assert (outage.what, outage.restored_from) == ("taskmanager", "chk-9")
    assert struck == [stack]


@pytest.mark.parametrize("after", [None, OLD], ids=["from nothing", "only an earlier act's"])
async def test_a_job_that_began_anew_is_no_recovery(after: Restored | None) -> None:
    plan = Plan("taskmanager", 10.0, lambda _stack: None)
    with pytest.raises(ProcessError, match="taskmanager: the job began anew"):
        await cluster_demo._strike(plan, a_stack(OLD, after), 0.0)


async def test_the_undisturbed_act_strikes_nobody() -> None:
    assert await cluster_demo._strike(Plan("undisturbed", 10.0), a_stack(), 0.0) is None
