"""Messages for many: each gets its own, in order, and others have their turn in between."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.sessions.hub import POSTS_AT_A_STRETCH, Connection, Hub, Peer

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


class KeptSocket:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: tuple[int, str | None] | None = None

    async def send_text(self, data: str) -> None:
        self.sent.append(data)

    async def close(self, code: int, reason: str | None) -> None:
        self.closed = code, reason


def connection(name: str) -> tuple[Connection, KeptSocket]:
    socket = KeptSocket()
    return Connection(name, Peer("127.0.0.1", "", None), socket, 0, 1_000_000), socket


async def with_writers(pairs: list[tuple[Connection, KeptSocket]], work: Coroutine[Any, Any, Any]):
    """Do ``work`` while every outbox is emptied, and until all of them are."""
    writers = [asyncio.create_task(one.write()) for one, _ in pairs]
    result = await work
    for one, _ in pairs:
        one.close(1000, "done")
    await asyncio.gather(*writers)
    return result


def test_everybody_gets_their_own_and_who_is_closing_is_not_counted(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        pairs = [connection(str(number)) for number in range(3)]
        pairs[1][0].close(1001, "leaves")
        hub = Hub(Metrics())
        messages = [(one, f"for {one.connection_id}") for one, _ in pairs]
        assert await with_writers(pairs, hub.hand_out(messages)) == 2
        assert [socket.sent for _, socket in pairs] == [["for 0"], [], ["for 2"]]

    run_virtual(run())


def test_others_have_their_turn_between_two_stretches(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        pairs = [connection(str(number)) for number in range(3 * POSTS_AT_A_STRETCH)]
        posted: list[str] = []
        seen: list[int] = []

        def messages():
            for one, _ in pairs:
                posted.append(one.connection_id)
                yield one, "clip"

        async def somebody_else() -> None:
            while len(posted) < len(pairs):
                seen.append(len(posted))
                await asyncio.sleep(0)

        watching = asyncio.create_task(somebody_else())
        hub, each = Hub(Metrics()), messages()

        async def ten_languages() -> None:
            few = -(-len(pairs) // 10)
            calls = (hub.hand_out(itertools.islice(each, few)) for _ in range(10))
            assert sum(await asyncio.gather(*calls)) == len(pairs)

        await with_writers(pairs, ten_languages())
        await watching
        # Posted to before each of the other's turns, though no single call fills a stretch.
        assert POSTS_AT_A_STRETCH in seen
        assert 2 * POSTS_AT_A_STRETCH in seen

    run_virtual(run())


def test_of_two_messages_at_once_everybody_gets_the_first_one_first(
    run_virtual: RunVirtual,
) -> None:
    async def run() -> None:
        pairs = [connection(str(number)) for number in range(2 * POSTS_AT_A_STRETCH)]
        hub = Hub(Metrics())

        async def both() -> None:
            await asyncio.gather(
                hub.hand_out((one, "first") for one, _ in pairs),
                hub.hand_out((one, "second") for one, _ in reversed(pairs)),
            )

        await with_writers(pairs, both())
        assert {tuple(socket.sent) for _, socket in pairs} == {("first", "second")}

    run_virtual(run())


def test_a_site_of_ipv6_is_one_guest_to_limits() -> None:
    """Whoever has an address there has 2 to the 64 of them."""

    def name(address: str) -> str:
        return Peer(address, "", None).limit_name

    assert name("2001:db8:1:2::7") == name("2001:db8:1:2:ffff::1") != name("2001:db8:1:3::7")
    assert name("::ffff:192.0.2.7") == name("192.0.2.7") == "address:192.0.2.7"
    assert name("unknown") == "address:unknown"
