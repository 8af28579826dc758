"""Tickets: once, soon, and worth nothing to whoever reads the store."""

from __future__ import annotations

import asyncio

import pytest

from connectors.calls.policy import Policies
from connectors.memory.document_store import MemoryDocumentStore
from ingest_gateway.access.auth import Identity, InvalidTokenError
from ingest_gateway.access.tickets import TICKET_LIFETIME_S, Tickets

pytestmark = pytest.mark.unit

ADA = Identity("ada", "joyful-mountain-789", frozenset({"operator"}))


class Store(MemoryDocumentStore):
    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000
        self.keys: list[str] = []
        super().__init__(lambda: self.now_ms)

    async def add(self, key: str, text: str, expires_at_ms: int) -> bool:
        self.keys.append(key)
        return await super().add(key, text, expires_at_ms)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def tickets(store: Store) -> Tickets:
    return Tickets(store, Policies(), lambda: store.now_ms)


async def test_a_ticket_is_its_holder_once(tickets: Tickets) -> None:
    ticket = await tickets.issue(ADA)
    assert await tickets.redeem(ticket) == ADA
    with pytest.raises(InvalidTokenError, match="was used"):
        await tickets.redeem(ticket)


async def test_of_two_who_show_it_one_gets_in(tickets: Tickets) -> None:
    ticket = await tickets.issue(ADA)
    both = await asyncio.gather(*(tickets.redeem(ticket) for _ in range(2)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in both) == ["Identity", "InvalidTokenError"]


async def test_an_old_ticket_is_worth_nothing(tickets: Tickets, store: Store) -> None:
    ticket = await tickets.issue(ADA)
    store.now_ms += TICKET_LIFETIME_S * 1000
    with pytest.raises(InvalidTokenError):
        await tickets.redeem(ticket)


@pytest.mark.parametrize("ticket", ["", "guessed", "x" * 10_000])
async def test_a_made_up_ticket_is_refused(tickets: Tickets, ticket: str) -> None:
    with pytest.raises(InvalidTokenError):
        await tickets.redeem(ticket)


async def test_the_store_does_not_know_tickets(tickets: Tickets, store: Store) -> None:
    ticket = await tickets.issue(ADA)
    (key,) = store.keys
    assert ticket not in key
    with pytest.raises(InvalidTokenError):
        await tickets.redeem(key.removeprefix("ticket#"))
