"""The live graph with utterances that end at pauses: what listeners get, and what they do not."""

from __future__ import annotations

import pytest

from connectors.calls.policy import Policies
from connectors.testing.faults import Delay
from connectors.testing.speech_synthesis import ScriptedSynthesizerSettings
from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings
from connectors.testing.translation import ScriptedTranslatorSettings
from connectors.testing.words import write_silence, write_talk
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from schemas.values import ControlKind
from tests.pipeline.world import World

pytestmark = pytest.mark.pipeline

TALK = "brave-river-123"


def test_a_talk_is_cut_at_pauses_and_its_services_get_a_head_start() -> None:
    world = World(
        ScriptedSpeechToTextSettings(delay_s=0.3),
        ScriptedTranslatorSettings(delay=Delay(0.2)),
        ScriptedSynthesizerSettings(delay=Delay(0.5)),
    )
    pcm, words = write_talk(14.0, seed=11)
    world.listen(TALK, 0.1, "ca", "es", revision=1)
    after = world.speak(TALK, pcm + write_silence(1.0), 0.5)
    world.control(TALK, ControlKind.END, 16.5, after=after - 1)
    world.run(24.0, segmenter=PauseSegmenter(), speculates=True)
    assert world.words(TALK) == [word.text for word in words]
    spoken = [entry for entry in world.entries(TALK) if entry.text]
    assert len(spoken) >= 4
    assert all(entry.duration_s <= 4.2 for entry in spoken), "a second of silence at most in front"
    for language in ("ca", "es"):
        assert sorted(world.numbers(TALK, language)) == [entry.number for entry in spoken]
        for message in world.messages(TALK, language):
            assert message["type"] == "translatedAudio"


def test_a_talk_that_comes_late_is_shown_but_not_voiced() -> None:
    world = World(policies=Policies())
    pcm, words = write_talk(6.0, seed=4)
    world.listen(TALK, 0.1, "es", revision=1)
    after = world.speak(TALK, pcm, 0.5, late_by_s=lambda _sequence: 20.0)
    world.control(TALK, ControlKind.END, 28.0, after=after - 1)
    world.run(36.0, segmenter=PauseSegmenter())
    assert world.words(TALK) == [word.text for word in words]
    messages = world.messages(TALK, "es")
    assert {message["type"] for message in messages} == {"skipped"}
    assert {message["reason"] for message in messages} == {"late"}
    shown = " ".join(str(message["sourceTranscript"]) for message in messages)
    assert shown.split() == [word.text for word in words]
    assert all(message["transcript"] for message in messages)
