"""The operators' document over HTTP: who may read it, and that it follows a talk."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jwt

from connectors.calls.policy import Policies, Policy
from connectors.interfaces.dead_letters import FoundLetters
from connectors.interfaces.errors import RetryableError
from connectors.memory.dead_letters import MemoryDeadLetters
from connectors.memory.ledger import MemoryLedger
from connectors.memory.record_sink import MemoryRecordSink
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.access.auth import OPERATOR, LocalIssuer
from ingest_gateway.gateway import wall_clock_ms
from ingest_gateway.operations.backlog import ASK_AFTER_MS
from schemas.values import DeadLetter, EntryKind, LedgerEntry
from tests.integration.gateway.conftest import ISSUER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from connectors.interfaces.record_sink import SinkRecord
    from tests.integration.gateway.conftest import RunningGateway, Start

pytestmark = pytest.mark.integration

ONE_TRY = Policies(directory=Policy(attempts=1))


def operators_token(**changes: Any) -> str:
    return ISSUER.issue("olga", **{"roles": (OPERATOR,), **changes})


@asynccontextmanager
async def operator(
    gateway: RunningGateway, token: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token or operators_token()}"}
    async with gateway.http(headers=headers) as http:
        yield http


async def document(gateway: RunningGateway, **query: Any) -> dict[str, Any]:
    async with operator(gateway) as http:
        answer = await http.get("/operations", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Clock:
    """The wall's, which a test can set forward."""

    def __init__(self) -> None:
        self.forward_ms = 0

    def __call__(self) -> int:
        return wall_clock_ms() + self.forward_ms


# Who may read it


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        (ISSUER.issue("ada"), 403, "FORBIDDEN"),
        (ISSUER.issue("ada", roles=("listener",)), 403, "FORBIDDEN"),
        (operators_token(lifetime_s=-60), 401, "UNAUTHORIZED"),
        (LocalIssuer().issue("olga", roles=(OPERATOR,)), 401, "UNAUTHORIZED"),
        ("no token", 401, "UNAUTHORIZED"),
        (None, 401, "UNAUTHORIZED"),
    ],
    ids=["speaker", "other role", "expired", "other key", "nonsense", "none"],
)
async def test_only_operators_may_look(
    gateway: RunningGateway, token: str | None, status: int, code: str
) -> None:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    async with gateway.http(headers=headers) as http:
        answer = await http.get("/operations")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "sessions" not in answer.text
        assert token is None or token not in answer.text


@pytest.mark.parametrize("roles", ["operator", [1], {"operator": True}])
async def test_roles_that_are_no_list_of_names_are_refused(
    gateway: RunningGateway, roles: Any
) -> None:
    token = _signed_with_roles(roles)
    async with operator(gateway, token) as http:
        assert (await http.get("/operations")).status_code == 401


def _signed_with_roles(roles: Any) -> str:
    key = ISSUER._key
    claims = jwt.decode(operators_token(), key, algorithms=["RS256"]).claims
    header: Any = {"alg": "RS256", "kid": key.kid}
    return jwt.encode(header, {**claims, "roles": roles}, key, ["RS256"])


async def test_nobody_is_given_an_operators_token_over_http(gateway: RunningGateway) -> None:
    async with gateway.http() as http:
        wish = {"subject": "eve", "roles": [OPERATOR]}
        token = (await http.post("/tokens", json=wish)).json()["token"]
    async with operator(gateway, token) as http:
        assert (await http.get("/operations")).status_code == 403


async def test_the_answer_is_kept_by_nobody_and_wants_a_number(gateway: RunningGateway) -> None:
    async with operator(gateway) as http:
        assert (await http.get("/operations")).headers["cache-control"] == "no-store"
        assert (await http.get("/operations?since=yesterday")).status_code == 400


# What it says


