"""Listeners of a local stack ask for clips as they are told to, and note what reached them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ingest_gateway.client import ListenReport, ReceivedMessage
from local_stack import audience
from local_stack.audience import Audience, is_announced

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
