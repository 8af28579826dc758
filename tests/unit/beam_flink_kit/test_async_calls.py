"""Slow calls: every item has one outcome, whatever its call does, and nothing stops the others."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_flink_kit.async_calls import CallPolicy, LostCall
from beam_flink_kit.call_scope import PlainScopeSettings
from tests.unit.beam_flink_kit.slow_echo import BusyError, Desk, SlowEcho, lost

pytestmark = pytest.mark.unit


def test_answers_are_taken_as_they_come() -> None:
    desk = Desk(SlowEcho(answers_each=2))
    desk.begin("a")
    assert desk.after(0.9) == []
    assert desk.after(0.2) == ["a.1"]
    assert desk.after(1.0) == ["a.2"]
    assert desk.after(9.0) == []
    desk.scope.close()


def test_calls_run_at_once_and_answer_in_order_of_readiness() -> None:
    desk = Desk(SlowEcho(answers_each=2))
    desk.begin("a")
    desk.after(0.5)
    desk.begin("b")
    assert desk.after(5) == ["a.1", "b.1", "a.2", "b.2"]
    desk.scope.close()


def test_an_item_that_comes_again_is_begun_once_until_its_answers_are_taken() -> None:
    desk = Desk(SlowEcho())
    desk.begin("a", "a")
    desk.scope.loop.advance(desk.scope.loop.now_ms() + 2_000)
    desk.begin("a")
    assert desk.echo.started == ["a"], "its answer waits"
    assert desk.values() == ["a.1"]
    assert dict(desk.calls.unreported()) == {"begun": 1, "done": 1, "repeated": 2}
    desk.begin("a")
    assert desk.echo.started == ["a", "a"], "taken: it is a new call"
    desk.scope.close()


def test_a_call_without_answers_is_over_too() -> None:
    desk = Desk(SlowEcho(answers_each=0))
    desk.begin("a")
    assert desk.values() == []
    desk.begin("a")
    assert desk.echo.started == ["a", "a"]
    desk.scope.close()


def test_what_is_beyond_the_bound_waits_in_order() -> None:
    desk = Desk(SlowEcho(), CallPolicy(most_in_flight=2))
    desk.begin("a", "b", "c", "d", "e")
    assert (desk.calls.in_flight, desk.calls.waiting) == (2, 3)
    assert desk.echo.started == ["a", "b"]
    assert desk.after(1.1) == ["a.1", "b.1"]
    assert (desk.calls.in_flight, desk.calls.waiting) == (2, 1)
    assert desk.after(1.0) == ["c.1", "d.1"]
    assert desk.after(1.0) == ["e.1"]
    assert (desk.calls.in_flight, desk.calls.waiting) == (0, 0)
    desk.scope.close()


def test_time_in_the_queue_is_not_of_the_deadline() -> None:
    desk = Desk(SlowEcho(pause_s=8), CallPolicy(most_in_flight=1, deadline_s=10))
    desk.begin("a", "b", "c")
    assert desk.after(25) == ["a.1", "b.1", "c.1"]
    desk.scope.close()


def test_ten_thousand_items_at_once_all_have_their_answer() -> None:
    desk = Desk(SlowEcho(), CallPolicy(most_in_flight=1_000))
    items = [str(number) for number in range(10_000)]
    desk.begin(*items)
    assert (desk.calls.in_flight, desk.calls.waiting) == (1_000, 9_000)
    assert sorted(desk.after(10.5)) == sorted(f"{item}.1" for item in items)
    assert desk.echo.started == items
    desk.scope.close()


@pytest.mark.parametrize("item", ["?", "!", "~", "#", "^", "%", "=", "@"])
def test_a_call_that_goes_wrong_has_an_outcome_and_hinders_no_other(item: str) -> None:
    errors = {"#": "BusyError", "^": "CallFailedError", "%": "CallFailedError", "@": "KeyError"}
    timed_out = item in "~="
    error = "TimeoutError" if timed_out else errors.get(item, "ValueError")
    policy = CallPolicy(deadline_s=30, most_in_flight=2, expected=(BusyError,))
    desk = Desk(SlowEcho(answers_each=2), policy)
    desk.begin("a", item, "b")
    answers = desk.after(60)
    first = ["!.1"] if item == "!" else []
    assert [each for each in answers if each[0] == item] == [*first, f"{item} failed: {error}"]
    assert sorted(each for each in answers if each[0] in "ab") == ["a.1", "a.2", "b.1", "b.2"]
    counts = dict(desk.calls.unreported())
    assert counts["failed"] == 1
    assert counts.get("timed_out", 0) == timed_out
    assert counts["done"] == 2
    assert desk.calls.in_flight == 0
    desk.begin(item)
    assert desk.after(60)[-1] == f"{item} failed: {error}", "its id is free again"
    desk.scope.close()


def test_a_call_that_raises_is_tried_again_after_a_pause() -> None:
    desk = Desk(SlowEcho(bad_attempts=2), CallPolicy(attempts=3, retry_pause_s=0.5))
    desk.begin("?a")
    assert desk.after(4.4) == [], "1 s and a pause of 0.5, 1 s and a pause of 1, 1 s"
    assert desk.after(0.2) == ["?a.1"]
    assert desk.echo.started == ["?a"] * 3
    assert dict(desk.calls.unreported()) == {"begun": 1, "done": 1, "retried": 2}
    desk.scope.close()


@pytest.mark.parametrize(("item", "started"), [("?", 3), ("!", 1), ("#", 1)])
def test_only_what_is_unexpected_and_unanswered_is_tried_again(item: str, started: int) -> None:
    policy = CallPolicy(attempts=3, retry_pause_s=0, expected=(BusyError,))
    desk = Desk(SlowEcho(answers_each=2), policy)
    desk.begin(item)
    desk.after(30)
    assert desk.echo.started == [item] * started
    desk.scope.close()


def test_all_attempts_together_have_one_deadline() -> None:
    desk = Desk(SlowEcho(), CallPolicy(attempts=1_000, retry_pause_s=0, deadline_s=10))
    desk.begin("?")
    assert desk.after(9.9) == []
    assert desk.after(0.2) == ["? failed: TimeoutError"]
    assert desk.after(60) == []
    assert len(desk.echo.started) == 10
    desk.scope.close()


def test_an_item_is_not_lost_when_telling_its_failure_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(SlowEcho(failed_fails=True), CallPolicy(attempts=1))
    desk.begin("?a", "@b")
    answers = desk.after(5)
    assert answers == [
        lost("", "@b", "KeyError, then KeyError"),
        lost("?a", "?a", "ValueError, then KeyError"),
    ], "what failed() gave before it raised is not handed on"
    assert dict(desk.calls.unreported()) == {"begun": 1, "failed": 2, "lost": 2}
    assert "secret" not in caplog.text
    assert "ValueError at " in caplog.text
    assert "slow_echo.py" in caplog.text
    desk.scope.close()


def test_faults_that_are_alike_are_one_line_in_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Desk(SlowEcho(), CallPolicy(attempts=1))
    desk.begin(*(f"?{number}" for number in range(50)))
    assert len(desk.after(2)) == 50
    assert [record.message.split(":")[1] for record in caplog.records] == [" call ?0, attempt 1"]
    desk.begin("@a")
    assert len(caplog.records) == 2, "another fault"
    desk.begin("?b")
    desk.after(2)
    desk.after(8)
    desk.begin("?c")
    desk.after(2)
    assert caplog.records[-1].message.endswith(", and 50 more before it")
    desk.scope.close()


def test_an_expected_failure_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(SlowEcho(), CallPolicy(expected=(BusyError,)))
    desk.begin("#")
    desk.after(5)
    assert caplog.text == ""
    desk.scope.close()


def test_closing_cancels_all_and_what_answers_all_the_same_is_dropped() -> None:
    desk = Desk(SlowEcho(), CallPolicy(most_in_flight=3))
    desk.begin("a", "b", "=", "c")
    desk.scope.calls.close()
    assert sorted(desk.echo.cancelled) == ["a", "b"]
    assert desk.after(5) == []
    desk.begin("d")
    assert desk.after(5) == []
    assert desk.echo.started == ["a", "b", "="]
    desk.scope.close()


def test_another_instance_of_the_step_finds_what_the_first_began() -> None:
    desk = Desk(SlowEcho())
    desk.begin("a")
    other = desk.scope.calls.of_step("step", SlowEcho(), None, CallPolicy())
    stranger = desk.scope.calls.of_step("another", SlowEcho(), None, CallPolicy())
    desk.scope.loop.advance(desk.scope.loop.now_ms() + 2_000)
    assert list(stranger.take()) == []
    assert [answer.value for answer in other.take()] == ["a.1"]
    assert list(desk.calls.take()) == []
    desk.scope.close()


def test_the_bell_rings_for_each_answer_and_for_an_end_without_one() -> None:
    desk = Desk(SlowEcho(answers_each=1))
    bell = desk.scope.bell
    desk.begin("a")
    assert bell.rings == 0
    desk.after(1.1)
    rings = bell.rings
    assert rings > 0
    desk.echo.answers_each = 0
    desk.begin("b")
    assert bell.rings > rings
    desk.scope.close()


def test_a_bounded_run_waits_for_the_same_answers() -> None:
    desk = Desk(SlowEcho(answers_each=2), CallPolicy(attempts=1))
    assert [answer.value for answer in desk.calls.run("a")] == ["a.1", "a.2"]
    assert [answer.value for answer in desk.calls.run("!")] == ["!.1", "! failed: ValueError"]
    assert [answer.value for answer in desk.calls.run("a")] == ["a.1", "a.2"]
    assert desk.values() == []
    assert dict(desk.calls.unreported()) == {"begun": 3, "done": 2, "failed": 1}
    desk.scope.close()


def test_how_long_calls_take_is_told_once() -> None:
    desk = Desk(SlowEcho(answers_each=2))
    desk.begin("a", "b")
    desk.after(5)
    assert list(desk.calls.take_call_ms()) == [2_000, 2_000]
    assert list(desk.calls.take_call_ms()) == []
    desk.scope.close()


@settings(max_examples=40, deadline=None)
@given(
    items=st.lists(st.text("?!~#^@ab1", min_size=1, max_size=2), max_size=30),
    most=st.integers(1, 5),
    steps=st.lists(st.floats(0.01, 20), min_size=1, max_size=8),
)
def test_every_item_ends_exactly_once_per_call(
    items: list[str], most: int, steps: list[float]
) -> None:
    desk = Desk(SlowEcho(), CallPolicy(most_in_flight=most, deadline_s=5, expected=(BusyError,)))
    answers: list[str] = []
    begun = set[str]()
    for number, item in enumerate(items):
        desk.begin(item)
        begun.add(item)
        if number < len(steps):
            answers += desk.after(steps[number])
    answers += desk.after(600)
    counts = dict(desk.calls.unreported())
    ended = counts.get("done", 0) + counts.get("failed", 0)
    assert ended == len(items) - counts.get("repeated", 0)
    assert len(answers) == ended
    assert {answer.removesuffix(".1").split(" ")[0] for answer in answers} == begun
    assert (desk.calls.in_flight, desk.calls.waiting) == (0, 0)
    desk.scope.close()


def test_what_travels_is_picklable() -> None:
    for value in (CallPolicy(), PlainScopeSettings(), LostCall("a", "b", "c", "d")):
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - our own bytes
