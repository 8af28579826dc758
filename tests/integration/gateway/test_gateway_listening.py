"""Listening over real sockets: counts and records, history, messages in, the job's calls."""

from __future__ import annotations

import asyncio
import base64
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from connectors.interfaces.listener_connections import TableListenerConnections
from connectors.interfaces.notifier import Audience, Delivery
from connectors.interfaces.session_tables import ConnectionRow, CountChange, ListenerCounts
from connectors.memory.clip_store import MemoryClipStore
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.sessions.languages import Languages
from schemas.names import clip_key
from schemas.values import EntryKind, LedgerEntry, Route
from tests.integration.gateway.conftest import RunningHandlers

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration

T0_MS = 1_790_000_000_000


async def heard(host: RunningGateway, session_id: str) -> list[tuple[int, tuple[str, ...]]]:
    """The ``listeners`` records of the session's stream: (revision, languages)."""
    await host.durable(session_id)
    return [
        (one.revision, one.languages or ())
        for one in host.controls("listeners")
        if one.session_id == session_id
    ]


# Counting


async def test_the_stream_says_what_is_heard_whenever_the_set_changes(
    host: RunningGateway,
) -> None:
    _, session_id = await host.speaker()
    one = await host.listener(session_id, "es")
    two = await host.listener(session_id, "es")
    three = await host.listener(session_id, "ca")
    assert await heard(host, session_id) == [(0, ("es",)), (2, ("ca", "es"))]

    await two.ask("changeLanguage", "sessionJoined", sessionId=session_id, targetLanguage="ca")
    await one.ask("leaveSession", "sessionLeft", sessionId=session_id)
    await host.hung_up(two, three)
    await host.until(lambda: 6 in [one.revision for one in host.controls("listeners")])
    records = await heard(host, session_id)
    assert records[2:] == [(4, ("ca",)), (6, ())]
    assert await host.tables.listener_counts(session_id) == ListenerCounts({}, 6)
    assert await host.tables.connections(session_id, 0) == ()


async def partials(host: RunningGateway, session_id: str) -> list[tuple[int, tuple[str, ...]]]:
    """The ``listeners`` records of the session's stream: (revision, partial languages)."""
    await host.durable(session_id)
    return [
        (one.revision, one.partial_languages or ())
        for one in host.controls("listeners")
        if one.session_id == session_id
    ]


async def test_the_stream_says_where_partial_captions_are_asked_for(
    host: RunningGateway,
) -> None:
    """Through joins, a change of mind, a change of language, a leave and a lost connection."""
    _, session_id = await host.speaker()
    eager: dict[str, Any] = {"capabilities": ["partialCaptions"]}
    plain = await host.listener(session_id, "es")
    one = await host.listener(session_id, "es", **eager)
    two = await host.listener(session_id, "es", **eager)
    expected = [(0, ()), (1, ("es",))]
    assert await partials(host, session_id) == expected

    join = {"sessionId": session_id, "targetLanguage": "es"}
    await plain.ask("joinSession", "sessionJoined", **join, **eager)
    await plain.ask("joinSession", "sessionJoined", **join, capabilities=["inlineAudio"])
    await two.ask("changeLanguage", "sessionJoined", sessionId=session_id, targetLanguage="ca")
    expected.append((5, ("ca", "es")))
    assert await partials(host, session_id) == expected

    await host.hung_up(one)
    await host.until(lambda: 6 in [each.revision for each in host.controls("listeners")])
    await two.ask("leaveSession", "sessionLeft", sessionId=session_id)
    expected += [(6, ("ca",)), (7, ())]
    assert await partials(host, session_id) == expected
    assert await host.tables.listener_counts(session_id) == ListenerCounts({"es": 1}, 7)
    (row,) = await host.tables.connections(session_id, 0)
    assert row.capabilities == ("inlineAudio",)


