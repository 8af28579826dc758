"""Listening by WHEP: one continuous stream, with aiortc at the other end of the loopback."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from connectors.audio.mp3 import RATE_HZ as CLIP_HZ
from connectors.audio.mp3 import encode_clip
from schemas.names import clip_key
from tests.integration.gateway.webrtc_clients import RATE_HZ, WebRtcClient
from tests.unit.gateway.opus_tones import level, spoken, strongest_hz, tone, without_silence

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = pytest.mark.integration

BEGAN_MS = 1_790_000_000_000


@pytest.fixture
async def client() -> AsyncIterator[WebRtcClient]:
    one = WebRtcClient()
    one.listen()
    yield one
    await one.close()


def clip(hz: float, seconds: float) -> bytes:
    return encode_clip(tone(hz, seconds, CLIP_HZ).astype(np.float32)).body


async def notify(gateway: RunningGateway, session_id: str, **message: Any) -> dict[str, Any]:
    async with gateway.http() as http:
        answer = await http.post(
            f"/notify/{session_id}/es",
            json={"sessionId": session_id, "targetLanguage": "es", **message},
        )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def say(
    gateway: RunningGateway, session_id: str, number: int, body: bytes, *, inline: bool = True
) -> dict[str, Any]:
    at_ms = BEGAN_MS + number * 1000
    fields: dict[str, Any] = {}
    if inline:
        fields["audio"] = base64.b64encode(body).decode()
    else:
        await gateway.needs.clips.put(
            clip_key(session_id, "es", at_ms), body, content_type="audio/mpeg", metadata={}
        )
    return await notify(
        gateway,
        session_id,
        type="translatedAudio",
        sequenceNumber=number,
        previousSequenceNumber=number - 1 if number else None,
        timestamp=at_ms,
        url="https://clips/1.mp3",
        duration=1.0,
        transcript="hola",
        contentType="audio/mpeg",
        **fields,
    )


async def silence_after(gateway: RunningGateway, client: WebRtcClient) -> None:
    """0.4 s more of whatever comes."""
    before = len(client.heard())
    await gateway.until(lambda: len(client.heard()) > before + 0.4 * RATE_HZ)


async def test_clips_become_one_stream_without_clicks_and_with_silence_around(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    _, session_id = await gateway.speaker()
    answer = await client.post(gateway.url, f"/whep/{session_id}/es")
    assert answer.status_code == 201, answer.text
    await client.connected()
    await gateway.until(lambda: len(client.heard()) > 0.3 * RATE_HZ)
    assert level(client.heard()) < 0.001
    bodies = [clip(hz, 0.6) for hz in (400, 600, 800)]
    assert (await say(gateway, session_id, 1, bodies[0]))["delivered"] == 1
    await say(gateway, session_id, 3, bodies[2])  # overtakes
    await say(gateway, session_id, 2, bodies[1], inline=False)
    await say(gateway, session_id, 2, bodies[1])  # a repeat
    await gateway.until(lambda: len(spoken(client.heard())) > 1.75 * RATE_HZ)
    await silence_after(gateway, client)
    # A busy machine may decode a clip later than its turn: what is heard counts, not when.
    whole = without_silence(client.heard(), RATE_HZ)
    assert len(whole) / RATE_HZ == pytest.approx(1.8, abs=0.04)
    for at, hz in enumerate((400, 600, 800)):
        part = whole[round((0.6 * at + 0.05) * RATE_HZ) : round((0.6 * at + 0.55) * RATE_HZ)]
        assert strongest_hz(part, RATE_HZ) == pytest.approx(hz, abs=3)
        assert level(part) == pytest.approx(0.25 / np.sqrt(2), rel=0.1)
    assert np.abs(np.diff(client.heard())).max() < 0.25 * 2 * np.pi * 800 / RATE_HZ * 2
    assert level(client.heard()[-round(0.3 * RATE_HZ) :]) < 0.001


async def test_a_marker_is_passed_over_at_once(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    _, session_id = await gateway.speaker()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    await client.connected()
    await say(gateway, session_id, 1, clip(400, 0.4))
    await notify(
        gateway,
        session_id,
        type="skipped",
        sequenceNumber=2,
        previousSequenceNumber=1,
        reason="failed",
    )
    await say(gateway, session_id, 3, clip(800, 0.4))
    await gateway.until(lambda: len(spoken(client.heard())) > 0.7 * RATE_HZ)
    await silence_after(gateway, client)
    whole = without_silence(client.heard(), RATE_HZ)
    assert len(whole) / RATE_HZ == pytest.approx(0.8, abs=0.03)
    assert strongest_hz(whole[: RATE_HZ // 3], RATE_HZ) == pytest.approx(400, abs=4)
    assert strongest_hz(whole[-RATE_HZ // 3 :], RATE_HZ) == pytest.approx(800, abs=4)


async def test_a_clip_that_cannot_be_played_stops_nobody(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    _, session_id = await gateway.speaker()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    await client.connected()
    await say(gateway, session_id, 1, b"this is no MP3")
    await say(gateway, session_id, 2, clip(500, 0.5))
    await gateway.until(lambda: len(spoken(client.heard())) > 0.45 * RATE_HZ)


async def test_its_listener_is_counted_in_and_out(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    speaker, session_id = await gateway.speaker()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    assert (await speaker.expect("listenerCount"))["byLanguage"] == {"es": 1}
    await gateway.until(lambda: len(gateway.controls("listeners")) == 1)
    assert gateway.controls("listeners")[-1].languages == ("es",)
    await client.connected()
    assert (await client.delete()).status_code == 200
    assert (await speaker.expect("listenerCount"))["byLanguage"] == {}
    await gateway.until(lambda: len(gateway.controls("listeners")) == 2)
    assert gateway.controls("listeners")[-1].languages == ()
    await client.closed()


async def test_who_hangs_up_is_counted_out(gateway: RunningGateway, client: WebRtcClient) -> None:
    speaker, session_id = await gateway.speaker()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    await client.connected()
    await client.close()
    await speaker.expect("listenerCount", byLanguage={})


async def test_who_vanishes_without_a_word_is_counted_out(
    gateway: RunningGateway, client: WebRtcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the checks that go with the media: six that fail, half a minute, shortened here."""
    monkeypatch.setattr("ingest_gateway.webrtc.consent.CONSENT_INTERVAL", 0.1)
    monkeypatch.setattr("ingest_gateway.webrtc.consent.CONSENT_FAILURES", 2)
    speaker, session_id = await gateway.speaker()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    await client.connected()
    client.vanish()
    await speaker.expect("listenerCount", byLanguage={})


