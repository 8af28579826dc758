"""Sessions, tokens and health over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from ingest_gateway.protocol.limits import Limits

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration


def caller(gateway: RunningGateway, subject: str | None = "ada") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {gateway.token(subject)}"} if subject else {}
    return gateway.http(headers=headers)


async def create(http: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await http.post("/sessions", json={"sourceLanguage": "en", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_session_lives_through_http(host: RunningGateway) -> None:
    async with caller(host) as http:
        created = await create(http, targetLanguages=["es", "ca"], qualityTier="premium")
        path = f"/sessions/{created['sessionId']}"
        assert created == {
            "sessionId": "joyful-mountain-100",
            "speakerId": "ada",
            "sourceLanguage": "en",
            "targetLanguages": ["es", "ca"],
            "qualityTier": "premium",
            "status": "active",
            "createdAt": created["createdAt"],
            "endedAt": None,
            "listeningKey": created["listeningKey"],
            "listening": "id",
            "accessCode": None,
            "locked": False,
            "maxLanguages": None,
            "maxMinutes": None,
        }
        assert (await http.get(path)).json() == created
        paused = await http.patch(path, json={"status": "paused", "targetLanguages": ["es"]})
        assert paused.json() == {**created, "status": "paused", "targetLanguages": ["es"]}
        ended = (await http.delete(path)).json()
        assert (ended["status"], ended["endedAt"] >= created["createdAt"]) == ("ended", True)
        assert (await http.delete(path)).json() == ended
        late = await http.patch(path, json={"status": "active"})
        assert (late.status_code, late.json()["code"]) == (409, "SESSION_ENDED")
    await host.durable(created["sessionId"])
    kinds = [one.kind for one in host.controls("pause", "end")]
    assert kinds == ["pause", "end"]


async def test_without_signaling_channels_nobody_gets_keys_for_one(
    host: RunningGateway,
) -> None:
    async with caller(host) as http:
        path = f"/sessions/{(await create(http))['sessionId']}/signaling-keys"
        refused = await http.post(path)
    assert refused.status_code == 404
    assert refused.json()["message"] == "this session has no signaling channel with keys"


async def test_only_the_speaker_changes_a_session(host: RunningGateway) -> None:
    async with caller(host) as http:
        path = f"/sessions/{(await create(http))['sessionId']}"
    async with caller(host, "eve") as eve:
        for answer in (await eve.patch(path, json={"status": "paused"}), await eve.delete(path)):
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    async with caller(host, None) as guest:
        assert (await guest.get(path)).json()["status"] == "active"
        for answer in (
            await guest.post("/sessions", json={"sourceLanguage": "en"}),
            await guest.patch(path, json={"status": "paused"}),
            await guest.delete(path),
        ):
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"not json", 400, "BAD_JSON"),
        (b"[" * 8_000 + b"]" * 8_000, 400, "BAD_FIELD"),
        (b'{"x": ' + b"[" * 8_000 + b"]" * 8_000 + b"}", 400, "BAD_JSON"),
        (b'\xff\xfe{"sourceLanguage"', 400, "BAD_JSON"),
        (b"[]", 400, "BAD_FIELD"),
        (b"{}", 400, "BAD_FIELD"),
        (b'{"sourceLanguage": 1}', 400, "BAD_FIELD"),
        (b'{"sourceLanguage": "en", "qualityTier": "gold"}', 400, "BAD_FIELD"),
        (b'{"sourceLanguage": "xx"}', 400, "BAD_LANGUAGE"),
        (b'{"sourceLanguage": "en", "targetLanguages": ["xx"]}', 400, "BAD_LANGUAGE"),
        (b'{"sourceLanguage": "en", "padding": "' + b"x" * 20_000 + b'"}', 413, "TOO_LARGE"),
    ],
)
async def test_bad_bodies_are_refused(
    host: RunningGateway, body: bytes, status: int, code: str
) -> None:
    async with caller(host) as http:
        answer = await http.post("/sessions", content=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["/sessions/{}", "/audio/{}/es", "/transcripts/{}/es.vtt"])
async def test_an_id_that_no_session_can_have_is_not_looked_up(
    host: RunningGateway, path: str
) -> None:
    async with caller(host) as http:
        answer = await http.get(path.format("x" * 3_000))
        assert (answer.status_code, answer.json()["code"]) == (400, "BAD_FIELD")
        byte_order_mark = b"\xef\xbb\xbf"
        created = await http.post("/sessions", content=byte_order_mark + b'{"sourceLanguage":"en"}')
        assert created.status_code == 201


async def test_too_many_sessions_are_told_when_to_come_back(start_host: Start) -> None:
    limits = (await start_host()).needs.limits
    host = await start_host(type(limits)(creates_per_minute=1), now_ms=lambda: 1_790_000_000_000)
    async with caller(host) as http:
        await create(http)
        answer = await http.post("/sessions", json={"sourceLanguage": "en"})
        assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMITED")
        assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_tokens_are_issued_here_and_their_keys_are_published(
    gateway: RunningGateway,
) -> None:
    async with caller(gateway, None) as http:
        issued = (await http.post("/tokens", json={"subject": "grace"})).json()
        keys = KeySet.import_key_set((await http.get("/.well-known/jwks.json")).json())
        claims = jwt.decode(issued["token"], keys, algorithms=["RS256"]).claims
        assert claims["sub"] == "grace"
        assert "d" not in (await http.get("/.well-known/jwks.json")).json()["keys"][0]
        with_token = {"authorization": f"Bearer {issued['token']}"}
        answer = await http.post("/sessions", json={"sourceLanguage": "en"}, headers=with_token)
        assert answer.json()["speakerId"] == "grace"
        one, two = [(await http.post("/tokens")).json()["subject"] for _ in range(2)]
        assert one != two


async def test_tokens_are_not_issued_to_strangers(gateway: RunningGateway) -> None:
    async with caller(gateway, None) as http:
        behind_a_proxy = {"x-forwarded-for": "10.1.2.3"}
        assert (await http.post("/tokens", headers=behind_a_proxy)).status_code == 403


@pytest.mark.parametrize(
    "change",
    [{"iss": "elsewhere"}, {"aud": "elsewhere"}, {"exp": 1}, {"sub": ""}, {"sub": None}],
)
async def test_tokens_for_others_are_refused(
    gateway: RunningGateway, change: dict[str, Any]
) -> None:
    issuer = gateway.needs.issuer
    assert issuer is not None
    good = {
        "iss": "local-issuer",
        "aud": "live-translation",
        "sub": "ada",
        "exp": 4_000_000_000,
    }
    claims = {name: value for name, value in {**good, **change}.items() if value is not None}
    foreign = RSAKey.generate_key(2048, private=True)
    header = {"alg": "RS256", "kid": issuer._key.kid}
    tokens = [
        jwt.encode(header, claims, issuer._key, ["RS256"]),
        jwt.encode(header, good, foreign, ["RS256"]),
    ]
    async with gateway.http() as http:
        for token in tokens:
            answer = await http.post(
                "/sessions",
                json={"sourceLanguage": "en"},
                headers={"authorization": f"Bearer {token}"},
            )
            assert answer.status_code == 401
            assert "ada" not in answer.text


async def test_health_and_metrics(gateway: RunningGateway) -> None:
    speaker, _ = await gateway.speaker()
    await speaker.frame(0)
    await speaker.acknowledged(0)
    await speaker.send("shout")
    await speaker.expect("error")
    async with caller(gateway, None) as http:
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        lines = (await http.get("/metrics")).text.splitlines()
        assert "gateway_chunks_total 1.0" in lines
        assert 'gateway_refused_total{code="UNKNOWN_ACTION"} 1.0' in lines


async def test_a_listener_who_cannot_hear_is_seen_by_the_speaker(host: RunningGateway) -> None:
    speaker, session_id = await host.speaker()
    async with host.http() as http:
        for kind in ("cannotHear", "cannotHear", "good"):
            said = await http.post(f"/sessions/{session_id}/feedback", json={"kind": kind})
            assert said.status_code == 202
        unknown = await http.post(f"/sessions/{session_id}/feedback", json={"kind": "<b>"})
        assert (unknown.status_code, unknown.json()["code"]) == (400, "BAD_FIELD")
        nowhere = await http.post("/sessions/no-such-1/feedback", json={"kind": "good"})
        assert nowhere.json()["code"] == "NO_SESSION"
        status = await speaker.ask("getSessionStatus", "sessionStatus", sessionId=session_id)
        assert status["feedback"] == {"cannotHear": 2, "good": 1}
        await speaker.ask("endSession", "broadcastState", sessionId=session_id)
        over = await http.post(f"/sessions/{session_id}/feedback", json={"kind": "poor"})
        assert over.status_code == 202


async def test_feedback_is_limited(start: Start) -> None:
    gateway = await start(Limits(feedback_per_minute=2), now_ms=lambda: 1_790_000_000_000)
    _, session_id = await gateway.speaker()
    async with gateway.http() as http:
        url = f"/sessions/{session_id}/feedback"
        codes = [(await http.post(url, json={"kind": "good"})).status_code for _ in range(3)]
    assert codes == [202, 202, 429]
