from __future__ import annotations

import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local_stack.cluster import demo as cluster_demo
from local_stack.cluster.demo import Plan, all_that_comes, looped
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


async def looked(*looks: tuple[int, int]) -> tuple[int, int]:
    """(entries that were taken for all, looks made) of a talk that shows (entries, outcomes)."""
    made = 0

    async def look() -> Any:
        nonlocal made
        made += 1
        return ("entry",) * looks[made - 1][0]

    def arrived() -> Any:
        return range(looks[made - 1][1])

    return len(await all_that_comes(look, arrived)), made


async def test_what_is_late_is_waited_for_as_long_as_anything_comes() -> None:
    assert await looked((3, 0), (5, 0), (5, 2), (5, 9), (5, 9), (8, 9)) == (5, 5)


async def test_what_is_complete_is_looked_at_twice() -> None:
    assert await looked((5, 9), (5, 9)) == (5, 2)


async def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_demo, "SETTLE_TIMEOUT_S", 0.0)
    assert await looked((3, 0), (5, 0), (6, 0)) == (3, 1)
