"""Listeners of a local stack ask for clips as they are told to, and note what reached them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from connectors.memory.ledger import MemoryLedger
from ingest_gateway.client import ListenReport, ReceivedMessage
from local_stack import audience
from local_stack.audience import Audience, Content, is_announced, settled
from local_stack.completeness import Acknowledged
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, Route

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("inline_audio", [False, True])
async def test_listeners_take_clips_inside_messages_or_fetch_them(
    monkeypatch: pytest.MonkeyPatch, inline_audio: bool
) -> None:
    asked: list[dict[str, Any]] = []

    async def listen(_url: str, session_id: str, language: str, **wishes: Any) -> ListenReport:
        asked.append(wishes)
        wishes["on_joined"]()
        await wishes["stop"].wait()
        return ListenReport(session_id, language, (), (), 0, 0)

    monkeypatch.setattr(audience, "listen", listen)
    listeners = Audience("http://gateway", "s", proof=is_announced, inline_audio=inline_audio)
    async with asyncio.TaskGroup() as group:
        await listeners.join("es", group)
        say = asked[0]["on_message"]
        url = "http://clips/s/es/1.mp3?signed"
        say(ReceivedMessage(0, "translatedAudio", {"sequenceNumber": 3, "url": url}))
        say(ReceivedMessage(0, "skipped", {"sequenceNumber": 4}))
        await listeners.leave()
    assert [(one["inline_audio"], one["download"]) for one in asked] == [(inline_audio, False)]
    assert listeners.keys == {(3, "es"): {"/s/es/1.mp3"}}
    assert listeners.skipped == {(4, "es")}


async def test_what_a_history_brings_after_a_reconnect_has_reached_the_listener(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[Any] = []

    async def listen(_url: str, session_id: str, language: str, **wishes: Any) -> ListenReport:
        said.append(wishes["on_message"])
        wishes["on_joined"]()
        await wishes["stop"].wait()
        return ListenReport(session_id, language, (), (), 0, 0)

    monkeypatch.setattr(audience, "listen", listen)
    listeners = Audience("http://gateway", "s", proof=is_announced)
    live = {"sequenceNumber": 2, "transcript": "hola", "url": "http://clips/2.mp3?signed=1"}
    history = [
        {**live, "url": "http://clips/2.mp3?signed=2", "skipped": None},
        {"sequenceNumber": 3, "transcript": None, "url": None, "skipped": "late"},
    ]
    async with asyncio.TaskGroup() as group:
        await listeners.join("es", group)
        said[0](ReceivedMessage(0, "translatedAudio", live))
        said[0](ReceivedMessage(1, "sessionJoined", {"history": history}))
        await listeners.leave()

    assert listeners.skipped == {(3, "es")}
    assert listeners.contents == {
        (2, "es"): {Content(None, "hola", "/2.mp3")},
        (3, "es"): {Content("late", None)},
    }


@pytest.mark.parametrize(
    ("other", "agrees"),
    [
        (Content(None, "hola", "/2.mp3"), True),
        (Content(None, "hola"), True),
        (Content(None, None, "/2.mp3"), True),
        (Content(None, "adeu", "/2.mp3"), False),
        (Content(None, "hola", "/3.mp3"), False),
        (Content("late", "hola", "/2.mp3"), False),
    ],
)
def test_contents_agree_in_all_that_both_say(other: Content, agrees: bool) -> None:
    assert Content(None, "hola", "/2.mp3").agrees_with(other) is agrees


ENTRY = LedgerEntry(
    session_id="s",
    number=0,
    epoch=0,
    kind=EntryKind.SPEECH,
    first_sample=0,
    end_sample=3_200,
    text="so",
    language="en",
    captured_at_ms=0,
    committed_at_ms=500,
    writer="w",
    resume_sample=3_200,
    resume_sequence=0,
    resume_sequence_sample=3_200,
    routes=(Route("es", None), Route("fr", None)),
    outcomes=(FixedOutcome("es", "así", None, 600), FixedOutcome("fr", "ainsi", None, 600)),
)
ALL = {(0, "es"), (0, "fr")}


class OneEntry(MemoryLedger):
    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        return (ENTRY,)


@pytest.mark.parametrize(
    ("arrivals_s", "taken_s"),
    [
        pytest.param({4.0: 2}, 4.0, id="complete"),
        pytest.param({8.0: 1, 16.0: 2}, 16.0, id="late, and always something new"),
        pytest.param({8.0: 1, 30.0: 2}, 18.0, id="still for too long"),
        pytest.param({50.0: 1}, 10.0, id="nothing"),
    ],
)
def test_what_is_late_is_waited_for_as_long_as_anything_comes(
    run_virtual: Callable[[Coroutine[Any, Any, float]], float],
    arrivals_s: dict[float, int],
    taken_s: float,
) -> None:
    async def waited() -> float:
        now_s = asyncio.get_running_loop().time
        began_s = now_s()

        def reached() -> set[tuple[int, str]]:
            so_far = [n for at_s, n in arrivals_s.items() if at_s <= now_s() - began_s + 0.01]
            return set(sorted(ALL)[: max(so_far, default=0)])

        promised = [Acknowledged(0, 3_200, 0)]
        await settled(OneEntry(), "s", promised, reached, 60.0, 1.0, still_s=10.0)
        return now_s() - began_s

    assert run_virtual(waited()) == pytest.approx(taken_s, abs=1.1)
