"""Step 5: one call per active language, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from connectors.errors import ConnectorError
from connectors.policy import call
from pipelines.worker.calls import CallSite
from schemas.values import (
    DeadLetter,
    EntryKind,
    LedgerEntry,
    Route,
    RoutedUtterance,
    Timeline,
    Translation,
)

_SKIPPED = {EntryKind.GAP: "gap", EntryKind.FAILED: "failed"}


class TranslateUtterance:
    """The routes are recorded in the ledger before anything is said in them: after a restart the
    same utterance goes to the same languages, and a checker knows what was owed."""

    stage = "translate"

    def call_id(self, item: RoutedUtterance) -> str:
        entry = item.utterance.entry
        return f"{entry.session_id}/{entry.number}"

    async def answers(
        self, item: RoutedUtterance, at: CallSite
    ) -> AsyncIterator[Translation | DeadLetter]:
        entry, timeline = item.utterance.entry, item.utterance.timeline
        ledger = at.connectors.ledger
        routes = await call(
            at.connectors.policies.ledger,
            lambda: ledger.set_routes(entry.session_id, entry.number, item.routes),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(entry, route, timeline, at)) for route in routes]
            for done in asyncio.as_completed(tasks):
                for answer in await done:
                    yield answer

    def failed(
        self, item: RoutedUtterance, error: Exception, at: CallSite
    ) -> Iterable[Translation | DeadLetter]:
        for route in item.routes:
            yield from _failed(
                item.utterance.entry, route, item.utterance.timeline, error, at.now_ms()
            )

    async def _one(
        self, entry: LedgerEntry, route: Route, timeline: Timeline, at: CallSite
    ) -> list[Translation | DeadLetter]:
        skipped = _SKIPPED.get(entry.kind)
        if skipped is not None:
            return [Translation(entry, route, "", timeline, skipped)]
        if route.language == entry.language:
            return [Translation(entry, route, entry.text, timeline.mark("translate", at.now_ms()))]
        if entry.is_older_than(at.connectors.policies.text_within_s, at.now_ms()):
            return [Translation(entry, route, "", timeline, "late")]
        try:
            text = await at.ahead.translation(entry, route.language)
        except ConnectorError as error:
            return _failed(entry, route, timeline, error, at.now_ms())
        return [Translation(entry, route, text, timeline.mark("translate", at.now_ms()))]


def _failed(
    entry: LedgerEntry, route: Route, timeline: Timeline, error: Exception, now_ms: int
) -> list[Translation | DeadLetter]:
    key = f"{entry.session_id}/{entry.number}/{route.language}"
    return [
        Translation(entry, route, "", timeline.mark("translate", now_ms), "failed"),
        DeadLetter("translate", type(error).__name__, key, now_ms, session_id=entry.session_id),
    ]
