"""The live graph with utterances that end at pauses: what listeners get, and what they do not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.calls.policy import Policies
from connectors.testing.faults import Delay
from connectors.testing.speech_synthesis import ScriptedSynthesizerSettings
from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings
from connectors.testing.translation import ScriptedTranslatorSettings
from connectors.testing.words import write_silence, write_talk
from pipelines.runtime.supervision import UNEXPECTED_ERRORS
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.session.coverage import Coverage
from pipelines.session.machine import Session
from pipelines.session.takeover import fence
from schemas.values import ControlKind, EntryKind
from tests.pipeline.world import START_MS, World

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


def test_a_job_that_was_superseded_says_so_and_says_nothing_else() -> None:
    """A newer run has taken the session over: this one stops, and its ticks are counted."""
    world = World()
    known = Coverage(last_number=6, last_captured_at_ms=0)
    newer = fence(TALK, known, writer="newer", generation=99, now_ms=START_MS)
    asyncio.run(world.ledger.commit(newer))
    pcm, _words = write_talk(8.0, seed=4)
    world.listen(TALK, 0.1, "es", revision=1)
    world.speak(TALK, pcm, 0.5)
    counted = world.run(12.0, segmenter=PauseSegmenter())
    assert world.entries(TALK) == ()
    assert world.notifier.notices == []
    assert counted["transcribe"]["superseded_ticks"] > 10


def test_raw_pcm_is_said_once_by_a_job_and_its_successor_without_state() -> None:
    world = World()
    pcm, words = write_talk(16.0, seed=7)
    for number, start in enumerate(range(0, len(pcm), 8192)):
        world.put_data(0.5 + number * 0.256, "old", pcm[start : start + 8192])
    world.run(9.0, segmenter=PauseSegmenter(), record_format="pcm")
    before = len(world.words("old"))
    assert 0 < before < len(words)
    world.run(24.0, from_s=11.0, resume=True, segmenter=PauseSegmenter(), record_format="pcm")
    assert world.words("old") == [word.text for word in words]


def test_a_recogniser_that_stalls_costs_no_word_when_the_job_is_started_anew() -> None:
    """Nothing was covered while it stalled, so that the saved mark stands in front of all of it."""
    world = World(ScriptedSpeechToTextSettings(delay_s=1_000.0))
    pcm, words = write_talk(14.0, seed=11)
    world.listen(TALK, 0.1, "es", revision=1)
    after = world.speak(TALK, pcm + write_silence(1.0), 0.5)
    world.control(TALK, ControlKind.END, 16.5, after=after - 1)
    world.run(12.0, segmenter=PauseSegmenter())
    assert world.words(TALK) == []
    world.stt = ScriptedSpeechToTextSettings(delay_s=0.3)
    world.run(30.0, from_s=16.0, resume=True, segmenter=PauseSegmenter())
    assert world.words(TALK) == [word.text for word in words]
    kinds = {entry.kind for entry in world.entries(TALK)}
    assert kinds <= {EntryKind.SPEECH, EntryKind.SILENCE}


@pytest.mark.parametrize("windows", [False, True], ids=["beside the bundles", "after windows"])
def test_what_was_not_expected_is_counted_for_who_is_on_call(
    windows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def falls_once(self: Session, *arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 20:
            raise KeyError("words that were said")
        return time_passed(self, *arguments)

    time_passed = Session.time_passed
    monkeypatch.setattr(Session, "time_passed", falls_once)
    UNEXPECTED_ERRORS.take()
    world = World()
    pcm, _words = write_talk(6.0, seed=4)
    world.speak(TALK, pcm, 0.5)
    counted = world.run(10.0, segmenter=PauseSegmenter(), windows=windows)
    assert counted["supervision"]["unexpected_errors"] == 1
