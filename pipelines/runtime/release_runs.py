"""Translation cursors at work: what each committed utterance releases in each of its languages.

A *run* is one language of one session. It takes the session's utterances in order: the sentence so
far is translated, what the policy releases is fixed in the ledger, and the step that waits for the
utterance's outcome gets what stands there. A run that is new reads its sentence's earlier outcomes
back from the entries, and releases nothing again.

Captions come first: what is released, and the rest of the draft, go to those who asked for captions
as soon as they are fixed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from beam_flink_kit.loops import WorkerLoop
from connectors.calls.policy import call
from connectors.interfaces.errors import (
    ConnectorError,
    NoEntryError,
    PermanentError,
    RetryableError,
)
from connectors.interfaces.notifier import Audience
from connectors.interfaces.translation import TranslationHints, abilities_between
from connectors.registry import Connectors
from pipelines.runtime.supervision import Supervised, unexpected
from pipelines.sentences.cursor import Released, Step, TranslationCursor
from pipelines.sentences.phrases import is_phrase, voiced_text
from pipelines.sentences.settings import ReleaseSettings
from pipelines.session.messages import ONLY_READ, UNVOICED, translated_caption
from pipelines.session.sentence_track import SentencePart
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, Release, VoicedPhrase

_log = logging.getLogger(__name__)

LEDGER_WAIT_S = 1.0
CAPTION_WITHIN_S = 1.0
_SKIPPED = {EntryKind.GAP: "gap", EntryKind.FAILED: "failed"}


@dataclass(frozen=True, slots=True)
class Made:
    """What stands in the ledger for an utterance in a language. ``phrase``: what is voiced with it;
    None: nothing is. ``failure``: why a sentence has no translation, or not all of it."""

    outcome: FixedOutcome
    phrase: VoicedPhrase | None
    failure: str = ""


class ReleaseRuns:
    """The runs of a worker. All methods run in its loop."""

    def __init__(self, loop: WorkerLoop, connectors: Connectors, settings: ReleaseSettings) -> None:
        self._loop = loop
        self._connectors = connectors
        self._settings = settings
        self._runs: dict[tuple[str, str], LanguageRun] = {}

    def begin(self, entry: LedgerEntry, part: SentencePart) -> None:
        """An utterance of a session was committed, or is to be delivered again."""
        for route in entry.routes or ():
            key = (entry.session_id, route.language)
            run = self._runs.get(key)
            if run is None:
                run = self._runs[key] = LanguageRun(
                    entry, route.language, self._connectors, self._settings, self._loop
                )
            run.take(entry, part)

    async def made(self, session_id: str, number: int, language: str) -> Made:
        """RetryableError: nothing was begun here under this number. NoEntryError: its entry is
        gone."""
        run = self._runs.get((session_id, language))
        if run is None:
            raise RetryableError("no translation was begun for this utterance")
        return await run.made(number)

    def settled(self, session_id: str, number: int, language: str) -> None:
        """Listeners have what it came to: nobody asks for it again."""
        run = self._runs.get((session_id, language))
        if run is not None:
            run.settled(number)

    def forget(self, session_id: str) -> None:
        """The session is over, or served elsewhere."""
        for key in [each for each in self._runs if each[0] == session_id]:
            self._runs.pop(key).close()

    async def close(self) -> None:
        for run in self._runs.values():
            run.close()
        self._runs.clear()


@dataclass(frozen=True, slots=True)
class _Job:
    entry: LedgerEntry
    part: SentencePart

    def is_voiced(self, language: str) -> bool:
        routes = self.entry.routes or ()
        return any(route.language == language and route.is_voiced for route in routes)


class LanguageRun:
    """One language of one session, an utterance at a time."""

    def __init__(
        self,
        first: LedgerEntry,
        language: str,
        connectors: Connectors,
        settings: ReleaseSettings,
        loop: WorkerLoop,
    ) -> None:
        """``first``: the entry that it begins with, whose language decides the policy."""
        self._session_id = first.session_id
        self._language = language
        self._connectors = connectors
        self._settings = settings
        self._loop = loop
        abilities = abilities_between(connectors.translator, first.language, language)
        self._cursor = TranslationCursor(settings.policy(continues=abilities.prefix), settings.pace)
        self._jobs: deque[_Job] = deque()
        self._made: dict[int, asyncio.Future[Made]] = {}
        self._texts: list[str] = []
        """The releases of the cursor's sentence."""
        self._unvoiced = ""
        self._voiced_through = -1
        self._last_number = -1
        self._told: int | None = None
        self._preview = ""
        """The rest of the last draft, until there is another."""
        self._shown: tuple[int, str, str, bool] | None = None
        self._is_new = True
        self._supervised = Supervised()
        self._working: asyncio.Task[None] | None = None

    def take(self, entry: LedgerEntry, part: SentencePart) -> None:
        if entry.number in self._made:
            return
        self._made[entry.number] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(entry, part))
        if self._working is None or self._working.done():
            self._working = self._supervised.once("a translation run", self._work())

    async def made(self, number: int) -> Made:
        future = self._made.get(number)
        if future is None:
            raise RetryableError("no translation was begun for this utterance")
        return await asyncio.shield(future)

    def settled(self, number: int) -> None:
        future = self._made.get(number)
        if future is not None and future.done():
            del self._made[number]

    def close(self) -> None:
        self._supervised.close()
        for future in self._made.values():
            if not future.done():
                future.set_exception(RetryableError("the session is served elsewhere"))
                future.exception()  # who waits for it is told; perhaps nobody does

    async def _work(self) -> None:
        while self._jobs:
            job = self._jobs.popleft()
            future = self._made.get(job.entry.number)
            try:
                made = await self._one(job)
            except Exception as error:  # the next utterance goes on
                if not isinstance(error, ConnectorError):
                    unexpected("a translation run")
                self._cursor.resume(self._cursor.sentence, self._texts)
                if not isinstance(error, NoEntryError):  # else it is not to be begun anew
                    self._made.pop(job.entry.number, None)
                if future is not None and not future.done():
                    future.set_exception(error)
                    future.exception()
            else:
                if future is not None and not future.done():
                    future.set_result(made)

    async def _one(self, job: _Job) -> Made:
        entry, part = job.entry, job.part
        if entry.number > self._last_number:
            self._stand_at(part)
        stands = entry.outcome(self._language)
        failure = ""
        if stands is None:
            released = await self._released(job)
            failure = released.refused if released.ends else ""
            wanted = self._outcome(job, released)
            stands = await self._fixed(entry.number, wanted)
            self._follow(stands, part)
            self._preview = "" if part.ends else released.preview
            if stands == wanted and part.number >= 0:
                self._supervised.once("a caption", self._show(entry, part, released))
        else:
            self._follow(stands, part)
        phrase = None
        if stands.release is not None and stands.release.phrase:
            phrase = _phrase(stands.release, part)
        return Made(stands, phrase, failure)

    # Where it stands ----------------------------------------------------------------------------

    def _stand_at(self, part: SentencePart) -> None:
        """Go on in the entry's sentence, or begin it with what was released of it before."""
        if self._is_new:
            self._is_new = False
            self._told = (part.told or {}).get(self._language) if self._told is None else self._told
        elif part.number == self._cursor.sentence or part.number < 0:
            return
        self._texts, self._unvoiced = [], ""
        self._voiced_through = part.entries[0].number - 1
        self._cursor.resume(part.number, ())
        for earlier in part.entries[:-1]:
            outcome = earlier.outcome(self._language)
            if outcome is not None:
                self._follow(outcome, part, earlier.number)

    def _follow(self, stands: FixedOutcome, part: SentencePart, number: int | None = None) -> None:
        """What stands in the ledger is what is released, by whichever engine."""
        number = part.entries[-1].number if number is None else number
        if number <= self._last_number:
            return
        self._last_number = number
        release = stands.release
        if stands.is_announced:
            self._told = number
        if release is None:
            return
        if stands.text:
            self._texts.append(stands.text)
        released = "".join(self._texts)
        if self._cursor.released != released:
            self._cursor.resume(part.number, self._texts)
        self._unvoiced = "" if release.phrase else self._unvoiced + stands.text
        if release.phrase:
            self._voiced_through = number

    # Steps --------------------------------------------------------------------------------------

    async def _released(self, job: _Job) -> Released:
        entry, part = job.entry, job.part
        if part.number < 0:
            return Released(refused=_SKIPPED.get(entry.kind, "failed"))
        text = part.text
        if entry.number <= self._last_number:
            return Released()  # it failed before, and later words have been released since
        if entry.language == self._language:
            return Released(text[len("".join(self._texts)) :], ends=part.ends)
        overtaken = any(each.part.number == part.number for each in self._jobs)
        if overtaken and not part.ends:
            # More of the sentence is there by now: it is translated with that.
            return Released(preview=self._preview)
        is_late = not self._texts and any(
            not _goes_to(each, self._language) for each in part.entries[:-1]
        )
        step = self._cursor.step(part.number, text, is_final=part.ends, is_late=is_late)
        if step is None:
            return Released(preview="" if part.ends else self._preview, ends=part.ends)
        return await self._answered(step, job, text)

    async def _answered(self, step: Step, job: _Job, text: str) -> Released:
        draft = step.draft
        if draft is None:
            try:
                draft = await self._translate(step, job)
            except Exception as error:  # the sentence's next step tries again
                cause = type(error).__name__
                if isinstance(error, ConnectorError):
                    _log.warning("session %s: no translation: %s", self._session_id, cause)
                else:
                    unexpected("a translator")
                return self._cursor.failed(step, cause)
        return self._cursor.answered(step, draft, text)

    async def _translate(self, step: Step, job: _Job) -> str:
        translator, policies = self._connectors.translator, self._connectors.policies
        abilities = abilities_between(translator, job.entry.language, self._language)
        hints = abilities.of(
            TranslationHints(step.released, job.part.context, is_unfinished=step.is_unfinished)
        )
        return await call(
            policies.translate,
            lambda: translator.translate(
                step.source, job.entry.language, self._language, hints=hints
            ),
        )

    # Outcomes -----------------------------------------------------------------------------------

    def _outcome(self, job: _Job, released: Released) -> FixedOutcome:
        entry, part = job.entry, job.part
        waiting = self._unvoiced + released.text
        phrase = ""
        if part.number >= 0 and is_phrase(
            waiting, ends_sentence=part.ends, rules=self._settings.phrases
        ):
            phrase = voiced_text(waiting)
        first = next((each for each in part.entries if each.number > self._voiced_through), entry)
        release = Release(
            part.number,
            part.ends,
            phrase,
            first.number,
            first.captured_at_ms,
            self._told,
            released.catches_up,
        )
        skipped = None
        if part.number < 0 or (released.ends and released.refused and not phrase):
            skipped = _SKIPPED.get(entry.kind, "failed")
        elif phrase and not job.is_voiced(self._language):
            skipped = ONLY_READ
        elif phrase and not self._connectors.synthesizer.can_speak(self._language):
            skipped = UNVOICED
        elif phrase and entry.is_older_than(
            self._connectors.policies.voice_within_s, self._loop.now_ms()
        ):
            skipped = "late"  # shown, and not voiced
        return FixedOutcome(self._language, released.text, skipped, self._loop.now_ms(), release)

    async def _fixed(self, number: int, wanted: FixedOutcome) -> FixedOutcome:
        """What stands in the ledger. It is waited for: without it no listener may be told."""
        ledger, policies = self._connectors.ledger, self._connectors.policies
        while True:
            try:
                return await call(
                    policies.ledger, lambda: ledger.fix(self._session_id, number, wanted)
                )
            except PermanentError:
                raise
            except ConnectorError:
                await asyncio.sleep(LEDGER_WAIT_S)

    # Captions -----------------------------------------------------------------------------------

    async def _show(self, entry: LedgerEntry, part: SentencePart, released: Released) -> None:
        if self._language not in part.partial_languages:
            return
        text = "".join(self._texts)
        shown = (part.number, text, released.preview, part.ends)
        if shown == self._shown or not (text or released.preview or part.ends):
            return
        self._shown = shown
        message = translated_caption(
            entry, self._language, part.number, text, released.preview, is_final=part.ends
        )
        notifier = self._connectors.notifier
        await _tried(
            notifier.notify(self._session_id, self._language, message, audience=Audience.PARTIALS)
        )


def _phrase(release: Release, part: SentencePart) -> VoicedPhrase:
    covered = [each for each in part.entries if each.number >= release.from_number]
    text = " ".join(each.text for each in covered if each.text)
    return VoicedPhrase(release, text, sum(each.duration_s for each in covered))


def _goes_to(entry: LedgerEntry, language: str) -> bool:
    return any(route.language == language for route in entry.routes or ())


async def _tried(telling: Awaitable[Any]) -> None:
    """One attempt: a caption that is lost is followed by a newer one."""
    try:
        async with asyncio.timeout(CAPTION_WITHIN_S):
            await telling
    except (ConnectorError, TimeoutError):
        return
