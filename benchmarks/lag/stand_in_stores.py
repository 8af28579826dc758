"""Ledger and clip store that live in the flow's own process and answer after the time they take.

The local cloud is one Python process: it holds some thirty talks of the job before it is the
slowest thing on the machine. Loads beyond that have these in its place, both flows alike; the
stream, the sessions' tables and the notifications stay what they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.overhead.stand_ins import NoStore, ShortLedger
from connectors.registry import Connectors
from pipelines.runtime.worker import ConnectorFactory
from schemas.values import FixedOutcome, LedgerEntry, LedgerHead

LEDGER_S, STORE_S = 0.01, 0.03
"""Of a conditional write, and of a clip of some 10 KB, as a service near by answers."""

STORES_OPTION = "--stand_in_stores"


@dataclass(frozen=True, slots=True)
class WithStandInStores:
    """A ``ConnectorFactory``: those of ``inner`` but for the two stores."""

    inner: ConnectorFactory

    def build(self) -> Connectors:
        return replace(self.inner.build(), ledger=TimedLedger(), clip_store=TimedStore())


class TimedLedger(ShortLedger):
    async def commit(self, entry: LedgerEntry) -> LedgerEntry:
        await asyncio.sleep(LEDGER_S)
        return await super().commit(entry)

    async def fix(self, session_id: str, number: int, outcome: FixedOutcome) -> FixedOutcome:
        await asyncio.sleep(LEDGER_S)
        return await super().fix(session_id, number, outcome)

    async def save_head(self, head: LedgerHead) -> None:
        await asyncio.sleep(LEDGER_S)
        await super().save_head(head)


class TimedStore(NoStore):
    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        await asyncio.sleep(STORE_S)
