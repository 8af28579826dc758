"""Recognition by a Whisper model on this machine: faster-whisper in a process of its own."""

from __future__ import annotations

import asyncio
import math
import os
from dataclasses import dataclass, field

from connectors.calls.line_speech_stream import (
    LineSpeechStream,
    LineStreamSettings,
    Transcription,
)
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.speech_to_text import RecogniserCapabilities
from connectors.interfaces.stream_checks import check_opening, check_places
from connectors.interfaces.voice_activity import VoiceActivityFactory
from connectors.local.engine_process import EngineProcess
from connectors.local.model_store import Machine, Model, ModelStore
from connectors.local.speech_synthesis import VoiceEngine
from connectors.local.whisper_process import read_answer


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """``hangs_after_s``: a line that takes longer to transcribe has its process killed."""

    stream: LineStreamSettings = field(default_factory=LineStreamSettings)
    max_streams: int = field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2))
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    start_timeout_s: float = 60.0
    hangs_after_s: float = 30.0


class WhisperSpeechToText:
    """One language; all streams take turns at the engine's process, line by line."""

    def __init__(
        self,
        model: Model,
        store: ModelStore,
        detectors: VoiceActivityFactory,
        settings: WhisperSettings | None = None,
        machine: Machine | None = None,
        engine: VoiceEngine | None = None,
    ) -> None:
        self._model = model
        self._store = store
        self._detectors = detectors
        self._settings = settings or WhisperSettings()
        self._machine = machine
        if len(model.languages) != 1:
            raise PermanentError(f"models.toml: [models.{model.name}] needs one language")
        self._engine = engine or EngineProcess(
            "whisper",
            "connectors.local.whisper_process",
            str(store.folder_of(model)),
            *model.languages,
            str(self._settings.threads),
            start_timeout_s=self._settings.start_timeout_s,
        )
        self._streams: set[LineSpeechStream] = set()
        self._is_closed = False

    @property
    def report_every_s(self) -> float:
        return self._settings.stream.report_every_s

    @property
    def capabilities(self) -> RecogniserCapabilities:
        return RecogniserCapabilities(
            punctuates=True,
            marks_stable=True,
            settles_after_s=math.inf,
            times_are_estimated=True,
            gives_confidence=True,
        )

    def can_recognise(self, language: str) -> bool:
        return language in self._model.languages

    async def open(self, language: str, *, sample_rate_hz: int) -> LineSpeechStream:
        check_opening(
            *("whisper", language, sample_rate_hz),
            is_closed=self._is_closed,
            is_offered=self.can_recognise(language),
        )
        check_places(len(self._streams), self._settings.max_streams)
        if self._engine.process_id is None:
            await asyncio.to_thread(self._store.require, self._model)
            machine = self._machine or await asyncio.to_thread(Machine.this)
            machine.require(self._model.memory_mb, f"model {self._model.name}")
            await self._engine.start()
        stream = LineSpeechStream(
            self._transcribe,
            self._detectors.detector(),
            self._settings.stream,
            self._streams.discard,
        )
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(*(stream.close() for stream in tuple(self._streams)))
        await self._engine.close()

    async def _transcribe(self, pcm: bytes) -> Transcription:
        return read_answer(await self._engine.call(pcm, self._settings.hangs_after_s))
