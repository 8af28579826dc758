"""What listeners are told when a speaker's connection breaks, and when it is back: both hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration


async def test_a_speaker_who_hangs_up_is_away_until_the_next_join(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    listener = await host.listener(session_id)
    await speaker.frame(0)
    await speaker.acknowledged(0)
    await speaker.socket.close()
    told = await listener.expect("broadcastState", speaker="away")
    assert told["state"] == "live"
    late = await host.connect()
    joined = await late.ask(
        "joinSession", "sessionJoined", sessionId=session_id, targetLanguage="es"
    )
    assert joined["speaker"] == "away"
    await host.speaker(session_id)
    assert (await listener.expect("broadcastState", speaker="here"))["state"] == "live"
    assert (await late.expect("broadcastState"))["speaker"] == "here"


async def test_a_speaker_who_says_nothing_more_is_away(start: Start) -> None:
    gateway = await start()
    speaker, session_id = await gateway.speaker()
    listener = await gateway.listener(session_id)
    await speaker.frame(0)
    assert (await listener.expect("broadcastState"))["speaker"] == "away"
    await speaker.ask("heartbeat", "heartbeatAck")
    assert (await listener.expect("broadcastState"))["speaker"] == "here"


async def test_before_anybody_spoke_nothing_is_said_of_a_speaker(host: RunningGateway) -> None:
    client = await host.connect(host.token())
    created = await client.ask("createSession", "sessionCreated", sourceLanguage="en")
    listener = await host.connect()
    joined = await listener.ask(
        "joinSession", "sessionJoined", sessionId=created["sessionId"], targetLanguage="es"
    )
    assert "speaker" not in joined
