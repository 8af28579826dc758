"""Joins and creations that are refused: languages, rates, full and unknown sessions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ingest_gateway.sessions.languages import Languages
from tests.integration.gateway.conftest import RunningHandlers, listened_languages
from tests.integration.gateway.sample_talk import T0_MS

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration


async def test_who_understands_the_speaker_may_read_what_is_said(host: RunningGateway) -> None:
    _, session_id = await host.speaker()
    guest = await host.connect()
    wanted = {"sessionId": session_id, "targetLanguage": "en-GB"}
    joined = await guest.ask("joinSession", "sessionJoined", **wanted)
    assert joined["targetLanguage"] == "en"


@pytest.mark.parametrize("language", ["xx", "E$"])
async def test_a_language_without_a_route_is_refused(host: RunningGateway, language: str) -> None:
    _, session_id = await host.speaker()
    neighbour = await host.listener(session_id, "es")
    guest = await host.connect()
    wanted = {"sessionId": session_id, "targetLanguage": language}
    assert (await guest.ask("joinSession", "error", **wanted))["code"] == "BAD_LANGUAGE"
    await guest.ask("joinSession", "sessionJoined", sessionId=session_id, targetLanguage="es")
    refused = await guest.ask("changeLanguage", "error", **wanted)
    assert refused["code"] == "BAD_LANGUAGE"
    assert await listened_languages(host, session_id) == [(0, ("es",))]
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
