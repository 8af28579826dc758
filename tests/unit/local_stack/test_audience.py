"""Listeners of a local stack ask for clips as they are told to, and note what reached them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ingest_gateway.client import ListenReport, ReceivedMessage
from local_stack import audience
from local_stack.audience import Audience, Content, is_announced

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
