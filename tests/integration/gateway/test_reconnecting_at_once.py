"""A gateway goes away under two hundred listeners, and all of them come back in the same second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.integration.gateway.sample_talk import tell_a_talk

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Client, RunningGateway

pytestmark = pytest.mark.integration

LISTENERS = 200


async def test_two_hundred_come_back_in_the_same_second(gateway: RunningGateway) -> None:
    speaker, session_id = await gateway.speaker()
    await asyncio.gather(*(gateway.listener(session_id) for _ in range(LISTENERS)))
    await speaker.frame(0)
    await speaker.acknowledged(0)
    await gateway.restart(gateway.port)
    await tell_a_talk(gateway, session_id)  # what they miss

    async def come_back() -> tuple[Client, list[str]]:
        client = await gateway.connect()
        joined = await client.ask(
            "joinSession",
            "sessionJoined",
            sessionId=session_id,
            targetLanguage="es",
            sinceSequence=-1,
        )
        return client, [one["transcript"] for one in joined["history"]]

    again = gateway.speaker(session_id)
    (speaker, _), *back = await asyncio.gather(again, *(come_back() for _ in range(LISTENERS)))
    missed = back[0][1]
    assert missed[:2] == ["frase 0 ñ", "frase 1 ñ"]
    assert all(history == missed for _, history in back)
    counts = await gateway.tables.listener_counts(session_id)
    assert counts.by_language == {"es": LISTENERS}
    await gateway.durable(session_id)
    assert gateway.controls("listeners")[-1].languages == ("es",)
    # The speaker is served among them, and each of them hears what comes next.
    await speaker.frame(1)
    await speaker.acknowledged(1)
    assert gateway.chunks() == [(0, 0), (0, 1)]
    await speaker.send("setVolume", sessionId=session_id, volume=0.5)
    told = await asyncio.gather(*(one.expect("broadcastState") for one, _ in back))
    assert [one["volume"] for one in told] == [0.5] * LISTENERS
