"""WHIP's HTTP: what is answered, what is refused, and where media may come in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.integration.gateway.conftest import ISSUER, LIMITS
from tests.integration.gateway.sample_talk import T0_MS
from tests.integration.gateway.webrtc_clients import RATE_HZ, WebRtcClient, a_session
from tests.unit.gateway.opus_tones import tone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration
OFFERS = Path(__file__).parents[2] / "unit" / "gateway" / "offers"


@pytest.fixture
async def client() -> AsyncIterator[WebRtcClient]:
    one = WebRtcClient()
    yield one
    await one.close()


async def test_the_answer_is_as_the_rfc_says(gateway: RunningGateway, client: WebRtcClient) -> None:
    session_id = await a_session(gateway)
    client.speak(tone(440, 1.0, RATE_HZ))
    answer = await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("application/sdp")
    assert answer.headers["location"].startswith(f"/whip/{session_id}/resources/")
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "location" in answer.headers["access-control-expose-headers"]
    async with gateway.http() as http:
        resource = answer.headers["location"]
        trickle = await http.patch(resource, content="a=candidate:1")
        assert (trickle.status_code, trickle.headers["allow"]) == (405, "DELETE, OPTIONS")
        assert "trickle" in trickle.json()["message"]
        assert (await http.get(resource)).status_code == 405
        preflight = await http.options(f"/whip/{session_id}")
        assert preflight.status_code == 204
        assert preflight.headers["accept-post"] == "application/sdp"
        assert "authorization" in preflight.headers["access-control-allow-headers"]


async def test_media_is_received_on_the_gateways_address_only(
    gateway: RunningGateway, client: WebRtcClient
) -> None:
    session_id = await a_session(gateway)
    client.speak(tone(440, 1.0, RATE_HZ))
    answer = await client.post(gateway.url, f"/whip/{session_id}", gateway.token())
    candidates = [line for line in answer.text.splitlines() if line.startswith("a=candidate")]
    assert {line.split()[4] for line in candidates} == {"127.0.0.1"}
    sockets = psutil.Process().net_connections("udp")
    assert {one.laddr.ip for one in sockets} == {"127.0.0.1"}


async def test_a_token_may_name_the_session(gateway: RunningGateway, client: WebRtcClient) -> None:
    session_id = await a_session(gateway)
    client.speak(tone(440, 1.0, RATE_HZ))
    token = ISSUER.issue("ada", session_id=session_id)
    answer = await client.post(gateway.url, "/whip", token)
    assert answer.headers["location"].startswith(f"/whip/{session_id}/resources/")
    nameless = await client.post(gateway.url, "/whip", gateway.token(), offer="v=0")
    assert (nameless.status_code, nameless.json()["code"]) == (400, "BAD_FIELD")


async def test_refusals_say_what_is_wrong(gateway: RunningGateway, client: WebRtcClient) -> None:
    page, session_id = await gateway.speaker()
    client.speak(tone(440, 1.0, RATE_HZ))
    offer = await client.offer()
    ada = {"authorization": f"Bearer {gateway.token()}"}
    eve = {"authorization": f"Bearer {gateway.token('eve')}"}
    sdp = {"content-type": "application/sdp"}
    path = f"/whip/{session_id}"
    no_opus = offer.replace("opus/48000/2", "speex/48000")
    async with gateway.http() as http:
        tries = [
            (path, offer, sdp, 401, "UNAUTHORIZED"),
            (path, offer, sdp | {"authorization": "Bearer x"}, 401, "UNAUTHORIZED"),
            (path, offer, sdp | eve, 403, "FORBIDDEN"),
            ("/whip/no-such-1", offer, sdp | ada, 404, "NO_SESSION"),
            (path, offer, ada | {"content-type": "text/plain"}, 415, "BAD_FIELD"),
            (path, "hello", sdp | ada, 400, "BAD_FIELD"),
            (path, b"\xff\xfe", sdp | ada, 400, "BAD_FIELD"),
            (path, offer[: offer.index("a=ice-ufrag")], sdp | ada, 422, "BAD_FIELD"),
            (path, no_opus, sdp | ada, 406, "BAD_FIELD"),
            (path, offer.replace("a=sendonly", "a=recvonly"), sdp | ada, 406, "BAD_FIELD"),
            (path, offer + "a=x\r\n" * 30_000, sdp | ada, 413, "TOO_LARGE"),
        ]
        for to, body, headers, status, code in tries:
            refused = await http.post(to, content=body, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
            assert refused.headers["access-control-allow-origin"] == "*"
    await page.frame(0)  # nobody was thrown out
    await page.acknowledged(0)
    assert len(psutil.Process().net_connections("udp")) == 1  # the client's own


async def test_a_stranger_is_refused_before_anything_is_built_for_the_connection(
    gateway: RunningGateway, client: WebRtcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate, sockets and candidates cost 20 ms of the loop."""

    def built(*_: object) -> None:
        raise AssertionError("a connection was built")

    page, session_id = await gateway.speaker()
    client.speak(tone(440, 1.0, RATE_HZ))
    offer = await client.offer()
    monkeypatch.setattr("ingest_gateway.webrtc.peer_connection.RTCPeerConnection", built)
    headers = {
        "content-type": "application/sdp",
        "authorization": f"Bearer {gateway.token('eve')}",
    }
    async with gateway.http() as http:
        refused = await http.post(f"/whip/{session_id}", content=offer, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    await page.frame(0)
    await page.acknowledged(0)


async def test_a_speaker_offers_so_many_times_a_minute(
    start: Start, client: WebRtcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def built(*_: object) -> None:
        raise AssertionError("a connection was built")

    now_ms = T0_MS - T0_MS % 60_000
    gateway = await start(replace(LIMITS, joins_per_minute=1), now_ms=lambda: now_ms)
    _, session_id = await gateway.speaker()
    client.speak(tone(440, 1.0, RATE_HZ))
    offer, token = await client.offer(), gateway.token()
    first = await client.post(gateway.url, f"/whip/{session_id}", token, offer)
    assert first.status_code == 201, first.text
    with monkeypatch.context() as patches:
        patches.setattr("ingest_gateway.webrtc.peer_connection.RTCPeerConnection", built)
        second = await client.post(gateway.url, f"/whip/{session_id}", token, offer)
    assert (second.status_code, second.json()["code"]) == (429, "RATE_LIMITED")
    assert second.headers["retry-after"] == "60"
    now_ms += 60_000
    third = await client.post(gateway.url, f"/whip/{session_id}", token, "no offer")
    assert third.status_code == 400  # it is looked at again


@pytest.mark.parametrize("name", ["obs_av1", "no_bundle", "video_port0", "no_direction"])
async def test_offers_of_public_clients_are_answered(gateway: RunningGateway, name: str) -> None:
    session_id = await a_session(gateway)
    headers = {"content-type": "application/sdp", "authorization": f"Bearer {gateway.token()}"}
    offer = (OFFERS / f"whip_{name}.sdp").read_text()
    async with gateway.http() as http:
        answer = await http.post(f"/whip/{session_id}", content=offer, headers=headers)
        assert answer.status_code == 201, answer.text
        listening = await http.post(
            f"/whep/{session_id}/es", content=offer.replace("sendonly", "recvonly"), headers=headers
        )
        assert listening.status_code == 201, listening.text
    for text in (answer.text, listening.text):
        assert text.count("m=") == offer.count("m=")
        assert ("BUNDLE" in text) == ("BUNDLE" in offer)
        assert ("m=video 0 " in text) == ("m=video" in offer)
        assert "opus/48000" in text
