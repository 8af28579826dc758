"""The gateway serves the pages as they were built, and says so when they were not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from ingest_gateway.access.cognito import SignIn
from ingest_gateway.hosts.server.metrics_port import metrics_apart
from ingest_gateway.routes import pages
from ingest_gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<html>speak ñ</html>")
    (tmp_path / "listen.html").write_text("<html>listen</html>")
    (tmp_path / "assets" / "index-abc.js").write_text("let a = 1;\n" * 100)
    (tmp_path / "missing.html").write_text("<html>missing</html>")
    (tmp_path / "secret.txt").write_text("not for browsers")
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("built")
async def test_pages_are_asked_for_each_time_and_their_parts_once(
    gateway: RunningGateway,
) -> None:
    async with gateway.http() as http:
        speaker = await http.get("/")
        assert (speaker.text, speaker.headers["cache-control"]) == (
            "<html>speak ñ</html>",
            "no-cache",
        )
        assert speaker.headers["content-type"].startswith("text/html")
        policy = speaker.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; connect-src 'self' ; ")
        assert "strict-transport-security" not in speaker.headers
        for path in ("/listen", "/listen/joyful-mountain-789"):
            assert (await http.get(path)).text == "<html>listen</html>"
        part = await http.get("/assets/index-abc.js")
        assert part.text == "let a = 1;\n" * 100
        assert part.headers["content-type"].startswith("text/javascript")
        assert "immutable" in part.headers["cache-control"]
        assert part.headers["content-encoding"] == "gzip"
        plain = await http.get("/assets/index-abc.js", headers={"accept-encoding": "identity"})
        assert (plain.text, "content-encoding" in plain.headers) == (part.text, False)


@pytest.mark.usefixtures("built")
async def test_pages_fetch_from_where_clips_are_and_keep_to_tls(start: Start) -> None:
    gateway = await start(
        public_url="https://talks.example", asked_by_pages=("https://clips.example",)
    )
    async with gateway.http() as http:
        for path in ("/listen", "/offer", "/no/such/page"):
            answer = await http.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
        policy = (await http.get("/listen")).headers["content-security-policy"]
    assert "connect-src 'self' https://clips.example; " in policy


async def test_metrics_may_be_apart_from_what_everybody_reaches(start: Start) -> None:
    gateway = await start(metrics_apart=True)
    settings = GatewaySettings(metrics_port=0)
    with metrics_apart(gateway.gateway, settings) as port:
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{gateway.url}/metrics")).status_code == 404
            answer = await http.get(f"http://127.0.0.1:{port}/metrics")
    assert "gateway_connections" in answer.text
    with metrics_apart(gateway.gateway, GatewaySettings()) as port:
        assert port is None


@pytest.mark.usefixtures("built")
async def test_an_address_that_leads_nowhere_has_a_page_for_people(host: RunningGateway) -> None:
    async with host.http() as http:
        for path in ("/no/such/page", "/lisen/joyful-mountain-789"):
            person = await http.get(path, headers={"accept": "text/html,*/*;q=0.8"})
            assert (person.status_code, person.text) == (404, "<html>missing</html>")
            program = await http.get(path)
            assert (program.status_code, program.json()["code"]) == (404, "NOT_FOUND")
        posted = await http.post("/no/such/page", headers={"accept": "text/html"})
        assert (posted.status_code, posted.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("name", ["none.js", "..%2Fsecret.txt", "%2e%2e%2fsecret.txt"])
async def test_nothing_else_is_served(gateway: RunningGateway, name: str) -> None:
    async with gateway.http() as http:
        answer = await http.get(f"/assets/{name}")
        assert (answer.status_code, "browsers" in answer.text) == (404, False)


async def test_pages_that_are_not_built_say_what_to_do(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path / "nowhere")
    async with gateway.http() as http:
        for path in ("/", "/listen"):
            answer = await http.get(path)
            assert (answer.status_code, answer.text) == (503, pages.NOT_BUILT)


async def test_the_offer_holds_what_can_be_heard_and_where(start: Start) -> None:
    gateway = await start(public_url="https://talks.example")
    async with gateway.http() as http:
        offer = (await http.get("/offer")).json()
    names = offer.pop("names")
    assert names["es"] == {"name": "Spanish", "nativeName": "Español", "direction": "ltr"}
    assert names["ar"]["direction"] == "rtl"
    # There is a route from English to French, but no voice.
    assert offer == {
        "languages": {"en": ["ca", "en", "es", "fr"], "es": ["en", "es"]},
        "unvoiced": ["fr"],
        "publicUrl": "https://talks.example",
        "trustUrl": None,
        "binaryFrames": True,
        "signIn": None,
    }


@pytest.mark.parametrize("accepts", ["gzip", "identity"])
async def test_the_offer_is_small_for_who_can_unpack_it(start: Start, accepts: str) -> None:
    gateway = await start()
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        answer = await http.get("/offer", headers={"accept-encoding": accepts})
    is_packed = accepts == "gzip"
    assert answer.headers.get("content-encoding") == ("gzip" if is_packed else None)
    assert answer.headers["vary"] == "accept-encoding"
    assert (int(answer.headers["content-length"]) < len(answer.content) / 2) == is_packed
    assert "es" in answer.json()["names"]


async def test_the_offer_says_where_people_sign_in(start: Start) -> None:
    gateway = await start(sign_in=SignIn("https://speakers.example", "pages"))
    async with gateway.http() as http:
        offer = (await http.get("/offer")).json()
    assert offer["signIn"] == {"url": "https://speakers.example", "clientId": "pages"}