async def test_an_offer_whose_client_never_comes_is_dropped(
    gateway: RunningGateway, client: WebRtcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest_gateway.webrtc.peer_connection.CONNECT_S", 0.3)
    speaker, session_id = await gateway.speaker()
    offer = await client.offer()
    async with gateway.http() as http:
        answer = await http.post(
            f"/whep/{session_id}/es", content=offer, headers={"content-type": "application/sdp"}
        )
    assert answer.status_code == 201
    await speaker.expect("listenerCount", byLanguage={})


async def test_two_listeners_share_one_encoder_and_hear_the_same(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    _, session_id = await gateway.speaker()
    other = WebRtcClient()
    other.listen()
    try:
        for one in (client, other):
            await one.post(gateway.url, f"/whep/{session_id}/es")
            await one.connected()
        await gateway.until(lambda: len(other.heard()) > 0.1 * RATE_HZ)
        await say(gateway, session_id, 1, clip(500, 0.5))
        for one in (client, other):
            await gateway.until(lambda one=one: len(spoken(one.heard())) > 0.45 * RATE_HZ)
            assert strongest_hz(spoken(one.heard()), RATE_HZ) == pytest.approx(500, abs=3)
        running = [task for task in asyncio.all_tasks() if task.get_name() == "talk-track"]
        assert len(running) == 1
    finally:
        await other.close()


async def test_refusals_leave_nobody_behind(gateway: RunningGateway, client: WebRtcClient) -> None:
    _, session_id = await gateway.speaker()
    offer = await client.offer()
    tries = [
        ("/whep/no-such-1/es", offer, 404, "NO_SESSION"),
        (f"/whep/{session_id}/xx", offer, 400, "BAD_LANGUAGE"),
        (f"/whep/{session_id}/es", offer.replace("recvonly", "sendonly"), 406, "BAD_FIELD"),
        (f"/whep/{session_id}/es", offer[: offer.index("a=ice-ufrag")], 422, "BAD_FIELD"),
    ]
    async with gateway.http() as http:
        for path, body, status, code in tries:
            refused = await http.post(
                path, content=body, headers={"content-type": "application/sdp"}
            )
            assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert gateway.gateway.hub.listeners(session_id) == []
    counts = await gateway.tables.listener_counts(session_id)
    assert counts.languages == ()


async def test_stopping_the_gateway_hangs_up_and_counts_out(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    _, session_id = await gateway.speaker()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    await client.connected()
    await gateway.restart()
    await client.closed()
    counts = await gateway.tables.listener_counts(session_id)
    assert counts.languages == ()


def times_heard(gateway: RunningGateway) -> float:
    """Of the lag as heard, how often it was measured in Spanish."""
    registry = gateway.gateway.metrics.registry
    return registry.get_sample_value("gateway_lag_seconds_count", {"language": "es"}) or 0.0


async def test_whoever_cannot_say_what_was_heard_hears_what_is_sent(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    _, session_id = await gateway.speaker()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    await client.connected()
    await say(gateway, session_id, 1, b"this is no MP3")
    await say(gateway, session_id, 2, clip(500, 0.3))
    await gateway.until(lambda: len(spoken(client.heard())) > 0.25 * RATE_HZ)
    assert times_heard(gateway) == 1.0


async def test_who_has_a_data_channel_is_told_what_plays_and_says_when_it_was_heard(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    _, session_id = await gateway.speaker()
    channel = client.open_channel()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    await client.channel_open()
    for number in (1, 2):
        await say(gateway, session_id, number, clip(500, 0.3))
    await gateway.until(lambda: len(spoken(client.heard())) > 0.55 * RATE_HZ)

    def told(kind: str) -> list[dict[str, Any]]:
        return [one for one in map(json.loads, client.told) if one["type"] == kind]

    await gateway.until(lambda: len(told("playing")) == 2)
    assert [(one["sequenceNumber"], one["targetLanguage"]) for one in told("playing")] == [
        (1, "es"),
        (2, "es"),
    ]
    assert told("playing")[0]["duration"] == pytest.approx(0.3, abs=0.01)
    assert times_heard(gateway) == 0.0  # sent is not heard
    channel.send(json.dumps({"action": "heard", "sequenceNumber": 2, "heardAt": BEGAN_MS}))
    await gateway.until(lambda: times_heard(gateway) == 1.0)

    channel.send(json.dumps({"action": "heartbeat"}))
    channel.send(json.dumps({"action": "leaveSession", "sessionId": session_id}))
    channel.send("what?")
    await gateway.until(lambda: len(told("error")) == 2)
    assert [(one["code"], one.get("action")) for one in told("error")] == [
        ("FORBIDDEN", "leaveSession"),
        ("BAD_JSON", None),
    ]
    assert len(told("heartbeatAck")) == 1
    assert len(gateway.gateway.hub.listeners(session_id)) == 1


async def test_who_opens_a_data_channel_reads_along(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    """The join, then each message as a WebSocket would have it, without the sound."""
    _, session_id = await gateway.speaker()
    await say(gateway, session_id, 0, clip(400, 0.4))  # nobody hears it yet
    client.open_channel()
    await client.post(gateway.url, f"/whep/{session_id}/es")
    await client.channel_open()
    assert gateway.controls("listeners")[-1].partial_languages == ("es",)
    await say(gateway, session_id, 1, clip(400, 0.4))
    await notify(
        gateway, session_id, type="partialCaption", sequenceNumber=2, text="y", language="es"
    )
    await gateway.until(lambda: '"partialCaption"' in "".join(client.told))
    told = [json.loads(text) for text in client.told]
    joined, said, partial = (one for one in told if one["type"] != "playing")
    assert (joined["type"], joined["targetLanguage"], joined["state"]) == (
        "sessionJoined",
        "es",
        "live",
    )
    assert (said["type"], said["sequenceNumber"], said["transcript"]) == (
        "translatedAudio",
        1,
        "hola",
    )
    assert "audio" not in said
    assert (partial["type"], partial["text"]) == ("partialCaption", "y")
    await gateway.until(lambda: len(spoken(client.heard())) > 0.35 * RATE_HZ)
