"""The live graph from records on the stream to messages for listeners, in virtual time."""

from __future__ import annotations

import pytest

from connectors.scripted_words import write_words
from schemas.values import ControlKind
from tests.pipeline.world import World

pytestmark = pytest.mark.pipeline


def test_a_talk_reaches_its_listeners_word_for_word() -> None:
    world = World()
    pcm, words = write_words(0, 20, 0.4, 0.1)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 0.5) - 1
    world.control("talk", ControlKind.END, 11.0, after=last)
    world.run(20.0)
    assert world.words("talk") == [word.text for word in words]
    heard = [str(each["transcript"]) for each in world.messages("talk", "es")]
    assert heard == [f"es:{entry.text}" for entry in world.entries("talk") if entry.text]