async def test_a_talk_is_followed_from_its_audio_to_its_clips(start: Start) -> None:
    gateway = await start(flink_url="http://127.0.0.1:8081")
    speaker, session_id = await gateway.speaker()
    await gateway.listener(session_id, "es")
    for sequence in range(3):
        await speaker.frame(sequence)
    await speaker.acknowledged(2)
    before = await document(gateway)
    (session,) = before["sessions"]
    assert (session["sessionId"], session["state"], session["hasSpeaker"]) == (
        session_id,
        "live",
        True,
    )
    assert (session["listeners"], session["lastClipAt"]) == ({"es": 1}, None)
    assert session["waitingRecords"] == 3
    assert session["createdAt"] <= session["oldestWaitingAt"] <= session["lastChunkAt"]
    assert before["backlog"]["undelivered"]["records"] == 3
    assert (before["flinkUrl"], before["gatewayId"]) == ("http://127.0.0.1:8081", "gateway-1")
    assert before["lag"] == []

    await tell(gateway, session_id, stages={"read": 40, "translate": 90})
    after = await document(gateway)
    (session,) = after["sessions"]
    assert (session["waitingRecords"], session["oldestWaitingAt"]) == (0, None)
    assert before["at"] <= session["lastClipAt"] <= after["at"]
    assert 0 <= session["lagMs"]["es"] < 5000
    (lag,) = after["lag"]
    assert (lag["language"], lag["clips"], lag["skipped"]) == ("es", 1, 0)
    assert lag["lag"]["p50"] == session["lagMs"]["es"]
    assert lag["stages"] == [
        {"stage": "read", "p50": 40, "p95": 40},
        {"stage": "translate", "p50": 90, "p95": 90},
    ]
    assert "secreto" not in str(after)
    assert "secret" not in str(after)


async def tell(gateway: RunningGateway, session_id: str, number: int = 0, **fields: Any) -> None:
    """One utterance that ends now goes out to listeners in Spanish, as the job sends it."""
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    message = {
        "type": "translatedAudio",
        "sequenceNumber": number,
        "timestamp": wall_clock_ms() - 1000,
        "sourceDuration": 1.0,
        "transcript": "secreto",
        "sourceTranscript": "secret",
        **fields,
    }
    await notifier.notify(session_id, "es", message)
    await notifier.close()


class LedgerOfHours(MemoryLedger):
    """Too long to be read from its beginning."""

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        assert number >= 0
        return await super().after(session_id, number)


async def test_silence_is_settled_by_the_ledger(start: Start) -> None:
    clock = Clock()
    ledger = LedgerOfHours()
    gateway = await start(ledger=ledger, now_ms=clock)
    speaker, session_id = await gateway.speaker()
    for sequence in range(3):
        await speaker.frame(sequence)
    await speaker.acknowledged(2)
    await ledger.commit(silence(session_id, 0, until_sequence=1))
    clock.forward_ms = ASK_AFTER_MS + 1000
    await gateway.gateway.watch.look()
    (session,) = (await document(gateway))["sessions"]
    assert session["waitingRecords"] == 2
    await ledger.commit(silence(session_id, 1, until_sequence=2))
    await gateway.gateway.watch.look()
    (session,) = (await document(gateway))["sessions"]
    assert session["waitingRecords"] == 1


def silence(session_id: str, number: int, until_sequence: int) -> LedgerEntry:
    sample = until_sequence * 1600
    return LedgerEntry(
        session_id=session_id,
        number=number,
        epoch=0,
        kind=EntryKind.SILENCE,
        first_sample=0,
        end_sample=sample,
        text="",
        language="en",
        captured_at_ms=0,
        committed_at_ms=0,
        writer="w",
        resume_sample=sample,
        resume_sequence=until_sequence,
        resume_sequence_sample=sample,
    )


async def test_records_that_the_stream_does_not_take_are_told_apart(start: Start) -> None:
    def refuses(_call: int, records: Sequence[SinkRecord]) -> list[str]:
        return ["ProvisionedThroughputExceededException"] * len(records)

    sink = MemoryRecordSink()
    gateway = await start(sink=sink)
    speaker, session_id = await gateway.speaker()
    await gateway.gateway.writer.wait_until_durable(session_id)
    sink.script = refuses
    calls = sink.calls
    await speaker.frame(0)
    await gateway.until(lambda: sink.calls > calls)
    backlog = (await document(gateway))["backlog"]
    assert (backlog["unstored"]["records"], backlog["undelivered"]["records"]) == (1, 0)
    assert backlog["unstored"]["oldestAt"] <= wall_clock_ms()
    sink.script = lambda _call, records: [None] * len(records)
    await speaker.acknowledged(0)
    assert (await document(gateway))["backlog"]["unstored"] == {"records": 0, "oldestAt": None}


