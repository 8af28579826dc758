"""Voices on this machine: Kokoro where it has one and is in time, espeak-ng otherwise."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from connectors.interfaces.errors import ConnectorError, PermanentError, RetryableError
from connectors.interfaces.speech_synthesis import SpeechSynthesizer
from connectors.local.engine_process import EngineProcess
from connectors.local.loudness import level
from connectors.local.model_store import Machine, Model, ModelStore, read_manifest
from connectors.local.voice_choice import Turn, VoiceChoice
from connectors.local.voice_process import VOICES, read_answer
from connectors.offline.speech_synthesis import OfflineSynthesizer
from schemas.values import Clip

_log = logging.getLogger(__name__)
_TELL_EVERY_S = 10.0
_FIRST_GUESS_S_A_SIGN = 0.04
"""A sign of text is 0.065 s of speech, made in 0.7 of its length on one core."""
_SIGNS_A_PHRASE = 8
"""What each phrase costs besides its signs: "tinha" takes as long as 13 signs of a sentence."""
_WEIGHT_OF_SLOWER = 0.5
_WEIGHT_OF_FASTER = 0.2
"""A machine that gets busy is believed sooner than one that gets free: a phrase that is begun and
not made in time costs its listeners the whole deadline, and Kokoro the turn of another."""
_NICENESS = 10
"""Words come before voices: Kokoro would take both cores from recognition, and from Apertium, which
loads dictionaries when a listener joins."""


@dataclass(frozen=True, slots=True)
class LocalSynthesizerSettings:
    """``deadline_s``: from the request to the clip. A phrase that Kokoro cannot be expected to have
    made by then, or that it has not, is spoken by espeak-ng, and so are those that follow
    (``voice_choice``). ``only``: the languages that Kokoro speaks; None: all that it can."""

    deadline_s: float = 2.5
    only: tuple[str, ...] | None = None
    threads: int = field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2))
    start_timeout_s: float = 30.0
    hangs_after_s: float = 60.0
    longest_text: int = 3_000


class VoiceEngine(Protocol):
    """The part of ``EngineProcess`` that is used here."""

    @property
    def process_id(self) -> int | None: ...
    async def start(self) -> None: ...
    async def call(self, request: bytes, timeout_s: float) -> bytes: ...
    async def close(self) -> None: ...


class LocalSynthesizer:
    """What the manifest names of kind ``voice``; ``spare`` speaks all other languages too."""

    def __init__(
        self,
        settings: LocalSynthesizerSettings | None = None,
        store: ModelStore | None = None,
        machine: Machine | None = None,
        spare: SpeechSynthesizer | None = None,
        engine: VoiceEngine | None = None,
    ) -> None:
        self._settings = settings or LocalSynthesizerSettings()
        self._store = store or ModelStore(read_manifest())
        self._machine = machine
        self._spare = spare or OfflineSynthesizer(finish=level)
        models = self._store.manifest.of_kind("voice")
        if not models:
            raise PermanentError("models.toml names no model of kind voice")
        self._model: Model = models[0]
        self._languages = frozenset(self._model.languages) & VOICES.keys()
        if self._settings.only is not None:
            self._languages &= frozenset(self._settings.only)
        self._engine = engine or EngineProcess(
            "voices",
            "connectors.local.voice_process",
            str(self._store.folder_of(self._model)),
            str(self._settings.threads),
            start_timeout_s=self._settings.start_timeout_s,
            niceness=_NICENESS,
        )
        self._is_ready = False
        self._is_closed = False
        self._turn = asyncio.Lock()
        self._waiting_signs = 0
        self._s_a_sign = _FIRST_GUESS_S_A_SIGN
        self._choices = {
            language: VoiceChoice(self._settings.deadline_s) for language in self._languages
        }
        self._trials: set[asyncio.Task[None]] = set()
        self._told_at_s = float("-inf")
        self.late = 0
        """Phrases that espeak-ng spoke although Kokoro has a voice."""
        self.spoken = 0
        """Phrases that Kokoro spoke."""

    @property
    def engine_process_id(self) -> int | None:
        """For operators and tests; None while no engine runs."""
        return self._engine.process_id

    @property
    def changes(self) -> int:
        """How often a language changed its voice."""
        return sum(choice.changes for choice in self._choices.values())

    @property
    def is_scarce(self) -> bool:
        return bool(self._languages)

    def can_speak(self, language: str) -> bool:
        return language in self._languages or self._spare.can_speak(language)

    async def warm(self) -> None:
        """Load the model ahead of the first phrase."""
        await self._check()
        await self._engine.start()

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        if self._is_closed:
            raise PermanentError("this synthesizer is closed")
        if language not in self._languages:
            return await self._spare.synthesize(text, language, quality_tier=quality_tier)
        if not any(character.isalnum() for character in text):
            raise PermanentError("nothing in the text can be voiced")
        if len(text) > self._settings.longest_text:
            raise PermanentError(f"{len(text)} characters; at most {self._settings.longest_text}")
        await self._check()
        choice = self._choices[language]
        expected_s = (self._waiting_signs + _signs(text)) * self._s_a_sign
        turn = choice.turn(expected_s, is_idle=not self._turn.locked())
        if turn is Turn.OWN:
            try:
                async with asyncio.timeout(self._settings.deadline_s):
                    clip = await self._speak(text, language, lambda: choice.is_own)
                self.spoken += 1
                return clip
            except (TimeoutError, RetryableError):
                choice.was_late()
        elif turn is Turn.TRIAL:
            trial = asyncio.create_task(self._try(text, language, choice))
            self._trials.add(trial)
            trial.add_done_callback(self._trials.discard)
        self._count_late()
        return await self._spare.synthesize(text, language, quality_tier=quality_tier)

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(self._engine.close(), self._spare.close())
        await asyncio.gather(*self._trials, return_exceptions=True)

    async def _try(self, text: str, language: str, choice: VoiceChoice) -> None:
        """Make a phrase that nobody hears: how fast Kokoro is now, no estimate can tell."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            await self._speak(text, language, lambda: True)
        except ConnectorError:
            choice.was_tried(float("inf"))
            return
        took_s = loop.time() - began_s
        self._s_a_sign = min(self._s_a_sign, took_s / _signs(text))
        choice.was_tried(took_s)

    async def _speak(self, text: str, language: str, is_wanted: Callable[[], bool]) -> Clip:
        """By Kokoro, however long it takes. A caller that gives up before the phrase's turn takes
        it back; a phrase that is begun counts as waiting until the engine is done with it.
        RetryableError: it is not wanted any more when its turn has come."""
        signs = _signs(text)
        self._waiting_signs += signs
        try:
            await self._turn.acquire()
        except asyncio.CancelledError:
            self._waiting_signs -= signs
            raise
        if not is_wanted():
            self._turn.release()
            self._waiting_signs -= signs
            raise RetryableError("the language has changed its voice")
        request = json.dumps({"text": text, "language": language}).encode()
        call = asyncio.ensure_future(self._engine.call(request, self._settings.hangs_after_s))

        def is_over(done: asyncio.Future[bytes]) -> None:
            self._turn.release()
            self._waiting_signs -= signs
            if not done.cancelled() and done.exception() is None:
                _, took_s = read_answer(done.result())
                change = took_s / signs - self._s_a_sign
                self._s_a_sign += change * (_WEIGHT_OF_SLOWER if change > 0 else _WEIGHT_OF_FASTER)

        call.add_done_callback(is_over)
        clip, _ = read_answer(await asyncio.shield(call))
        return clip

    def _count_late(self) -> None:
        self.late += 1
        now_s = asyncio.get_running_loop().time()
        if now_s - self._told_at_s >= _TELL_EVERY_S:
            self._told_at_s = now_s
            _log.warning(
                "espeak-ng speaks: Kokoro was late; %d of %d phrases so far, %d changes of voice",
                *(self.late, self.late + self.spoken, self.changes),
            )

    async def _check(self) -> None:
        if self._is_ready:
            return
        await asyncio.to_thread(self._store.require, self._model)
        machine = self._machine or await asyncio.to_thread(Machine.this)
        machine.require(self._model.memory_mb, f"model {self._model.name}")
        self._is_ready = True


def _signs(text: str) -> int:
    """What a phrase costs Kokoro, in signs of a long text."""
    return len(text) + _SIGNS_A_PHRASE
