"""Translation on this machine: neural models in a process of their own, Apertium where they end."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from connectors.calls.call_batch import CallBatch
from connectors.calls.text_splitter import split_text
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

ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class LocalTranslatorSettings:
    """A sentence takes 5 to 25 ms, 5,000 characters a second and a half; on a machine whose cores
    are taken many times as long. An engine that gives nothing for ``answer_timeout_s``, and
    ``answer_timeout_a_sign_s`` for each character, hangs and is killed."""

    answer_timeout_s: float = 10.0
    answer_timeout_a_sign_s: float = 0.02
    longest_text: int = 5_000
    most_at_once: int = 16


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
        self._batches: dict[str, CallBatch[tuple[str, str], str]] = {}
        self._is_closed = False

    @property
    def engine_process_id(self) -> int | None:
        """For operators and tests; None while no engine runs."""
        return self._engine.process_id

    @property
    def abilities(self) -> TranslationAbilities:
        return TranslationAbilities()

    def abilities_between(self, source: str, target: str) -> TranslationAbilities:
        """CTranslate2 continues a translation; behind another model, with that one's text."""
        route = self.route(source, target)
        steps = route.steps if route else ()
        if not steps:
            return TranslationAbilities()
        has_unfinished = any(map(self._knows_unfinished, steps))
        if not self._runs_on_ctranslate2(steps[-1]):
            return TranslationAbilities(unfinished=has_unfinished)
        return TranslationAbilities(
            prefix=True,
            batch=all(self._runs_on_ctranslate2(step) for step in steps),
            word_probabilities=len(steps) == 1,
            unfinished=has_unfinished,
        )

    def can_translate(self, source: str, target: str) -> bool:
        return self.route(source, target) is not None

    def route(self, source: str, target: str) -> Route | None:
        return find_route(self._models, self._apertium.can_translate, source, target)

    async def warm(self, source: str, target: str) -> None:
        route = self.route(source, target)
        for step in route.steps if route else ():
            if step.engine == NEURAL:
                await self._ask(step, {"asked": []})
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
        for number, step in enumerate(route.steps, 1):
            released = hints.released if number == len(route.steps) else ""
            if step.engine == NEURAL:
                # A model drops signs that it has never seen; a text of nothing else stays as it is.
                goes_on = hints.is_unfinished and self._knows_unfinished(step)
                asked = unfinished(clean) if goes_on else clean
                answer = (await self._translated(step, asked, released)).strip()
                clean = (without_ellipsis(answer) if goes_on else answer) or clean
            else:
                clean = await self._by_apertium(step, clean)
        return clean

    async def word_probabilities(
        self, text: str, translation: str, source: str, target: str
    ) -> tuple[float, ...]:
        if not self.abilities_between(source, target).word_probabilities:
            raise PermanentError(f"no engine says how sure it is from {source!r} to {target!r}")
        scored = [printable(text), printable(translation)]
        return tuple(await self._ask(Step(NEURAL, source, target), {"scored": scored}))

    async def close(self) -> None:
        self._is_closed = True
        await asyncio.gather(self._engine.close(), self._apertium.close())
        await asyncio.gather(*(batch.close() for batch in self._batches.values()))

    def _knows_unfinished(self, step: Step) -> bool:
        """Firefox's models know what an ellipsis means; with others it was not measured."""
        return step.engine == NEURAL and not self._runs_on_ctranslate2(step)

    def _runs_on_ctranslate2(self, step: Step) -> bool:
        return step.engine == NEURAL and self._model(step).engine == "ctranslate2"

    def _model(self, step: Step) -> Model:
        return self._models[step.source, step.target]

    async def _by_apertium(self, step: Step, text: str) -> str:
        """A model before it may have made the text longer than it was."""
        parts = split_text(text, self._settings.longest_text)
        return " ".join(
            [await self._apertium.translate(part, step.source, step.target) for part in parts]
        )

    async def _translated(self, step: Step, text: str, released: str) -> str:
        if not self._runs_on_ctranslate2(step):
            (answer,) = await self._ask(step, {"asked": [(text, "")]})
            return answer
        name = self._model(step).name
        if name not in self._batches:
            asking = partial(self._ask_batch, step)
            self._batches[name] = CallBatch(asking, self._settings.most_at_once)
        return await self._batches[name].call((text, released))

    async def _ask_batch(self, step: Step, asked: Sequence[tuple[str, str]]) -> list[str]:
        return await self._ask(step, {"asked": asked})

    async def _ask(self, step: Step, question: dict[str, Any]) -> list[Any]:
        model = self._model(step)
        folder = await self._require(model)
        request = {
            "folder": folder,
            "engine": model.engine,
            "source": step.source,
            "target": step.target,
            **question,
        }
        content, settings = json.dumps(request).encode(), self._settings
        within_s = settings.answer_timeout_s + settings.answer_timeout_a_sign_s * len(content)
        answer = await self._engine.call(content, within_s)
        return json.loads(answer)

    async def _require(self, model: Model) -> str:
        """Its folder, checked before it is loaded for the first time."""
        if model.name not in self._ready:
            await asyncio.to_thread(self._store.require, model)
            machine = self._machine or await asyncio.to_thread(Machine.this)
            machine.require(model.memory_mb, f"model {model.name}")
            self._ready.add(model.name)
        return str(self._store.folder_of(model))


def unfinished(text: str) -> str:
    """The text as a model takes it for the beginning of a sentence. Without the sign a model makes
    a whole sentence of it, at each step another one."""
    return f"{text} {ELLIPSIS}"


def without_ellipsis(text: str) -> str:
    return text.removesuffix(ELLIPSIS).removesuffix("...").rstrip()


def printable(text: str) -> str:
    """One line without control signs, halves of surrogates and what is not assigned."""
    shown = "".join(
        " "
        if unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co", "Zl", "Zp")
        else character
        for character in unicodedata.normalize("NFC", text)
    )
    return " ".join(shown.split())
