"""What the demo's screen says about the engines, and what they are run with."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.interfaces.errors import PermanentError
from connectors.local.engines import LocalSpeech
from local_stack import local_speech
from local_stack.processes import ProcessError
from local_stack.speech_engines import demo_engines
from local_stack.stack import StackSettings

pytestmark = pytest.mark.unit

SETTINGS = StackSettings(Path("/somewhere"), job_options=("--segmentation=pause",))


def test_offline_changes_nothing_and_names_its_three_engines() -> None:
    with demo_engines("offline", SETTINGS) as engines:
        assert engines.settings == SETTINGS
        assert [line.split()[0] for line in engines.in_words] == [
            "pocketsphinx",
            "Apertium",
            "espeak-ng",
        ]
        assert list(engines.languages) == ["es", "ca", "pt"]


def test_local_says_how_each_language_is_reached_and_who_speaks() -> None:
    recognition, translation, voices = local_speech.engines_in_words()
    assert recognition == "Moonshine recognises"
    assert translation.startswith("pt: a neural model (en-pt); es: a neural model (en-pt), then")
    assert voices == "Kokoro speaks pt where it is in time, espeak-ng everything else"


def test_local_is_run_with_its_engines_when_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalSpeech, "check", lambda _self: None)
    with demo_engines("local", SETTINGS) as engines:
        settings = engines.settings
    assert (settings.speech_to_text, settings.translation) == ("local", "local")
    assert settings.job_options == ("--segmentation=pause", "--local_voices=pt")
    held = LocalSpeech().talks_at_once
    assert settings.gateway_options == ("--languages=local", f"--talks-at-once={held}")


def test_local_without_its_models_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_self: LocalSpeech) -> None:
        raise PermanentError("model kokoro-82m is missing: run `make models`")

    monkeypatch.setattr(LocalSpeech, "check", lacking)
    with (
        pytest.raises(ProcessError, match="make models"),
        demo_engines("local", SETTINGS),
    ):
        pass
