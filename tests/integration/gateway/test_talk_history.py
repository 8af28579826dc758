"""A talk's past: captions for who joins late, links renewed, the whole as one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connectors.interfaces.notifier import Audience
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from schemas.names import clip_key
from tests.integration.gateway.sample_talk import T0_MS, message, tell_a_talk

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = pytest.mark.integration


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
    assert answer["url"] == f"memory://{key}?expires=900"
    refused = await listener.ask("refreshUrl", "error", **wanted, sequenceNumber=99)
    assert (refused["code"], refused["sequence"]) == ("BAD_FIELD", 99)


async def test_the_talk_so_far_as_one_file_and_as_transcripts(host: RunningGateway) -> None:
    _, session_id = await host.speaker()
    await tell_a_talk(host, session_id)
    async with host.http() as http:
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
        subtitles = await http.get(f"/transcripts/{session_id}/es.srt")
        assert subtitles.headers["content-type"].startswith("application/x-subrip")
        assert subtitles.text.startswith("1\n00:00:00,000 --> 00:00:01,000\nfrase 0 ñ\n\n2\n")
        assert (await http.get(f"/transcripts/{session_id}/es.pdf")).status_code == 404
        assert (await http.get("/transcripts/no-such-1/es.vtt")).status_code == 404
        assert (await http.get("/audio/no-such-1/es")).status_code == 404
