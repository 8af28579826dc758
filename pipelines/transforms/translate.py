"""Step 3: one call per active language, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from connectors.interfaces.errors import ConnectorError, NoEntryError, RetryableError
from pipelines.runtime.supervision import unexpected
from pipelines.runtime.worker import CallSite
from schemas.values import (
    DeadLetter,
    EntryKind,
    LedgerEntry,
    Route,
    RoutedUtterance,
    Timeline,
    Translation,
    Utterance,
)

_SKIPPED = {EntryKind.GAP: "gap", EntryKind.FAILED: "failed"}


class TranslateUtterance:
    """A handler of ``AsyncDoFn``. What the ledger holds as an outcome is not translated again."""

    stage = "translate"

    def call_id(self, item: RoutedUtterance) -> str:
        entry = item.utterance.entry
        languages = ",".join(route.language for route in item.routes)
        return f"{entry.session_id}/{entry.number}/{languages}"

    async def answers(
        self, item: RoutedUtterance, at: CallSite
    ) -> AsyncIterator[Translation | DeadLetter]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._of_route(item.utterance, route, at))
                for route in item.routes
            ]
            for done in asyncio.as_completed(tasks):
                for answer in await done:
                    yield answer

    def failed(
        self, item: RoutedUtterance, error: Exception, at: CallSite
    ) -> Iterable[Translation | DeadLetter]:
        entry, timeline = item.utterance.entry, item.utterance.timeline
        for route in item.routes:
            yield from _failed(entry, route, timeline, error, at.now_ms())

    async def _of_route(
        self, utterance: Utterance, route: Route, at: CallSite
    ) -> list[Translation | DeadLetter]:
        """What an engine raises in one language is told to the listeners of that language alone."""
        make = self._one if at.releases is None else self._released
        try:
            return await make(utterance, route, at)
        except Exception as error:
            if not isinstance(error, ConnectorError):
                unexpected("a translation")
            return _failed(utterance.entry, route, utterance.timeline, error, at.now_ms())

    async def _one(
        self, utterance: Utterance, route: Route, at: CallSite
    ) -> list[Translation | DeadLetter]:
        entry, timeline = utterance.entry, utterance.timeline
        fixed = entry.outcome(route.language)
        if fixed is not None:
            return [
                Translation(
                    entry,
                    route,
                    fixed.text,
                    timeline.mark("translate", at.now_ms()),
                    fixed.skipped,
                    is_fixed=True,
                    is_repeat=utterance.is_repeat,
                )
            ]
        skipped = _SKIPPED.get(entry.kind)
        if skipped is not None:
            return [Translation(entry, route, "", timeline, skipped)]
        if route.language == entry.language:
            return [Translation(entry, route, entry.text, timeline.mark("translate", at.now_ms()))]
        text = await at.speculation.translation(entry, route.language)
        return [Translation(entry, route, text, timeline.mark("translate", at.now_ms()))]

    async def _released(
        self, utterance: Utterance, route: Route, at: CallSite
    ) -> list[Translation | DeadLetter]:
        """What the language's run makes of the utterance: a phrase to be voiced, a notice, or
        nothing that listeners are told under its number."""
        assert at.releases is not None
        entry, timeline = utterance.entry, utterance.timeline
        session_id, number, language = entry.session_id, entry.number, route.language
        try:
            made = await at.releases.made(session_id, number, language)
        except RetryableError:
            at.settled(session_id, number, language, False)  # it is delivered again
            return []
        except NoEntryError:
            # Its session was erased meanwhile: no listener is owed it.
            at.settled(session_id, number, language, True, is_announced=False)
            return []
        timeline = timeline.mark("translate", at.now_ms())
        found: list[Translation | DeadLetter] = []
        if made.failure:
            key = f"{session_id}/{number}/{language}"
            found.append(
                DeadLetter("translate", made.failure, key, at.now_ms(), session_id=session_id)
            )
        outcome = made.outcome
        if outcome.is_announced:
            text = outcome.text if made.phrase is None else made.phrase.release.phrase
            found.append(
                Translation(
                    entry,
                    route,
                    text,
                    timeline,
                    outcome.skipped,
                    is_fixed=True,
                    phrase=made.phrase,
                    is_repeat=utterance.is_repeat,
                )
            )
        else:
            at.settled(session_id, number, language, True, is_announced=False)
        return found


def _failed(
    entry: LedgerEntry, route: Route, timeline: Timeline, error: Exception, now_ms: int
) -> list[Translation | DeadLetter]:
    key = f"{entry.session_id}/{entry.number}/{route.language}"
    return [
        Translation(entry, route, "", timeline.mark("translate", now_ms), "failed"),
        DeadLetter("translate", type(error).__name__, key, now_ms, session_id=entry.session_id),
    ]
