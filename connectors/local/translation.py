"""Translation on this machine: neural models in a process of their own, Apertium where they end."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from dataclasses import dataclass

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.translation import (
    NO_HINTS,
    TranslationAbilities,
    TranslationHints,
    Translator,
)
from connectors.local.engine_process import EngineProcess
from connectors.local.model_store import Machine, Model, ModelStore, read_manifest
from connectors.local.routes import NEURAL, Route, Step, find_route
from connectors.offline.translation import OfflineTranslator


@dataclass(frozen=True, slots=True)
class LocalTranslatorSettings:
    """A sentence takes 5 to 25 ms, 5,000 characters a second and a half; on a machine whose cores
    are taken many times as long. An engine that gives nothing for ``answer_timeout_s``, and
    ``answer_timeout_a_sign_s`` for each character, hangs and is killed."""

    answer_timeout_s: float = 10.0
    answer_timeout_a_sign_s: float = 0.02
    longest_text: int = 5_000


class LocalTranslator:
    """What the manifest names of kind ``translation``; ``apertium`` takes over by ``routes``."""

    def __init__(
        self,
        settings: LocalTranslatorSettings | None = None,
        store: ModelStore | None = None,
        machine: Machine | None = None,
        apertium: Translator | None = None,
    ) -> None:
        self._settings = settings or LocalTranslatorSettings()
        self._store = store or ModelStore(read_manifest())
        self._machine = machine
        self._apertium = apertium or OfflineTranslator()
        self._models: dict[tuple[str, str], Model] = {}
        for model in self._store.manifest.of_kind("translation"):
            source, target = model.languages
            self._models[source, target] = model  # the user's own stand last and win
        self._engine = EngineProcess("translation", "connectors.local.translation_process")
        self._ready: set[str] = set()
        self._is_closed = False

    @property
    def engine_process_id(self) -> int | None:
        """For operators and tests; None while no engine runs."""
        return self._engine.process_id

    @property
    def abilities(self) -> TranslationAbilities:
        return TranslationAbilities()

    def can_translate(self, source: str, target: str) -> bool:
        return self.route(source, target) is not None

    def route(self, source: str, target: str) -> Route | None:
        return find_route(self._models, self._apertium.can_translate, source, target)

    async def warm(self, source: str, target: str) -> None:
        route = self.route(source, target)
        for step in route.steps if route else ():
            if step.engine == NEURAL:
                await self._ask(step, "")
            else:
                await self._apertium.warm(step.source, step.target)

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        if self._is_closed:
            raise PermanentError("this translator is closed")
        route = self.route(source, target)
        if route is None:
            raise PermanentError(f"no route from {source!r} to {target!r}")
        if not text.strip():
            raise PermanentError("no text to translate")
        if len(text) > self._settings.longest_text:
            raise PermanentError(f"{len(text)} characters; at most {self._settings.longest_text}")
        clean = printable(text)
        if not any(character.isalnum() for character in clean):
            return text.strip()
        for step in route.steps:
            if step.engine == NEURAL:
                # A model drops signs that it has never seen; a text of nothing else stays as it is.
                clean = (await self._ask(step, clean)).strip() or clean
            else:
                clean = await self._apertium.translate(clean, step.source, step.target)
        return clean

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(self._engine.close(), self._apertium.close())

    async def _ask(self, step: Step, text: str) -> str:
        model = self._models[step.source, step.target]
        folder = await self._require(model)
        request = {
            "folder": folder,
            "engine": model.engine,
            "source": step.source,
            "target": step.target,
            "text": text,
        }
        patience_s = self._settings.answer_timeout_s + self._settings.answer_timeout_a_sign_s * len(
            text
        )
        answer = await self._engine.call(json.dumps(request).encode(), patience_s)
        return answer.decode()

    async def _require(self, model: Model) -> str:
        """Its folder, checked before it is loaded for the first time."""
        if model.name not in self._ready:
            await asyncio.to_thread(self._store.require, model)
            machine = self._machine or await asyncio.to_thread(Machine.this)
            machine.require(model.memory_mb, f"model {model.name}")
            self._ready.add(model.name)
        return str(self._store.folder_of(model))


def printable(text: str) -> str:
    """One line without control signs, halves of surrogates and what is not assigned."""
    shown = "".join(
        " "
        if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co", "Zl", "Zp")
        else character
        for character in unicodedata.normalize("NFC", text)
    )
    return " ".join(shown.split())