async def test_dead_letters_are_counted_and_the_newest_named(start: Start) -> None:
    letters = MemoryDeadLetters()
    for number in range(10):
        await letters.send(
            DeadLetter("translate", "PermanentError", f"t/{number}/es", wall_clock_ms() + number)
        )
    await letters.send(DeadLetter("read", "yesterday's", "shard/1", wall_clock_ms() - 7_200_000))
    gateway = await start(dead_letters=letters)
    await gateway.gateway.watch.look()
    shown = (await document(gateway))["deadLetters"]
    assert (shown["byStep"], shown["complete"], shown["problem"]) == (
        {"translate": 10},
        True,
        None,
    )
    assert [one["key"] for one in shown["newest"]] == [f"t/{n}/es" for n in range(9, 1, -1)]


class Unreachable:
    async def since(self, at_ms: int, newest: int) -> FoundLetters:
        raise RetryableError("no answer")


class LedgerThatFails(MemoryLedger):
    async def last(self, session_id: str) -> None:
        raise RetryableError("no answer")


async def test_what_does_not_answer_is_said_and_the_rest_is_shown(start: Start) -> None:
    clock = Clock()
    gateway = await start(
        dead_letters=Unreachable(), ledger=LedgerThatFails(), now_ms=clock, policies=ONE_TRY
    )
    speaker, _ = await gateway.speaker()
    await speaker.frame(0)
    await speaker.acknowledged(0)
    clock.forward_ms = ASK_AFTER_MS + 60_000
    await gateway.gateway.watch.look()
    shown = await document(gateway)
    assert shown["deadLetters"]["problem"] == "RetryableError"
    assert shown["sessions"][0]["waitingRecords"] == 1


async def test_pictures_hold_a_moment_for_each_look_and_a_page_asks_for_the_rest(
    start: Start,
) -> None:
    clock = Clock()
    gateway = await start(now_ms=clock)
    _, session_id = await gateway.speaker()
    await gateway.listener(session_id)
    await gateway.gateway.watch.look()
    first = (await document(gateway))["history"]
    assert (first[-1]["sessions"], first[-1]["listeners"]) == (1, 1)
    clock.forward_ms = 3000
    await gateway.gateway.watch.look()
    rest = (await document(gateway, since=first[-1]["at"] + 2000))["history"]
    assert [one["at"] >= first[-1]["at"] + 3000 for one in rest] == [True]


async def test_prometheus_has_the_same_figures(start: Start) -> None:
    letters = MemoryDeadLetters()
    await letters.send(DeadLetter("publish", "PermanentError", "t/1/es", wall_clock_ms()))
    gateway = await start(dead_letters=letters)
    speaker, session_id = await gateway.speaker()
    await gateway.listener(session_id)
    await speaker.frame(0)
    await speaker.acknowledged(0)
    await gateway.gateway.watch.look()
    waiting = await figures(gateway)
    assert waiting["gateway_sessions"] == 1
    assert waiting['gateway_waiting_records{where="job"}'] == 1
    assert waiting['gateway_waiting_records{where="gateway"}'] == 0
    assert waiting['gateway_oldest_waiting_seconds{where="job"}'] > 0
    await tell(gateway, session_id, stages={"read": 40, "espresso": 1})
    await tell(gateway, session_id, 1, type="skipped", reason="late", timestamp=0)
    await gateway.gateway.watch.look()
    now = await figures(gateway)
    assert now['gateway_waiting_records{where="job"}'] == 0
    assert now['gateway_oldest_waiting_seconds{where="job"}'] == 0
    assert now['gateway_stage_seconds_sum{language="es",stage="read"}'] == 0.04
    assert not any("espresso" in name for name in now)
    assert now['gateway_delivery_seconds_count{language="es"}'] == 1
    assert now['gateway_utterances_skipped_total{language="es",reason="late"}'] == 1
    assert now['gateway_dead_letters{step="publish"}'] == 1


async def figures(gateway: RunningGateway) -> dict[str, float]:
    async with gateway.http() as http:
        text = (await http.get("/metrics")).text
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}
