"""The job's calls to the gateway: messages to an audience, and API Gateway's management calls."""

from __future__ import annotations

import asyncio
import base64
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from connectors.interfaces.notifier import Audience, Delivery
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from tests.integration.gateway.sample_talk import message

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration


async def test_notify_reaches_every_listener_of_the_language_and_only_those(
    gateway: RunningGateway,
) -> None:
    _, session_id = await gateway.speaker()
    plain = await gateway.listener(session_id, "es")
    inline = await gateway.listener(session_id, "es", capabilities=["inlineAudio"])
    other = await gateway.listener(session_id, "ca")
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    audio = base64.b64encode(b"mp3").decode()
    delivery = await notifier.notify(session_id, "es", message(4, audio=audio))
    await notifier.close()
    assert delivery == Delivery(delivered=2, listeners=2, gone=0)
    assert await plain.expect("translatedAudio") == message(4)
    assert await inline.expect("translatedAudio") == message(4, audio=audio)
    await other.ask("heartbeat", "heartbeatAck")
    assert [one["type"] for one in other.received] == ["sessionJoined", "heartbeatAck"]


@pytest.mark.parametrize(
    ("audience", "reached", "with_audio"),
    [
        (Audience.ALL, ["plain", "inline", "eager"], ["inline"]),
        (Audience.INLINE, ["inline"], ["inline"]),
        (Audience.LINK, ["plain", "eager"], []),
        (Audience.PARTIALS, ["eager"], []),
    ],
)
async def test_a_message_reaches_its_audience_and_audio_those_who_take_it(
    gateway: RunningGateway, audience: Audience, reached: list[str], with_audio: list[str]
) -> None:
    _, session_id = await gateway.speaker()
    listeners = {
        "plain": await gateway.listener(session_id, "es"),
        "inline": await gateway.listener(session_id, "es", capabilities=["inlineAudio"]),
        "eager": await gateway.listener(session_id, "es", capabilities=["partialCaptions"]),
    }
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    delivery = await notifier.notify(session_id, "es", message(4, audio="bXAz"), audience=audience)
    assert not notifier.knows_nobody_inline(session_id, "es")
    await notifier.close()
    assert delivery == Delivery(len(reached), len(reached), 0)
    got: dict[str, Any] = {}
    for name, listener in listeners.items():
        await listener.ask("heartbeat", "heartbeatAck")
        for one in listener.received:
            if one["type"] == "translatedAudio":
                got[name] = one
    assert list(got) == reached
    assert [name for name, one in got.items() if "audio" in one] == with_audio


async def test_the_job_learns_that_nobody_takes_audio_inside_messages(
    gateway: RunningGateway,
) -> None:
    _, session_id = await gateway.speaker()
    await gateway.listener(session_id, "es")
    await gateway.listener(session_id, "ca", capabilities=["inlineAudio"])
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    for language in ("es", "ca"):
        await notifier.notify(session_id, language, message(4), audience=Audience.INLINE)
    assert notifier.knows_nobody_inline(session_id, "es")
    assert not notifier.knows_nobody_inline(session_id, "ca")
    await notifier.close()


async def test_partial_captions_go_to_those_who_asked(gateway: RunningGateway) -> None:
    """Also when the job names no audience: it is the gateway that knows what was asked for."""
    _, session_id = await gateway.speaker()
    plain = await gateway.listener(session_id, "es")
    eager = await gateway.listener(session_id, "es", capabilities=["partialCaptions"])
    partial = {"type": "partialCaption", "sequenceNumber": 1, "text": "so", "language": "en"}
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    for audience in (Audience.PARTIALS, Audience.ALL):
        delivery = await notifier.notify(session_id, "es", partial, audience=audience)
        assert delivery == Delivery(1, 1, 0)
        assert await eager.expect("partialCaption") == partial
    await notifier.close()
    await plain.ask("heartbeat", "heartbeatAck")
    assert "partialCaption" not in [one["type"] for one in plain.received]


async def test_the_speaker_reads_along_and_nobody_else(gateway: RunningGateway) -> None:
    speaker, session_id = await gateway.speaker()
    listener = await gateway.listener(session_id, "es", capabilities=["partialCaptions"])
    own = {"type": "ownCaption", "sequenceNumber": 1, "text": "so", "final": False}
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    assert await notifier.tell_speaker(session_id, own) == Delivery(1, 1, 0)
    assert await speaker.expect("ownCaption") == own
    await gateway.hung_up(speaker)
    assert await notifier.tell_speaker(session_id, own) == Delivery(0, 0, 0)
    assert await notifier.tell_speaker("no-such-1", own) == Delivery(0, 0, 0)
    await notifier.close()
    await listener.ask("heartbeat", "heartbeatAck")
    assert "ownCaption" not in [one["type"] for one in listener.received]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/notify/s/es?audience=everyone", b"{}", 400),
        ("/notify/s/es", b"[]", 400),
        ("/notify", b"{}", 400),
        ("/notify", b'[{"sessionId": "s"}]', 400),
        ("/notify/s/es", b" " * 131_073, 413),
        ("/notify", b" " * 131_073, 413),
    ],
)
async def test_what_the_job_says_wrongly_is_refused(
    gateway: RunningGateway, path: str, body: bytes, status: int
) -> None:
    async with gateway.http() as http:
        assert (await http.post(path, content=body)).status_code == status


