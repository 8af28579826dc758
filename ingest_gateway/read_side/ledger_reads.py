"""A talk's ledger, read for many at once.

To read an hour's rows takes half a second of CPU, and anybody who may listen may ask for that as
often as joins are allowed: for a transcript, or from number 0 on. So whoever asks within a moment
shares one reading of the whole; what is new, which must be as it is now, is read for each.
"""

from __future__ import annotations

import asyncio

from connectors.calls.policy import Policies, call
from connectors.interfaces.ledger import Ledger
from schemas.values import LedgerEntry

FRESH_S = 2.0
DEEP = 200
"""Entries before the newest: a listener that asks for more gets those of a shared reading."""
_MAY_CHANGE = 100
"""Of the last entries outcomes are still fixed: these are never taken from an older reading."""

Entries = tuple[LedgerEntry, ...]


class LedgerReads:
    def __init__(self, ledger: Ledger, policies: Policies) -> None:
        self._ledger = ledger
        self._policy = policies.directory
        self._whole: dict[str, asyncio.Task[Entries]] = {}

    async def whole(self, session_id: str) -> Entries:
        """At most ``FRESH_S`` old. Raises ConnectorError."""
        reading = self._whole.get(session_id)
        if reading is None:
            reading = asyncio.create_task(self._read(session_id, -1))
            self._whole[session_id] = reading
            reading.add_done_callback(lambda done: self._keep(session_id, done))
        return await asyncio.shield(reading)

    async def after(self, session_id: str, number: int, newest: int) -> Entries:
        """All behind ``number``, the last ones as they are now. ``newest``: the highest number that
        is known to be there; -1: none is. Raises ConnectorError."""
        if 0 <= newest <= number + DEEP:
            return await self._read(session_id, number)
        whole = await self.whole(session_id)
        settled = [one for one in whole[:-_MAY_CHANGE] if one.number > number]
        last = settled[-1].number if settled else number
        return (*settled, *await self._read(session_id, last))

    async def _read(self, session_id: str, number: int) -> Entries:
        return await call(self._policy, lambda: self._ledger.after(session_id, number))

    def _keep(self, session_id: str, done: asyncio.Task[Entries]) -> None:
        """For a moment; an error for nobody who asks later."""
        if done.cancelled() or done.exception() is not None:
            self._whole.pop(session_id, None)
        else:
            asyncio.get_running_loop().call_later(FRESH_S, self._whole.pop, session_id, None)
