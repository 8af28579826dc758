"""What counts as a trouble that was shown, and that none of the run-book's is left out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from local_stack.incidents.__main__ import TROUBLES, play
from local_stack.incidents.at_gateway import without_candidates
from local_stack.incidents.case import Case, NotShownError, ending, until
from local_stack.incidents.stack import TroubledStack
from local_stack.proxies import call_name

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def a_case(**parts: list[str]) -> Case:
    whole = {"provoked": ["killed"], "seen": ["BAD"], "done": ["started"], "helped": ["ok"]}
    return Case(9, "connections fail", **{**whole, **parts}, took_s=12.3)


def test_every_trouble_of_the_run_book_is_provoked() -> None:
    page = (ROOT / "docs" / "run-book.md").read_text()
    numbers = {int(found) for found in re.findall(r"^### (\d+)\.", page, re.MULTILINE)}
    assert numbers == set(range(1, 11))
    assert {trouble.number for trouble in TROUBLES} == numbers


def test_the_line_tells_all_four_parts() -> None:
    assert a_case(helped=["ok", "0 lost"]).line == (
        "ok   9 connections fail (12 s) | provoked: killed | seen: BAD | done: started"
        " | helped: ok, 0 lost"
    )


@pytest.mark.parametrize("part", ["provoked", "seen", "done", "helped"])
def test_a_part_that_is_missing_is_no_proof(part: str) -> None:
    case = a_case(**{part: []})
    assert not case.is_shown
    assert case.line.startswith("BAD  9 ")


def test_a_failure_is_told_behind_what_was_reached() -> None:
    case = a_case(helped=[])
    case.failure = "NotShownError: not within 30 s: a clip"
    assert case.line.endswith("done: started | failed: NotShownError: not within 30 s: a clip")


def test_the_last_line_counts_what_was_shown() -> None:
    assert ending([a_case(), a_case(seen=[])]) == "1 of 2 incidents provoked, seen and mended"


def test_until_says_how_long_it_took(run_virtual: Run) -> None:
    answers = iter([None, 0, "there"])

    async def look() -> Any:
        return next(answers)

    answer, waited_s = run_virtual(until(look, "it is there"))
    assert answer == "there"
    assert waited_s == pytest.approx(0.4)


def test_until_gives_up_and_says_what_it_waited_for(run_virtual: Run) -> None:
    with pytest.raises(NotShownError, match="not within 5 s: a clip"):
        run_virtual(until(lambda: False, "a clip", 5.0))


def test_one_failure_is_that_case_only() -> None:
    async def provoke(_stack: TroubledStack, case: Case) -> None:
        case.provoked.append("killed")
        raise ExceptionGroup("group", [NotShownError("nothing was seen")])

    trouble = TROUBLES[0].__class__(3, "no audio", provoke)
    case = play(trouble, None)  # type: ignore[arg-type]
    assert case.failure == "NotShownError: nothing was seen"
    assert case.line.startswith("BAD  3 no audio (0 s) | provoked: killed | failed: ")


def test_a_case_has_its_time_and_no_more() -> None:
    async def provoke(_stack: TroubledStack, case: Case) -> None:
        case.provoked.append("killed")
        await asyncio.Event().wait()

    trouble = TROUBLES[0].__class__(3, "no audio", provoke)
    assert play(trouble, None, timeout_s=0.05).failure == "TimeoutError"  # type: ignore[arg-type]
    none_left = play(trouble, None, timeout_s=-1.0)  # type: ignore[arg-type]
    assert (none_left.failure, none_left.is_shown) == ("TimeoutError", False)


def test_an_offer_without_candidates_keeps_all_the_rest() -> None:
    offer = (
        "v=0\r\na=ice-ufrag:x\r\na=candidate:1 1 udp 2 10.0.0.1 5000 typ host\r\n"
        "a=end-of-candidates\r\nm=audio 9\r\n"
    )
    assert without_candidates(offer) == "v=0\r\na=ice-ufrag:x\r\nm=audio 9\r\n"


def test_a_call_is_named_as_aws_names_it() -> None:
    assert call_name("POST", "/", "Kinesis_20131202.PutRecords") == "PutRecords"
    assert call_name("PUT", "/bucket/sessions/x.mp3", None) == "PUT /bucket/sessions/x.mp3"
