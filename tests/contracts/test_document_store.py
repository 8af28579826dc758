"""The suite that every store of small documents passes."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.document_store import AmazonDocumentStore
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.interfaces.document_store import Document, DocumentStore
from connectors.memory.document_store import MemoryDocumentStore
from tests.settable_clock import T0_MS, SettableClock

pytestmark = pytest.mark.contract

LATER_MS = T0_MS + 60_000


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def key() -> str:
    return f"open#{uuid.uuid4().hex}"


class DocumentStoreContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> DocumentStore: ...

    async def test_what_is_added_is_there(self, store: DocumentStore, key: str) -> None:
        assert await store.add(key, '{"ñ": 1}', LATER_MS)
        assert await store.get(key) == Document('{"ñ": 1}', 0)
        assert await store.get(f"{key}2") is None

    async def test_a_key_is_given_once(self, store: DocumentStore, key: str) -> None:
        await store.add(key, "one", LATER_MS)
        assert not await store.add(key, "two", LATER_MS)
        assert await store.get(key) == Document("one", 0)

    async def test_only_the_version_that_was_read_is_written_over(
        self, store: DocumentStore, key: str
    ) -> None:
        assert not await store.replace(key, 0, "too early", LATER_MS)
        await store.add(key, "zero", LATER_MS)
        assert await store.replace(key, 0, "one", LATER_MS)
        assert not await store.replace(key, 0, "by another", LATER_MS)
        assert await store.get(key) == Document("one", 1)
        assert await store.replace(key, 1, "two", LATER_MS)
        assert await store.get(key) == Document("two", 2)

    async def test_of_several_who_write_over_a_version_one_does(
        self, store: DocumentStore, key: str
    ) -> None:
        await store.add(key, "zero", LATER_MS)
        done = await asyncio.gather(*(store.replace(key, 0, f"by {n}", LATER_MS) for n in range(5)))
        assert sorted(done) == [False] * 4 + [True]
        assert await store.get(key) == Document(f"by {done.index(True)}", 1)

    async def test_of_several_who_take_it_one_gets_it(self, store: DocumentStore, key: str) -> None:
        await store.add(key, "once", LATER_MS)
        taken = await asyncio.gather(*(store.take(key) for _ in range(5)))
        assert [one for one in taken if one is not None] == [Document("once", 0)]
        assert await store.get(key) is None
        assert not await store.replace(key, 0, "after", LATER_MS)
        assert await store.add(key, "anew", LATER_MS)

    async def test_what_has_expired_is_not_there(
        self, store: DocumentStore, key: str, clock: SettableClock
    ) -> None:
        await store.add(key, "short", T0_MS + 1000)
        clock.now_ms = T0_MS + 999
        assert await store.get(key) == Document("short", 0)
        clock.now_ms = T0_MS + 1000
        assert await store.get(key) is None
        assert not await store.replace(key, 0, "late", LATER_MS)
        assert await store.add(key, "anew", T0_MS + 2000)
        clock.now_ms = T0_MS + 2000
        assert await store.take(key) is None

    async def test_a_replacement_may_live_longer(
        self, store: DocumentStore, key: str, clock: SettableClock
    ) -> None:
        await store.add(key, "short", T0_MS + 1000)
        await store.replace(key, 0, "long", LATER_MS)
        clock.now_ms = T0_MS + 2000
        assert await store.get(key) == Document("long", 1)


class TestMemoryDocumentStore(DocumentStoreContract):
    @pytest.fixture
    def store(self, clock: SettableClock) -> DocumentStore:
        return MemoryDocumentStore(clock)


class TestAmazonDocumentStore(DocumentStoreContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("connections_table",)

    @pytest.fixture
    def store(self, aws_clients: AwsClients, clock: SettableClock) -> DocumentStore:
        return AmazonDocumentStore(aws_clients, clock)

    async def test_no_listener_is_made_of_a_document(
        self, store: DocumentStore, key: str, aws_clients: AwsClients
    ) -> None:
        """Both live in one table; the index of listeners must not show documents."""
        await store.add(key, "sessionId", LATER_MS)
        tables = AmazonSessionTables(aws_clients, lambda: T0_MS)
        assert await tables.connections("sessionId", T0_MS) == ()
        assert await tables.connections_of_gateway("gateway-1") == ()
