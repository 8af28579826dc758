"""Languages named by any BCP 47 tag: the most specific known one is chosen, and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connectors.interfaces.session_tables import ListenerCounts
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.sessions.languages import Languages
from schemas.names import clip_key
from schemas.values import EntryKind, LedgerEntry, Route
from tests.integration.gateway.webrtc_clients import WebRtcClient

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = pytest.mark.integration


async def create(host: RunningGateway, *targets: str, source: str = "EN-gb") -> str:
    client = await host.connect(host.token())
    wish = {"sourceLanguage": source, "targetLanguages": list(targets)}
    created = await client.ask("createSession", "sessionCreated", **wish)
    assert created["sourceLanguage"] == "en"
    return str(created["sessionId"])


async def test_a_session_is_made_in_the_languages_that_the_engines_know(
    host: RunningGateway,
) -> None:
    session_id = await create(host, "es-MX", "CA", "ES")
    async with host.http() as http:
        session = (await http.get(f"/sessions/{session_id}")).json()
        headers = {"authorization": f"Bearer {host.token()}"}
        changed = await http.patch(
            f"/sessions/{session_id}", json={"targetLanguages": ["ca-ES-valencia"]}, headers=headers
        )
    assert (session["sourceLanguage"], session["targetLanguages"]) == ("en", ["es", "ca"])
    assert changed.json()["targetLanguages"] == ["ca"]


async def test_a_listener_is_told_which_language_it_gets_and_counts_there(
    host: RunningGateway,
) -> None:
    session_id = await create(host)
    listener = await host.connect()
    wish = {"sessionId": session_id, "targetLanguage": "es-419"}
    joined = await listener.ask("joinSession", "sessionJoined", **wish)
    assert joined["targetLanguage"] == "es"
    assert await host.tables.listener_counts(session_id) == ListenerCounts({"es": 1}, 0)
    changed = await listener.ask(
        "changeLanguage", "sessionJoined", sessionId=session_id, targetLanguage="Ca"
    )
    assert changed["targetLanguage"] == "ca"
    assert (await host.tables.listener_counts(session_id)).languages == ("ca",)


async def test_a_link_is_renewed_under_any_name_of_its_language(host: RunningGateway) -> None:
    session_id = await create(host)
    await host.needs.ledger.commit(
        LedgerEntry(
            session_id=session_id,
            number=0,
            epoch=0,
            kind=EntryKind.SPEECH,
            first_sample=0,
            end_sample=16_000,
            text="good day",
            language="en",
            captured_at_ms=1_790_000_000_000,
            committed_at_ms=1_790_000_001_000,
            writer="job",
            resume_sample=16_000,
            resume_sequence=3,
            resume_sequence_sample=12_288,
            routes=(Route("es", None),),
        )
    )
    listener = await host.listener(session_id, "es-MX")
    wish = {"sessionId": session_id, "targetLanguage": "es-MX", "sequenceNumber": 0}
    answer = await listener.ask("refreshUrl", "clipUrl", **wish)
    assert answer["targetLanguage"] == "es"
    assert clip_key(session_id, "es", 1_790_000_000_000) in answer["url"]


async def test_a_track_is_named_by_the_language_that_was_chosen(gateway: RunningGateway) -> None:
    session_id = await create(gateway)
    client = WebRtcClient()
    client.listen()
    try:
        answer = await client.post(gateway.url, f"/whep/{session_id}/ES-mx")
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"].startswith(f"/whep/{session_id}/es/resources/")
        assert (await gateway.tables.listener_counts(session_id)).languages == ("es",)
        async with gateway.http() as http:
            assert (await http.delete(answer.headers["location"])).status_code == 200
    finally:
        await client.close()


REGIONAL = Languages(
    can_hear=lambda source: source == "en",
    can_translate=lambda source, target: target in ("pt", "pt-BR", "fr"),
    can_speak=lambda target: target in ("pt", "pt-PT"),
)


def test_a_region_without_a_voice_is_spoken_by_the_language() -> None:
    assert REGIONAL.choose_target("en", "pt-br") == "pt"


def test_a_language_without_a_voice_is_for_reading() -> None:
    assert REGIONAL.choose_target("en", "fr-CA") == "fr"
    assert REGIONAL.choose_target("en", "pt-br", ("pt-BR",)) == "pt-BR"


def test_what_a_session_is_limited_to_keeps_its_spelling() -> None:
    anything = Languages(lambda _: True, lambda _one, _two: True, lambda _: True)
    assert anything.choose_target("en", "PT-BR", ("es", "pt-br")) == "pt-br"
    assert anything.choose_target("en", "es-MX", ("es", "pt-BR")) == "es"


@pytest.mark.parametrize(
    ("tag", "offered", "why"),
    [
        ("pt_BR", (), "by its code"),
        ("tlh", (), "no way to translate"),
        ("fr-CA", ("pt",), "offered in: pt"),
        # A general tag does not mean a region's: RFC 4647's look-up only goes from there up.
        ("pt", ("pt-BR",), "offered in: pt-BR"),
    ],
)
def test_what_is_not_there_is_refused(tag: str, offered: tuple[str, ...], why: str) -> None:
    with pytest.raises(Refusal, match=why) as refused:
        REGIONAL.choose_target("en", tag, offered)
    assert refused.value.code == "BAD_LANGUAGE"
