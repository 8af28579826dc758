"""The neural engines of this machine as one choice: where their models are, and who speaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from connectors.interfaces.errors import PermanentError
from connectors.local.model_store import (
    FOLDER,
    MANIFEST,
    Machine,
    Model,
    ModelStore,
    read_manifest,
)
from connectors.local.silero_voice_activity import SileroVoiceActivityFactory
from connectors.local.speech_synthesis import LocalSynthesizer, LocalSynthesizerSettings
from connectors.local.speech_to_text import LocalSpeechToText, LocalSpeechToTextSettings
from connectors.local.translation import LocalTranslator
from connectors.local.whisper_speech_to_text import WhisperSettings, WhisperSpeechToText

KINDS = ("recognition", "translation", "voice", "voice_activity")


@dataclass(frozen=True, slots=True)
class LocalSpeech:
    """``manifest``, ``folder``: None: those of the project where a worker runs.

    ``voices``: the languages that Kokoro speaks, None for all that it can; espeak-ng speaks the
    others. A talk into more languages than the cores hold is better off with few."""

    manifest: Path | None = None
    folder: Path | None = None
    voices: tuple[str, ...] | None = None

    def open_speech_to_text(self) -> LocalSpeechToText | WhisperSpeechToText:
        """The model that stands last in the manifest: a user's own comes after the project's."""
        store = self._store()
        if self._is_by_whisper(named := store.manifest.of_kind("recognition")):
            return WhisperSpeechToText(named[-1], store, self.open_voice_activity())
        return LocalSpeechToText(store=store)

    @property
    def talks_at_once(self) -> int:
        """How many sessions the recogniser of this machine holds; one more is refused."""
        if self._is_by_whisper(self.models("recognition")):
            return WhisperSettings().max_streams
        return LocalSpeechToTextSettings().max_streams

    def open_translator(self) -> LocalTranslator:
        return LocalTranslator(store=self._store())

    def open_synthesizer(self) -> LocalSynthesizer:
        return LocalSynthesizer(LocalSynthesizerSettings(only=self.voices), store=self._store())

    def open_voice_activity(self) -> SileroVoiceActivityFactory:
        """Loads its model, 1.3 MB. PermanentError: it is not on this machine."""
        store = self._store()
        models = store.manifest.of_kind("voice_activity")
        if not models:
            raise PermanentError("models.toml names no model of kind voice_activity")
        return SileroVoiceActivityFactory.load(store.require(models[0]))

    def models(self, kind: str) -> tuple[Model, ...]:
        """Those of the manifest; of several that serve a language the last one does."""
        return self._store().manifest.of_kind(kind)

    def recognises(self, language: str) -> bool:
        return any(language in model.languages for model in self.models("recognition")[-1:])

    def check(self, kinds: Iterable[str] = KINDS) -> None:
        """PermanentError that says what to do, before anything is started: a model lacks, or this
        machine cannot hold them all."""
        store = self._store()
        wanted = [model for kind in kinds for model in store.manifest.of_kind(kind)]
        for model in wanted:
            store.require(model)
        Machine.this().require(sum(model.memory_mb for model in wanted), "the neural engines")

    @staticmethod
    def _is_by_whisper(named: tuple[Model, ...]) -> bool:
        return bool(named) and named[-1].engine == "whisper"

    def _store(self) -> ModelStore:
        return ModelStore(read_manifest(self.manifest or MANIFEST), self.folder or FOLDER)
