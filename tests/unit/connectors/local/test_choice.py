"""``local`` as a choice of the job, and what is checked before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from connectors.calls.as_spoken import AsSpoken
from connectors.interfaces.errors import PermanentError
from connectors.job_connectors import LiveConnectors
from connectors.local.engines import LocalSpeech
from connectors.local.speech_synthesis import LocalSynthesizer
from connectors.local.speech_to_text import LocalSpeechToText
from connectors.local.translation import LocalTranslator
from connectors.offline.voice_activity import WebrtcVoiceActivityFactory
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from pipelines.options import LiveJob, read_options

pytestmark = pytest.mark.unit

ALL_LOCAL = (
    "--speech_to_text=local",
    "--translation=local",
    "--speech_synthesis=local",
)


def factory_of(*arguments: str) -> LiveConnectors:
    job = read_options(PipelineOptions(list(arguments)), "test")
    assert isinstance(job, LiveJob)
    factory = job.graph.settings.connectors
    assert isinstance(factory, LiveConnectors)
    return factory


async def test_the_three_services_are_opened_without_loading_a_model(tmp_path: Path) -> None:
    """A worker opens them before it knows whether anybody speaks."""
    speech = factory_of(*ALL_LOCAL, f"--models_folder={tmp_path}", "--local_voices=pt").speech
    opened = (
        speech.open_speech_to_text(),
        speech.open_translator(),
        speech.open_synthesizer(),
    )
    assert isinstance(opened[0], LocalSpeechToText)
    assert isinstance(opened[1], AsSpoken)
    assert isinstance(opened[1].engine, LocalTranslator)
    assert isinstance(opened[2], LocalSynthesizer)
    with pytest.raises(PermanentError, match=r"silero-vad.*make models"):
        speech.open_voice_activity()
    assert speech.local == LocalSpeech(folder=tmp_path, voices=("pt",))
    with pytest.raises(PermanentError, match="run `make models`"):
        await opened[0].open("en", sample_rate_hz=16_000)
    with pytest.raises(PermanentError, match="run `make models`"):
        await opened[1].translate("the house", "en", "pt")
    with pytest.raises(PermanentError, match="run `make models`"):
        await opened[2].synthesize("a casa", "pt")
    for each in opened:
        await each.close()


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        ((), WebrtcVoiceActivityFactory),
        (("--speech_to_text=amazon",), WebrtcVoiceActivityFactory),
        (("--speech_to_text=local", "--voice_activity=webrtc"), WebrtcVoiceActivityFactory),
        (("--speech_to_text=scripted", "--voice_activity=silero"), ScriptedVoiceActivityFactory),
    ],
)
def test_the_voice_detector_follows_recognition_unless_it_is_named(
    arguments: tuple[str, ...], chosen: type
) -> None:
    assert type(factory_of(*arguments).speech.open_voice_activity()) is chosen


def test_silero_can_be_chosen_for_any_real_recogniser(tmp_path: Path) -> None:
    speech = factory_of("--voice_activity=silero", f"--models_folder={tmp_path}").speech
    with pytest.raises(PermanentError, match=r"silero-vad.*make models"):
        speech.open_voice_activity()


def test_all_languages_that_kokoro_knows_are_its_own_by_default() -> None:
    assert factory_of(*ALL_LOCAL).speech.local.voices is None


WHISPER = """[models.mine]
kind = "recognition"
engine = "whisper"
languages = ["en"]
memory_mb = 1
path = "/somewhere"
"""


@pytest.mark.parametrize(("cores", "moonshine", "whisper"), [(1, 3, 1), (2, 7, 1), (8, 29, 4)])
def test_a_machine_holds_as_many_talks_as_its_recogniser_has_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, moonshine: int, whisper: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    manifest = tmp_path / "models.toml"
    manifest.write_text(WHISPER)
    assert LocalSpeech().talks_at_once == moonshine
    assert LocalSpeech(manifest=manifest).talks_at_once == whisper


def test_what_lacks_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"moonshine-tiny-en.*make models"):
        LocalSpeech(folder=tmp_path).check()
    with pytest.raises(PermanentError, match=r"models\.toml is missing"):
        LocalSpeech(manifest=tmp_path / "models.toml").check()
