"""Speculative delivery: what the coming steps will ask of the services is asked as early as it can
be.

Between the ledger and the steps that translate and voice lie a tick and a bundle. The services need
not wait for them: the moment an utterance is committed its translations and clips are begun here,
in the languages that it is routed to, and the steps find them under way or done. Earlier still,
when the segmenter says which words will probably be committed next (``speculate``); if other words
are, what was begun is thrown away. Nothing rests on either: a step that finds nothing here makes
the call itself, and what no step comes for is forgotten.

A session's steps run in the process that recognises it; a bounded run waits for its calls and has
none of this.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace

from beam_flink_kit.loops import WorkerLoop
from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.speech_synthesis import is_scarce
from connectors.registry import Connectors
from schemas.values import Clip, EntryKind, LedgerEntry

MOST_KEPT = 20_000
KEPT_MS = 60_000
MOST_SPECULATIONS = 2
"""At one utterance: what is guessed wrong is paid for."""
STANDARD_TIER = "standard"


@dataclass(frozen=True, slots=True)
class SpeculationCounts:
    """Translations with their clips; ``wasted``: those of them that a wrong guess cost."""

    begun: int = 0
    wasted: int = 0


_Key = tuple[str, int, str]


@dataclass(slots=True)
class _Start:
    began_at_ms: int
    translation: asyncio.Task[str]
    clip: asyncio.Task[Clip] | None
    """None: it is not begun before its words are committed."""

    @property
    def has_failed(self) -> bool:
        """So far."""
        return self.translation.done() and (
            self.translation.cancelled() or self.translation.exception() is not None
        )

    def cancel(self) -> None:
        self.translation.cancel()
        if self.clip is not None:
            self.clip.cancel()


@dataclass(frozen=True, slots=True)
class _Speculation:
    """``number``: of the guesses at the same utterance, from 1."""

    text: str
    number: int
    starts: dict[str, _Start]


class SpeculativeDelivery:
    """All but ``take_counts`` runs in the worker's loop."""

    def __init__(self, loop: WorkerLoop, connectors: Connectors, *, is_on: bool) -> None:
        self._loop = loop
        self._connectors = connectors
        self._is_on = is_on
        self._tiers: dict[str, str] = {}
        self._starts: OrderedDict[_Key, _Start] = OrderedDict()
        self._speculations: dict[str, _Speculation] = {}
        self._counts = self._taken = SpeculationCounts()
        self._taking = threading.Lock()

    def forget(self, session_id: str) -> None:
        """The session is over, or served elsewhere."""
        self._tiers.pop(session_id, None)
        self._drop_speculation(session_id)

    def speculate(
        self, session_id: str, text: str, spoken: str, languages: tuple[str, ...]
    ) -> None:
        """``text``, in the language ``spoken``, will probably be committed next."""
        if not self._is_on:
            return
        before = self._speculations.get(session_id)
        if before is not None and (before.text == text or before.number >= MOST_SPECULATIONS):
            return
        number = 1 if before is None else before.number + 1
        self._drop_speculation(session_id)
        is_voiced = not is_scarce(self._connectors.synthesizer)
        starts = {
            each: self._start(session_id, text, spoken, each, is_voiced=is_voiced)
            for each in languages
        }
        self._speculations[session_id] = _Speculation(text, number, starts)

    def begin(self, entry: LedgerEntry) -> None:
        """Begin what an entry that was committed just now is routed to."""
        if not self._is_on or entry.kind is not EntryKind.SPEECH:
            return
        if entry.is_older_than(self._connectors.policies.voice_within_s, self._loop.now_ms()):
            return  # it will not be voiced
        self._drop_old()
        speculated = self._speculated(entry)
        for language in (route.language for route in entry.routes or () if route.is_voiced):
            key = (entry.session_id, entry.number, language)
            if key in self._starts or len(self._starts) >= MOST_KEPT:
                continue
            if entry.outcome(language) is not None:
                continue  # it is told again: its text stands, and its clip is stored, perhaps
            start = speculated.get(language) or self._start(
                entry.session_id, entry.text, entry.language, language
            )
            if start.clip is None:
                start.clip = self._start_clip(entry.session_id, start.translation, language)
            self._starts[key] = start

    async def translation(self, entry: LedgerEntry, language: str) -> str:
        """Raises what the service raises, as a call made now does."""
        start = self._starts.get((entry.session_id, entry.number, language))
        if start is None:
            return await self._translate(entry.text, entry.language, language)
        return await asyncio.shield(start.translation)

    async def clip(self, entry: LedgerEntry, language: str, text: str) -> Clip:
        start = self._starts.pop((entry.session_id, entry.number, language), None)
        if start is None or start.clip is None or not await _says(start.translation, text):
            return await self._voice(text, language, await self._tier(entry.session_id))
        return await start.clip

    def take_counts(self) -> SpeculationCounts:
        """Since it was last called; from any thread."""
        with self._taking:
            before, self._taken = self._taken, self._counts
            return SpeculationCounts(
                self._taken.begun - before.begun, self._taken.wasted - before.wasted
            )

    async def close(self) -> None:
        for session_id in tuple(self._speculations):
            self._drop_speculation(session_id)
        for start in self._starts.values():
            start.cancel()
        self._starts.clear()

    def _start(
        self, session_id: str, text: str, spoken: str, language: str, *, is_voiced: bool = True
    ) -> _Start:
        translation = asyncio.create_task(self._translate(text, spoken, language))
        translation.add_done_callback(_look_at)
        clip = self._start_clip(session_id, translation, language) if is_voiced else None
        self._counts = replace(self._counts, begun=self._counts.begun + 1)
        return _Start(self._loop.now_ms(), translation, clip)

    def _start_clip(
        self, session_id: str, translation: asyncio.Task[str], language: str
    ) -> asyncio.Task[Clip]:
        clip = asyncio.create_task(self._voice_of(session_id, translation, language))
        clip.add_done_callback(_look_at)
        return clip

    def _drop_speculation(self, session_id: str) -> None:
        speculation = self._speculations.pop(session_id, None)
        if speculation is not None:
            wasted = self._counts.wasted + len(speculation.starts)
            self._counts = replace(self._counts, wasted=wasted)
            for start in speculation.starts.values():
                start.cancel()

    def _speculated(self, entry: LedgerEntry) -> dict[str, _Start]:
        """What was begun on these very words; what was begun on others is dropped."""
        speculation = self._speculations.get(entry.session_id)
        if speculation is None or speculation.text != entry.text:
            self._drop_speculation(entry.session_id)
            return {}
        del self._speculations[entry.session_id]
        return {each: start for each, start in speculation.starts.items() if not start.has_failed}

    def _drop_old(self) -> None:
        """What nobody came for: its routes were others, or its job has gone back."""
        oldest_ms = self._loop.now_ms() - KEPT_MS
        while self._starts:
            key, start = next(iter(self._starts.items()))
            if start.began_at_ms > oldest_ms:
                return
            del self._starts[key]

    async def _translate(self, text: str, spoken: str, language: str) -> str:
        if language == spoken:
            return text
        translator = self._connectors.translator
        return await call(
            self._connectors.policies.translate,
            lambda: translator.translate(text, spoken, language),
        )

    async def _voice_of(
        self, session_id: str, translation: asyncio.Task[str], language: str
    ) -> Clip:
        tier = await self._tier(session_id)
        return await self._voice(await asyncio.shield(translation), language, tier)

    async def _voice(self, text: str, language: str, tier: str) -> Clip:
        synthesizer = self._connectors.synthesizer
        return await call(
            self._connectors.policies.synthesize,
            lambda: synthesizer.synthesize(text, language, quality_tier=tier),
        )

    async def _tier(self, session_id: str) -> str:
        """The voices that the session asked for; where nobody can say, the ordinary ones."""
        if session_id not in self._tiers:
            directory = self._connectors.directory
            try:
                info = await call(
                    self._connectors.policies.directory, lambda: directory.find(session_id)
                )
            except ConnectorError:
                return STANDARD_TIER
            if len(self._tiers) >= MOST_KEPT:  # of sessions that were over when they were asked for
                self._tiers.clear()
            self._tiers[session_id] = STANDARD_TIER if info is None else info.quality_tier
        return self._tiers[session_id]


async def _says(translation: asyncio.Task[str], text: str) -> bool:
    """Whether the clip that follows ``translation`` is one of ``text``."""
    return translation.done() and not translation.exception() and translation.result() == text


def _look_at(task: asyncio.Task[str] | asyncio.Task[Clip]) -> None:
    """An error is its caller's, if one comes; asyncio must not complain if none does."""
    if not task.cancelled():
        task.exception()