async def test_a_restart_counts_out_who_had_asked_for_partial_captions(
    gateway: RunningGateway,
) -> None:
    _, session_id = await gateway.speaker()
    row = ConnectionRow(
        "dead-1", session_id, "es", "gateway-1", T0_MS, T0_MS + 10**12, ("partialCaptions",)
    )
    await gateway.tables.add_connection(row)
    await gateway.tables.count_listeners(session_id, CountChange({"es": 2}, {"es": 1}), T0_MS)
    await gateway.restart()
    assert await heard(gateway, session_id) == [(1, ("es",))]
    assert await partials(gateway, session_id) == [(1, ())]


async def test_the_speaker_sees_its_listeners(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    await host.listener(session_id, "es")
    assert (await speaker.expect("listenerCount"))["byLanguage"] == {"es": 1}
    await host.listener(session_id, "ca")
    assert (await speaker.expect("listenerCount"))["byLanguage"] == {"es": 1, "ca": 1}
    status = await speaker.ask("getSessionStatus", "sessionStatus", sessionId=session_id)
    assert (status["state"], status["listeners"]) == ("live", {"es": 1, "ca": 1})


async def test_joining_twice_counts_once(host: RunningGateway) -> None:
    _, session_id = await host.speaker()
    listener = await host.listener(session_id, "es")
    join = {"sessionId": session_id, "targetLanguage": "es"}
    await listener.ask("joinSession", "sessionJoined", **join)
    counts = await host.tables.listener_counts(session_id)
    assert counts == ListenerCounts({"es": 1}, 0)


async def test_joining_another_session_leaves_the_first(host: RunningGateway) -> None:
    _, first = await host.speaker()
    _, second = await host.speaker()
    listener = await host.listener(first, "es")
    await listener.ask("joinSession", "sessionJoined", sessionId=second, targetLanguage="ca")
    assert await heard(host, first) == [(0, ("es",)), (1, ())]
    assert await heard(host, second) == [(0, ("ca",))]


async def test_a_restart_counts_its_earlier_lifes_listeners_out(gateway: RunningGateway) -> None:
    _, session_id = await gateway.speaker()
    # What a killed gateway leaves: a row and a count that nobody will take back.
    row = ConnectionRow("dead-1", session_id, "es", "gateway-1", T0_MS, T0_MS + 10**12)
    await gateway.tables.add_connection(row)
    await gateway.tables.count_listeners(session_id, CountChange({"es": 1}), T0_MS)
    foreign = replace(row, connection_id="alive-1", language="ca", gateway_id="gateway-2")
    await gateway.tables.add_connection(foreign)
    await gateway.tables.count_listeners(session_id, CountChange({"ca": 1}), T0_MS)
    await gateway.restart()
    assert await gateway.tables.listener_counts(session_id) == ListenerCounts({"ca": 1}, 2)
    assert await gateway.tables.connections(session_id, 0) == (foreign,)
    assert await heard(gateway, session_id) == [(2, ("ca",))]


async def test_a_listener_that_the_job_counted_out_is_not_counted_out_twice(
    host: RunningGateway,
) -> None:
    """The job met a 410 and removed the row before the host came to it."""
    _, session_id = await host.speaker()
    lost = await host.listener(session_id, "es")
    await host.listener(session_id, "ca")
    row = next(one for one in await host.tables.connections(session_id, 0) if one.language == "es")
    await TableListenerConnections(host.tables, host.needs.now_ms).remove(
        session_id, row.connection_id
    )
    await host.hung_up(lost)
    # The job cannot write into the session's stream; the host tells it there what is heard.
    await host.until(lambda: 2 in [one.revision for one in host.controls("listeners")])
    assert (await heard(host, session_id))[-1] == (2, ("ca",))
    assert await host.tables.listener_counts(session_id) == ListenerCounts({"ca": 1}, 2)


async def test_a_listener_that_says_nothing_for_too_long_is_gone(start: Start) -> None:
    limits = replace((await start()).needs.limits, heartbeat_timeout_ms=300)
    gateway = await start(limits)
    _, session_id = await gateway.speaker()
    silent = await gateway.listener(session_id, "es")
    beating = await gateway.listener(session_id, "ca")
    closing = asyncio.create_task(silent.closed())
    while not closing.done():
        await beating.ask("heartbeat", "heartbeatAck")
        await asyncio.sleep(0.05)
    assert (await closing)[0] == 4408
    await beating.ask("heartbeat", "heartbeatAck")
    assert (await heard(gateway, session_id))[-1] == (2, ("ca",))


# Refusals


@pytest.mark.parametrize("language", ["xx", "fr", "en", "E$"])
async def test_a_language_without_a_route_or_voice_is_refused(
    host: RunningGateway, language: str
) -> None:
    _, session_id = await host.speaker()
    neighbour = await host.listener(session_id, "es")
    guest = await host.connect()
    wanted = {"sessionId": session_id, "targetLanguage": language}
    assert (await guest.ask("joinSession", "error", **wanted))["code"] == "BAD_LANGUAGE"
    await guest.ask("joinSession", "sessionJoined", sessionId=session_id, targetLanguage="es")
    refused = await guest.ask("changeLanguage", "error", **wanted)
    assert refused["code"] == "BAD_LANGUAGE"
    assert await heard(host, session_id) == [(0, ("es",))]
    await neighbour.ask("heartbeat", "heartbeatAck")


async def test_only_offered_languages_can_be_joined(host: RunningGateway) -> None:
    speaker = await host.connect(host.token())
    created = await speaker.ask(
        "createSession", "sessionCreated", sourceLanguage="en", targetLanguages=["es"]
    )
    guest = await host.connect()
    wanted = {"sessionId": created["sessionId"], "targetLanguage": "ca"}
    assert (await guest.ask("joinSession", "error", **wanted))["code"] == "BAD_LANGUAGE"


async def test_unknown_and_ended_sessions_cannot_be_joined(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    guest = await host.connect()
    wanted = {"targetLanguage": "es"}
    unknown = await guest.ask("joinSession", "error", sessionId="no-such-1", **wanted)
    assert unknown["code"] == "NO_SESSION"
    await speaker.ask("endSession", "broadcastState", sessionId=session_id)
    ended = await guest.ask("joinSession", "error", sessionId=session_id, **wanted)
    assert ended["code"] == "SESSION_ENDED"


async def test_joins_and_creations_are_limited_by_the_minute(start_host: Start) -> None:
    limits = replace(
        (await start_host()).needs.limits, hall_joins_per_minute=2, creates_per_minute=1
    )
    now_ms = T0_MS - T0_MS % 60_000
    host = await start_host(limits, now_ms=lambda: now_ms)
    speaker, session_id = await host.speaker()
    refused = await speaker.ask("createSession", "error", sourceLanguage="en")
    assert (refused["code"], refused["retryAfterMs"]) == ("RATE_LIMITED", 60_000)
    guest = await host.connect()
    join = {"sessionId": session_id, "targetLanguage": "es"}
    for _ in range(2):
        await guest.ask("joinSession", "sessionJoined", **join)
    assert (await guest.ask("joinSession", "error", **join))["code"] == "RATE_LIMITED"
    now_ms += 60_000
    await guest.ask("joinSession", "sessionJoined", **join)


async def test_a_hall_behind_one_address_is_seated_and_who_guesses_there_is_held_up(
    start_host: Start,
) -> None:
    host = await start_host(replace((await start_host()).needs.limits, joins_per_minute=3))
    _, session_id = await host.speaker()
    key = await host.key(session_id)
    guesser = await host.connect()
    wanted = {"targetLanguage": "es"}
    codes = [
        (await guesser.ask("joinSession", "error", sessionId=f"wild-{number}", **wanted))["code"]
        for number in range(5)
    ]
    assert codes[:4] == ["NO_SESSION"] * 3 + ["RATE_LIMITED"]
    if isinstance(host, RunningHandlers):
        return  # each event's process has forgotten who guessed
    by_id = await guesser.ask("joinSession", "error", sessionId=session_id, **wanted)
    assert by_id["code"] == "RATE_LIMITED"
    for _ in range(12):
        await host.listener(session_id, key=key)
    await host.listener(session_id)  # it is the talk of this hall


async def test_listeners_switch_on_no_more_languages_than_the_session_may_have(
    start_host: Start,
) -> None:
    """Each is translated and voiced: guests would spend what the speaker pays."""
    limits = replace((await start_host()).needs.limits, languages_per_session=1)
    host = await start_host(limits, languages=Languages(*[lambda *_: True] * 3))
    speaker = await host.connect(host.token())
    for more, languages in (({}, ["es"]), ({"maxLanguages": 2}, ["es", "ca"])):
        created = await speaker.ask("createSession", "sessionCreated", sourceLanguage="en", **more)
        session_id = created["sessionId"]
        for language in (*languages, languages[0]):
            await host.listener(session_id, language)
        guest = await host.connect()
        join = {"sessionId": session_id, "targetLanguage": "fr"}
        refused = await guest.ask("joinSession", "error", **join)
        assert refused["code"] == "BAD_LANGUAGE"
        assert "es" in refused["message"]
    named = {"sourceLanguage": "en", "targetLanguages": ["es", "ca", "fr"]}
    session_id = (await speaker.ask("createSession", "sessionCreated", **named))["sessionId"]
    for language in ("es", "ca", "fr"):
        await host.listener(session_id, language)


async def test_a_full_session_takes_nobody_more(start_host: Start) -> None:
    host = await start_host(replace((await start_host()).needs.limits, listeners_per_session=1))
    _, session_id = await host.speaker()
    await host.listener(session_id, "es")
    guest = await host.connect()
    join = {"sessionId": session_id, "targetLanguage": "es"}
    assert (await guest.ask("joinSession", "error", **join))["code"] == "RATE_LIMITED"


# What the job says


def message(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "translatedAudio",
        "sessionId": "s",
        "targetLanguage": "es",
        "sequenceNumber": number,
        "previousSequenceNumber": number - 1,
        "timestamp": T0_MS,
        "sourceDuration": 2.0,
        "duration": 1.5,
        "transcript": "así",
        "sourceTranscript": "so",
        "url": "http://127.0.0.1/clip.mp3",
        "contentType": "audio/mpeg",
        "stages": {},
        **more,
    }


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
    async with httpx.AsyncClient(base_url=gateway.url) as http:
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
    async with httpx.AsyncClient(base_url=gateway.url) as http:
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
    async with httpx.AsyncClient(base_url=gateway.url) as http:
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


# The past


def entry(number: int, kind: EntryKind = EntryKind.SPEECH, *languages: str) -> LedgerEntry:
    return LedgerEntry(
        session_id="set-below",
        number=number,
        epoch=0,
        kind=kind,
        first_sample=number * 16_000,
        end_sample=(number + 1) * 16_000,
        text=f"sentence {number}" if kind is EntryKind.SPEECH else "",
        language="en",
        captured_at_ms=T0_MS + number * 1000,
        committed_at_ms=T0_MS + number * 1000 + 1500,
        writer="w",
        resume_sample=0,
        resume_sequence=0,
        resume_sequence_sample=0,
        routes=tuple(Route(language, number - 1 if number else None) for language in languages),
    )


async def tell_a_talk(host: RunningGateway, session_id: str) -> None:
    """Six sentences in es, one silence, one gap; the clip of sentence 4 is not there yet."""
    clips = host.needs.clips
    assert isinstance(clips, MemoryClipStore)
    for number in range(8):
        kind = {2: EntryKind.SILENCE, 5: EntryKind.GAP}.get(number, EntryKind.SPEECH)
        languages = () if kind is EntryKind.SILENCE else ("es",)
        one = replace(entry(number, kind, *languages), session_id=session_id)
        await host.needs.ledger.commit(one)
        if kind is EntryKind.SPEECH and number != 4:
            await clips.put(
                clip_key(session_id, "es", one.captured_at_ms),
                b"\xff\xfb" + bytes([number]) * 50,
                content_type="audio/mpeg",
                metadata={"transcript": f"frase%20{number}%20%C3%B1"},
            )


async def test_a_late_joiner_gets_the_last_captions(host: RunningGateway) -> None:
    _, session_id = await host.speaker()
    await tell_a_talk(host, session_id)
    guest = await host.connect()
    wanted = {"sessionId": session_id, "targetLanguage": "es"}
    joined = await guest.ask("joinSession", "sessionJoined", **wanted)
    shown = [(one["sequenceNumber"], one.get("transcript")) for one in joined["history"]]
    assert shown == [
        (0, "frase 0 ñ"),
        (1, "frase 1 ñ"),
        (3, "frase 3 ñ"),
        (5, None),
        (6, "frase 6 ñ"),
        (7, "frase 7 ñ"),
    ]
    assert [one["skipped"] for one in joined["history"] if one["skipped"]] == ["gap"]
    assert joined["history"][0]["sourceTranscript"] == "sentence 0"
    assert joined["history"][0]["url"].startswith("memory://sessions/")
    ca = await guest.ask(
        "changeLanguage", "sessionJoined", sessionId=session_id, targetLanguage="ca"
    )
    assert ca["history"] == []


async def test_a_clip_that_is_still_being_uploaded_is_not_in_the_history(
    gateway: RunningGateway,
) -> None:
    """It went out inside a message; sentence 4's object is not there, sentence 6's is already."""
    _, session_id = await gateway.speaker()
    await tell_a_talk(gateway, session_id)
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))

    async def history() -> list[int]:
        guest = await gateway.connect()
        wanted = {"sessionId": session_id, "targetLanguage": "es", "sinceSequence": 3}
        joined = await guest.ask("joinSession", "sessionJoined", **wanted)
        return [one["sequenceNumber"] for one in joined["history"]]

    for number in (4, 6):
        inline = message(number, audio="bXAz")
        await notifier.notify(session_id, "es", inline, audience=Audience.INLINE)
    assert await history() == [5, 6, 7]
    await notifier.notify(session_id, "es", message(4), audience=Audience.LINK)
    assert await history() == [4, 5, 6, 7]
    await notifier.close()


