"""Keys are replaced before they end, once for all who ask, and kept while no new ones come."""

from __future__ import annotations

import asyncio

import pytest

from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.signaling_channels import Role, TemporaryCredentials
from connectors.memory.signaling_channels import MemorySignalingAccess
from ingest_gateway.kvs.keys import EARLY_MS, RefreshedKeys

pytestmark = pytest.mark.unit

HOUR_MS = 3_600_000


class Clock:
    def __init__(self) -> None:
        self.access = MemorySignalingAccess(HOUR_MS)
        self.broken: Exception | None = None
        self.keys = RefreshedKeys(self._fetch, lambda: self.access.now_ms)

    async def _fetch(self) -> TemporaryCredentials:
        await asyncio.sleep(0)
        if self.broken is not None:
            raise self.broken
        return await self.access.credentials("arn:1", Role.VIEWER, "worker")

    async def at(self, now_ms: int) -> str:
        self.access.now_ms = now_ms
        return (await self.keys.current()).access_key_id


async def test_keys_serve_until_shortly_before_their_end() -> None:
    clock = Clock()
    assert await clock.at(0) == "VIEWER-1"
    assert await clock.at(HOUR_MS - EARLY_MS - 1) == "VIEWER-1"
    assert await clock.at(HOUR_MS - EARLY_MS) == "VIEWER-2"
    assert len(clock.access.given) == 2


async def test_many_who_ask_at_once_are_given_the_same() -> None:
    clock = Clock()
    assert set(await asyncio.gather(*(clock.at(0) for _ in range(20)))) == {"VIEWER-1"}


async def test_without_new_keys_the_old_ones_serve_to_their_end() -> None:
    clock = Clock()
    await clock.at(0)
    clock.broken = RetryableError("no answer")
    assert await clock.at(HOUR_MS - 1) == "VIEWER-1"
    with pytest.raises(RetryableError):
        await clock.at(HOUR_MS)
    clock.broken = None
    assert await clock.at(HOUR_MS) == "VIEWER-2"


async def test_without_any_keys_the_error_is_told() -> None:
    clock = Clock()
    clock.broken = PermanentError("no such role")
    with pytest.raises(PermanentError):
        await clock.at(0)


async def test_keys_for_good_are_asked_for_once() -> None:
    asked: list[int] = []

    async def fetch() -> TemporaryCredentials:
        asked.append(1)
        return TemporaryCredentials("id", "secret")

    keys = RefreshedKeys(fetch, lambda: 10**15)
    await keys.current()
    await keys.current()
    assert asked == [1]
