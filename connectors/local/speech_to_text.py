"""Recognition by a neural model on this machine: Moonshine, in a process of its own."""

from __future__ import annotations

import asyncio
import math
import os
from dataclasses import dataclass, field

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.speech_to_text import RecogniserCapabilities
from connectors.local.model_store import Machine, Model, ModelStore, read_manifest
from connectors.offline.speech_to_text import (
    ProcessSpeechToText,
    ProcessSpeechToTextSettings,
    RecogniserProgram,
)

CORES_A_SPEAKER = 0.55
"""Measured 0.41 to 0.45 with updates every 0.5 s (docs/engines.md), and room for the rest."""


def _streams_of_this_machine() -> int:
    """As many as its cores hold at half the rate of updates, to which lag takes a stream."""
    return max(2, int(2 * (os.cpu_count() or 1) / CORES_A_SPEAKER))


@dataclass(frozen=True, slots=True)
class LocalSpeechToTextSettings:
    """``most_steps``: a stream that is behind is decoded once for up to so many updates' audio.

    ``max_streams``: one more is refused with ThrottledError rather than slowing all others down.
    ``hangs_after_s``: as ``ProcessSpeechToTextSettings`` has it.
    """

    report_every_s: float = 0.5
    most_steps: int = 4
    max_streams: int = field(default_factory=_streams_of_this_machine)
    start_timeout_s: float = 30.0
    hangs_after_s: float = 30.0


class LocalSpeechToText(ProcessSpeechToText):
    """What the manifest names of kind ``recognition``; the first model of a language serves it."""

    def __init__(
        self,
        settings: LocalSpeechToTextSettings | None = None,
        store: ModelStore | None = None,
        machine: Machine | None = None,
    ) -> None:
        chosen = settings or LocalSpeechToTextSettings()
        self._store = store or ModelStore(read_manifest())
        self._machine = machine
        named = self._store.manifest.of_kind("recognition")
        models = [model for model in named if model.engine == "moonshine"]
        if not models:
            raise PermanentError("models.toml names no model of kind recognition")
        self._model: Model = models[0]
        super().__init__(
            RecogniserProgram(
                "local",
                "connectors.local.recognition_process",
                frozenset(self._model.languages),
                (str(self._store.folder_of(self._model)), str(chosen.most_steps)),
            ),
            ProcessSpeechToTextSettings(
                report_every_s=chosen.report_every_s,
                max_streams=chosen.max_streams,
                open_timeout_s=chosen.start_timeout_s,
                hangs_after_s=chosen.hangs_after_s,
            ),
        )

    @property
    def capabilities(self) -> RecogniserCapabilities:
        return RecogniserCapabilities(
            punctuates=True,
            marks_stable=True,
            settles_after_s=math.inf,
            times_are_estimated=True,
        )

    async def check(self) -> None:
        if self.model_process_id is not None:
            return
        await asyncio.to_thread(self._store.require, self._model)
        machine = self._machine or await asyncio.to_thread(Machine.this)
        machine.require(self._model.memory_mb, f"model {self._model.name}")
