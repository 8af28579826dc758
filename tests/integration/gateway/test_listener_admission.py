"""What lets a listener in: the link's key, the id, an access code, a seat; what its owner may do
about it. Both hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connectors.interfaces.session_tables import SessionRow
from ingest_gateway.access.listener_rules import new_key
from schemas.session_info import SessionInfo
from tests.integration.gateway.conftest import LIMITS, RunningGateway, RunningHandlers, until

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Client, Start

pytestmark = pytest.mark.integration


async def session(host: RunningGateway, **wanted: Any) -> tuple[str, str]:
    """(id, key)"""
    speaker = await host.connect(host.token())
    created = await speaker.ask("createSession", "sessionCreated", sourceLanguage="en", **wanted)
    return created["sessionId"], created["listeningKey"]


async def refused(host: RunningGateway, session_id: str, **shown: str) -> str:
    guest = await host.connect()
    join = {"sessionId": session_id, "targetLanguage": "es", **shown}
    return (await guest.ask("joinSession", "error", **join))["code"]


async def seated(host: RunningGateway, session_id: str, **shown: str) -> tuple[Client, str]:
    guest = await host.connect()
    join = {"sessionId": session_id, "targetLanguage": "es", **shown}
    return guest, (await guest.ask("joinSession", "sessionJoined", **join))["seat"]


def http_of(host: RunningGateway, subject: str | None = "ada") -> httpx.AsyncClient:
    headers = {} if subject is None else {"authorization": f"Bearer {host.token(subject)}"}
    return host.http(headers=headers)


async def change(host: RunningGateway, session_id: str, **wanted: Any) -> dict[str, Any]:
    async with http_of(host) as http:
        answer = await http.patch(f"/sessions/{session_id}", json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def read_statuses(host: RunningGateway, session_id: str, **shown: Any) -> list[int]:
    """Of what a listener reads over HTTP: the session, its transcript, its sound."""
    paths = (
        f"/sessions/{session_id}",
        f"/transcripts/{session_id}/es.txt",
        f"/audio/{session_id}/es",
    )
    async with http_of(host, None) as http:
        return [(await http.get(path, **shown)).status_code for path in paths]


async def test_the_link_and_the_id_lead_to_a_session(host: RunningGateway) -> None:
    session_id, key = await session(host)
    await seated(host, session_id)
    await seated(host, session_id, key=key)
    await seated(host, session_id, key=new_key())  # an old link: the id is right
    assert await read_statuses(host, session_id) == [200] * 3


async def test_only_the_link_leads_to_a_session_that_says_so(host: RunningGateway) -> None:
    session_id, key = await session(host, listening="link")
    assert await refused(host, session_id) == "NO_SESSION"
    assert await refused(host, session_id, key=new_key()) == "NO_SESSION"
    assert await read_statuses(host, session_id) == [404] * 3
    await seated(host, session_id, key=key)
    for shown in (
        {"headers": {"x-listening-key": key}},
        {"headers": {"authorization": f"Bearer key.{key}"}},
        {"params": {"key": key}},
    ):
        assert await read_statuses(host, session_id, **shown) == [200] * 3
    async with http_of(host, None) as http:
        answer = await http.post(f"/sessions/{session_id}/signaling-keys")
        assert (answer.status_code, answer.json()["code"]) == (404, "NO_SESSION")
        assert "whole link" in answer.json()["message"]


async def test_the_option_makes_the_link_compulsory(start_host: Start) -> None:
    host = await start_host(listening_by="link")
    session_id, key = await session(host)
    assert await refused(host, session_id) == "NO_SESSION"
    await seated(host, session_id, key=key)
    by_id, _ = await session(host, listening="id")
    await seated(host, by_id)


async def test_a_session_of_before_is_heard_by_its_id(host: RunningGateway) -> None:
    info = SessionInfo("old-talk-1", "ada", "en", (), "standard", "active", 1)
    info = replace(info, created_at_ms=host.needs.now_ms())
    await host.tables.create(SessionRow(info))
    guest = await host.connect()
    join = {"sessionId": "old-talk-1", "targetLanguage": "es"}
    joined = await guest.ask("joinSession", "sessionJoined", **join)
    assert "seat" not in joined
    made = await change(host, "old-talk-1", listening="link")
    assert await refused(host, "old-talk-1") == "NO_SESSION"
    await seated(host, "old-talk-1", key=made["listeningKey"])


async def test_an_access_code_is_asked_of_everybody(start_host: Start) -> None:
    host = await start_host(replace(LIMITS, joins_per_minute=4))
    session_id, key = await session(host, accessCode="Tulip 42")
    assert await refused(host, session_id, key=key) == "ACCESS_CODE"
    assert await refused(host, session_id, accessCode="tulip") == "ACCESS_CODE"
    _, seat = await seated(host, session_id, accessCode="TULIP-42")
    await seated(host, session_id, seat=seat)
    assert await read_statuses(host, session_id) == [200, 403, 403]
    assert await read_statuses(host, session_id, headers={"x-access-code": "tulip42"}) == [200] * 3
    codes = [await refused(host, session_id, accessCode=f"tulip-{at}") for at in range(4)]
    assert codes == ["ACCESS_CODE"] * 3 + ["RATE_LIMITED"]
    if not isinstance(host, RunningHandlers):  # nothing tells any more whether one is right
        assert await refused(host, session_id, accessCode="tulip42") == "RATE_LIMITED"
    await change(host, session_id, accessCode=None)
    await seated(host, session_id)


async def test_a_code_has_letters_or_digits(host: RunningGateway) -> None:
    speaker = await host.connect(host.token())
    wanted = {"sourceLanguage": "en", "accessCode": "- - - 1"}
    assert (await speaker.ask("createSession", "error", **wanted))["code"] == "BAD_FIELD"


async def test_behind_a_lock_only_who_was_here_comes_in_again(host: RunningGateway) -> None:
    session_id, key = await session(host)
    first, seat = await seated(host, session_id, key=key)
    assert (await change(host, session_id, locked=True))["locked"] is True
    assert await refused(host, session_id, key=key) == "LOCKED"
    await host.hung_up(first)
    await seated(host, session_id, seat=seat)
    assert await refused(host, session_id, seat=f"made-up.{seat.partition('.')[2]}") == "LOCKED"
    await change(host, session_id, locked=False)
    await seated(host, session_id)


async def test_a_listener_who_is_removed_does_not_come_back(host: RunningGateway) -> None:
    session_id, _ = await session(host)
    stays, _ = await seated(host, session_id)
    goes, seat = await seated(host, session_id)
    listener_id = seat.partition(".")[0]
    async with http_of(host) as http:
        path = f"/sessions/{session_id}/listeners"
        listed = (await http.get(path)).json()
        assert listener_id in {one["listenerId"] for one in listed}
        assert {one["targetLanguage"] for one in listed} == {"es"}
        assert (await http.delete(f"{path}/{listener_id}")).status_code == 200
        assert (await http.delete(f"{path}/not-one")).status_code == 400
    assert (await goes.expect("error"))["code"] == "REMOVED"
    closed = await goes.closed()
    assert isinstance(host, RunningHandlers) or closed == (4403, "REMOVED")
    assert await refused(host, session_id, seat=seat) == "REMOVED"
    await stays.ask("heartbeat", "heartbeatAck")


async def test_a_new_key_ends_the_links_of_before(host: RunningGateway) -> None:
    session_id, key = await session(host, listening="link")
    here, seat = await seated(host, session_id, key=key)
    made = await change(host, session_id, newListeningKey=True)
    assert made["listeningKey"] != key
    for shown in ({"key": key}, {"seat": seat}):
        assert await refused(host, session_id, **shown) == "NO_SESSION"
    await seated(host, session_id, key=made["listeningKey"])
    await here.ask("heartbeat", "heartbeatAck")  # whoever listens stays


async def test_only_its_owner_sees_and_changes_who_may_listen(host: RunningGateway) -> None:
    session_id, _ = await session(host)
    secrets = {"listeningKey", "listening", "accessCode", "locked", "maxLanguages", "maxMinutes"}
    for subject, sees in (("ada", secrets), ("eve", set[str]()), (None, set[str]())):
        async with http_of(host, subject) as http:
            shown = (await http.get(f"/sessions/{session_id}")).json()
            assert shown.keys() & secrets == sees
    for subject, status in (("eve", 403), (None, 401)):
        async with http_of(host, subject) as http:
            path = f"/sessions/{session_id}"
            answers = [
                await http.patch(path, json={"locked": True}),
                await http.patch(path, json={"newListeningKey": True}),
                await http.get(f"{path}/listeners"),
                await http.delete(f"{path}/listeners/{'a' * 16}"),
            ]
            assert [one.status_code for one in answers] == [status] * 4


async def test_languages_are_capped_in_mid_talk(host: RunningGateway) -> None:
    session_id, _ = await session(host)
    await seated(host, session_id)
    assert (await change(host, session_id, maxLanguages=1))["maxLanguages"] == 1
    guest = await host.connect()
    join = {"sessionId": session_id, "targetLanguage": "ca"}
    assert (await guest.ask("joinSession", "error", **join))["code"] == "BAD_LANGUAGE"


async def test_what_an_owner_changes_elsewhere_holds_here_soon(start: Start) -> None:
    """Two gateways over one set of tables; listeners come through the one, the owner through the
    other."""
    now_ms = 1_790_000_000_000
    one = await start(now_ms=lambda: now_ms)
    shared = {"tables": one.needs.tables, "documents": one.needs.documents}
    other = await start(now_ms=lambda: now_ms, gateway_id="gateway-2", **shared)
    session_id, key = await session(one)
    goes, seat = await seated(one, session_id, key=key)
    await change(other, session_id, locked=True)
    async with http_of(other) as http:
        listener_id = seat.partition(".")[0]
        await http.delete(f"/sessions/{session_id}/listeners/{listener_id}")
    now_ms += 2001
    assert await refused(one, session_id, key=key) == "LOCKED"
    await one.gateway.sweeper.sweep()
    assert (await goes.closed())[0] == 4403


async def test_wrong_keys_are_guesses(start: Start) -> None:
    host = await start(replace(LIMITS, joins_per_minute=3))
    session_id, key = await session(host, listening="link")
    codes = [await refused(host, session_id, key=new_key()) for _ in range(5)]
    assert codes == ["NO_SESSION"] * 3 + ["RATE_LIMITED"] * 2
    await seated(host, session_id, key=key)
    counted = host.gateway.metrics.security_events.labels("unknown_session")._value
    await until(lambda: counted.get() == 3)


async def test_guesses_are_limited_in_all(start: Start) -> None:
    """Whatever the number of addresses: here, of people with tokens."""
    host = await start(replace(LIMITS, guesses_per_minute=3))
    session_id, key = await session(host)
    codes: list[str] = []
    for number in range(5):
        person = await host.connect(host.token(f"guesser-{number}"))
        join = {"sessionId": f"wild-{number}", "targetLanguage": "es"}
        codes.append((await person.ask("joinSession", "error", **join))["code"])
    assert codes == ["NO_SESSION"] * 3 + ["RATE_LIMITED"] * 2
    assert await refused(host, session_id) == "RATE_LIMITED"
    await seated(host, session_id, key=key)