async def test_who_comes_back_gets_what_it_missed(host: RunningGateway) -> None:
    _, session_id = await host.speaker()
    await tell_a_talk(host, session_id)
    guest = await host.connect()
    joined = await guest.ask(
        "joinSession",
        "sessionJoined",
        sessionId=session_id,
        targetLanguage="es",
        sinceSequence=3,
    )
    assert [one["sequenceNumber"] for one in joined["history"]] == [5, 6, 7]


async def test_a_link_can_be_renewed(host: RunningGateway) -> None:
    _, session_id = await host.speaker()
    await tell_a_talk(host, session_id)
    listener = await host.listener(session_id, "es")
    wanted = {"sessionId": session_id, "targetLanguage": "es"}
    answer = await listener.ask("refreshUrl", "clipUrl", **wanted, sequenceNumber=3)
    key = clip_key(session_id, "es", T0_MS + 3000)
    assert answer["url"] == f"memory://{key}?expires=600"
    refused = await listener.ask("refreshUrl", "error", **wanted, sequenceNumber=99)
    assert (refused["code"], refused["sequence"]) == ("BAD_FIELD", 99)


async def test_the_talk_so_far_as_one_file_and_as_transcripts(host: RunningGateway) -> None:
    _, session_id = await host.speaker()
    await tell_a_talk(host, session_id)
    async with httpx.AsyncClient(base_url=host.url) as http:
        audio = await http.get(f"/audio/{session_id}/es")
        assert audio.headers["content-type"] == "audio/mpeg"
        assert audio.content == b"".join(
            b"\xff\xfb" + bytes([number]) * 50 for number in (0, 1, 3, 6, 7)
        )
        source = await http.get(f"/transcripts/{session_id}/en.txt")
        assert source.text == "".join(f"sentence {n}\n" for n in (0, 1, 3, 4, 6, 7))
        captions = await http.get(f"/transcripts/{session_id}/es.vtt")
        assert captions.headers["content-type"].startswith("text/vtt")
        assert captions.text.startswith(
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nfrase 0 ñ\n\n"
            "00:00:01.000 --> 00:00:02.000\nfrase 1 ñ\n"
        )
        assert (await http.get(f"/transcripts/{session_id}/es.pdf")).status_code == 404
        assert (await http.get("/transcripts/no-such-1/es.vtt")).status_code == 404
        assert (await http.get("/audio/no-such-1/es")).status_code == 404