def management(gateway: RunningGateway) -> Any:
    return boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=gateway.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


async def test_boto3s_management_client_works_against_the_gateway(
    gateway: RunningGateway,
) -> None:
    _, session_id = await gateway.speaker()
    listener = await gateway.listener(session_id, "es")
    (row,) = await gateway.tables.connections(session_id, 0)
    client = management(gateway)

    posted = await asyncio.to_thread(
        client.post_to_connection, ConnectionId=row.connection_id, Data=b'{"type":"skipped"}'
    )
    assert posted["ResponseMetadata"]["HTTPStatusCode"] == 200
    await listener.expect("skipped")
    shown = await asyncio.to_thread(client.get_connection, ConnectionId=row.connection_id)
    assert shown["Identity"]["SourceIp"] == "127.0.0.1"
    assert shown["ConnectedAt"] <= shown["LastActiveAt"]

    with pytest.raises(ClientError) as too_large:
        await asyncio.to_thread(
            client.post_to_connection, ConnectionId=row.connection_id, Data=bytes(131_073)
        )
    assert too_large.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413

    deleted = await asyncio.to_thread(client.delete_connection, ConnectionId=row.connection_id)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert (await listener.closed())[0] == 1001
    for call in (client.get_connection, client.delete_connection):
        with pytest.raises(client.exceptions.GoneException):
            await asyncio.to_thread(call, ConnectionId=row.connection_id)
    with pytest.raises(client.exceptions.GoneException):
        await asyncio.to_thread(client.post_to_connection, ConnectionId="never-was", Data=b"{}")


async def test_a_gone_connection_answers_as_api_gateway_does(gateway: RunningGateway) -> None:
    async with gateway.http() as http:
        for method in ("POST", "GET", "DELETE"):
            answer = await http.request(method, "/%40connections/never-was")
            assert answer.status_code == 410
            assert answer.headers["x-amzn-errortype"] == "GoneException"
            assert answer.json()["message"] == "Gone"


@pytest.mark.parametrize("path", ["/@connections/x", "/notify/s/es", "/notify"])
@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"x-forwarded-for": "10.0.0.9"}],
)
async def test_a_page_or_a_stranger_behind_a_proxy_cannot_speak_for_the_job(
    start: Start, path: str, headers: dict[str, str]
) -> None:
    gateway = await start(job_token="the-jobs-own")
    async with gateway.http() as http:
        refused = await http.post(path, json={}, headers=headers)
        assert refused.status_code == 403
        wrong = {"authorization": "Bearer guessed", **headers}
        assert (await http.post(path, json={}, headers=wrong)).status_code == 403
        right = {"authorization": "Bearer the-jobs-own", **headers}
        assert (await http.post(path, json={}, headers=right)).status_code != 403


async def test_a_listener_who_does_not_read_is_cut_off_and_its_neighbour_is_served(
    start: Start,
) -> None:
    gateway = await start(
        replace((await start()).needs.limits, outbox_bytes_per_connection=300_000)
    )
    _, session_id = await gateway.speaker()
    stuck = await gateway.listener(session_id, "es")
    reading = await gateway.listener(session_id, "es")
    stuck.socket.transport.pause_reading()
    # A small buffer that does not grow: Linux would take tens of megabytes on the way.
    own = stuck.socket.transport.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    gone = 0
    for number in range(400):
        delivery = await notifier.notify(session_id, "es", message(number, transcript="x" * 50_000))
        assert (await reading.expect("translatedAudio"))["sequenceNumber"] == number
        gone += delivery.gone
        if gone:
            break
    await notifier.close()
    assert gone == 1


async def test_lag_is_shown_to_the_speaker(gateway: RunningGateway) -> None:
    speaker, session_id = await gateway.speaker()
    listener = await gateway.listener(session_id, "es")
    spoken_at_ms = gateway.needs.now_ms() - 5000
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    await notifier.notify(session_id, "es", message(0, timestamp=spoken_at_ms))
    await notifier.close()
    await listener.expect("translatedAudio")
    await listener.send("heard", sequenceNumber=0, heardAt=1)
    await listener.ask("heartbeat", "heartbeatAck")
    status = await speaker.ask("getSessionStatus", "sessionStatus", sessionId=session_id)
    assert 3000 <= status["lagMs"]["es"] < 6000
