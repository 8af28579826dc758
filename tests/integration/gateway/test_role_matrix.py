"""Every role by every operation that names a session or is for somebody: who may, and nobody else
may on a session that is not theirs. The session is one that only its link leads to. Both hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ingest_gateway.access.edge import Edge
from ingest_gateway.routes.openapi import OPERATIONS
from tests.integration.gateway.conftest import ISSUER, RunningGateway, RunningHandlers

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Start

pytestmark = pytest.mark.integration

ROLES = ("guest", "eve", "ada", "operator", "job")
"""Eve speaks too, in a session of her own; Ada owns the session that is asked about."""
LISTENER = "a" * 16
JOB_TOKEN = "the-job"


@dataclass(frozen=True)
class Asked:
    """One operation, with the status that each role is answered with."""

    operation: str
    body: Any
    statuses: tuple[int, int, int, int, int]
    server_only: bool = False


OWNERS = (401, 403, 200, 403, 401)
LISTENERS = (404, 404, 200, 404, 404)
KNOWN = (401, 201, 201, 201, 401)
JOBS = (403, 403, 403, 403)
MATRIX = (
    Asked("POST /sessions", {"sourceLanguage": "en"}, KNOWN),
    Asked("GET /sessions/{session_id}", None, LISTENERS),
    Asked("PATCH /sessions/{session_id}", {"muted": True}, OWNERS),
    Asked("PATCH /sessions/{session_id}", {"listening": "link"}, OWNERS),
    Asked("GET /sessions/{session_id}/listeners", None, OWNERS),
    Asked("DELETE /sessions/{session_id}/listeners/{listener_id}", None, OWNERS),
    # There are no channels here: whoever gets that far is told so.
    Asked("POST /sessions/{session_id}/signaling-keys", None, (404, 404, 404, 404, 404)),
    Asked("GET /audio/{session_id}/{language}", None, LISTENERS),
    Asked("GET /transcripts/{session_id}/{name}", None, LISTENERS),
    Asked("POST /tickets", None, KNOWN),
    Asked("POST /tokens", {"subject": "ada"}, (403,) * 5, server_only=True),
    Asked("POST /whip/{session_id}", "v=0", (401, 403, 406, 403, 401), server_only=True),
    Asked("POST /whip", "v=0", (401, 400, 400, 400, 401), server_only=True),
    Asked("GET /operations", None, (401, 403, 403, 200, 401), server_only=True),
    Asked("POST /notify/{session_id}/{language}", {"type": "x"}, (*JOBS, 200), server_only=True),
    Asked("POST /notify", [], (*JOBS, 200), server_only=True),
    Asked("POST /@connections/{connection_id}", {}, (*JOBS, 410), server_only=True),
    Asked("GET /@connections/{connection_id}", None, (*JOBS, 410), server_only=True),
    Asked("DELETE /@connections/{connection_id}", None, (*JOBS, 410), server_only=True),
    Asked("DELETE /sessions/{session_id}", None, OWNERS),
    # Whoever asks after its owner finds nothing.
    Asked("DELETE /sessions/{session_id}/data", None, (401, 403, 200, 404, 401)),
)
ELSEWHERE = {
    # What they let by is shown by tests of their own.
    "POST /whep/{session_id}/{language}": "test_listener_admission",
    "DELETE /tickets": "test_tokens_end",
    "POST /sessions/{session_id}/feedback": "test_gateway_http",
    "GET /captions/{session_id}/{language}": "test_caption_events",
    "GET /rooms/{room_id}/events": "test_caption_events",
    **dict.fromkeys(
        [f"{method} /events" for method in ("GET", "POST")]
        + [f"{method} /events/{{event_id}}" for method in ("GET", "DELETE")]
        + ["POST /rooms", "POST /talks"]
        + [f"{method} /rooms/{{room_id}}" for method in ("GET", "PATCH", "DELETE")]
        + [f"{method} /talks/{{talk_id}}" for method in ("GET", "PATCH", "DELETE")]
        + [f"{method} /talks/{{talk_id}}/stage" for method in ("POST", "DELETE")],
        "test_rooms",
    ),
    "DELETE /whip/{session_id}/resources/{resource_id}": "test_whip",
    "DELETE /whep/{session_id}/{language}/resources/{resource_id}": "test_whep",
}


def headers_of(role: str) -> dict[str, str]:
    match role:
        case "guest":
            return {}
        case "job":
            return {"x-job-token": JOB_TOKEN}
        case "operator":
            return {"authorization": f"Bearer {ISSUER.issue('olga', roles=('operator',))}"}
        case _:
            return {"authorization": f"Bearer {ISSUER.issue(role)}"}


async def a_host(start_host: Start) -> tuple[RunningGateway, str]:
    host = await start_host(edge=Edge(), job_token=JOB_TOKEN, listening_by="link")
    speaker = await host.connect(host.token("ada"))
    created = await speaker.ask("createSession", "sessionCreated", sourceLanguage="en")
    return host, created["sessionId"]


async def status(host: RunningGateway, role: str, asked: Asked, session_id: str) -> int:
    method, _, path = asked.operation.partition(" ")
    named = {"session_id": session_id, "language": "es", "name": "es.txt"}
    path = path.format(**named, connection_id="c-1", listener_id=LISTENER)
    headers = headers_of(role)
    options: dict[str, Any] = {} if asked.body is None else {"json": asked.body}
    if isinstance(asked.body, str):
        options = {"content": asked.body}
        headers["content-type"] = "application/sdp"
    async with host.http(headers=headers) as http:
        return (await http.request(method, path, **options)).status_code


async def test_who_may_do_what_over_http(start_host: Start) -> None:
    host, session_id = await a_host(start_host)
    found: dict[str, tuple[int, ...]] = {}
    wanted: dict[str, tuple[int, ...]] = {}
    for asked in MATRIX:
        if asked.server_only and isinstance(host, RunningHandlers):
            continue
        name = f"{asked.operation} {asked.body}"
        wanted[name] = asked.statuses
        found[name] = tuple(
            [await status(host, role, asked, session_id) for role in ROLES],
        )
    assert found == wanted


async def test_who_may_do_what_over_a_socket(start_host: Start) -> None:
    host, session_id = await a_host(start_host)
    eves = await host.connect(host.token("eve"))
    own = await eves.ask("createSession", "sessionCreated", sourceLanguage="en")
    join = {"streamId": "s1", "nextSequence": 0}
    await eves.ask("joinAsSpeaker", "speakerJoined", sessionId=own["sessionId"], **join)
    chunk = {
        "audioData": "AQA=",
        "timestamp": host.needs.now_ms(),
        "format": "pcm",
        "sampleRate": 16000,
        "channels": 1,
        "encoding": "s16le",
    }
    listening = {"targetLanguage": "es"}
    speaks = ("UNAUTHORIZED", "FORBIDDEN", "FORBIDDEN", "NOT_SPEAKER")
    controls = ("NOT_SPEAKER",) * 4
    tries: tuple[tuple[str, dict[str, Any], tuple[str, ...]], ...] = (
        ("joinAsSpeaker", join, ("UNAUTHORIZED", "FORBIDDEN", "FORBIDDEN", "FORBIDDEN")),
        ("audioChunk", chunk, speaks),
        *((name, {}, controls) for name in ("pauseBroadcast", "muteBroadcast", "endSession")),
        ("getSessionStatus", {}, controls),
        ("setVolume", {"volume": 0.1}, controls),
        ("joinSession", listening, ("NO_SESSION",) * 3 + ("FORBIDDEN",)),
        ("changeLanguage", listening, ("FORBIDDEN",) * 4),
        ("refreshUrl", {**listening, "sequenceNumber": 0}, ("FORBIDDEN",) * 4),
        ("leaveSession", {}, ("FORBIDDEN",) * 4),
    )
    others = [
        await host.connect(),
        await host.connect(host.token("eve")),
        await host.connect(ISSUER.issue("olga", roles=("operator",))),
        eves,
    ]
    for action, fields, codes in tries:
        found = [
            (await one.ask(action, "error", sessionId=session_id, **fields))["code"]
            for one in others
        ]
        assert tuple(found) == codes, action
    await host.durable(session_id)
    assert not [one for one in host.chunks() if one]
    row = await host.tables.get(session_id)
    assert row is not None
    assert (row.info.status, row.muted, row.volume, row.stream_id) == ("active", False, 1.0, None)


def test_every_operation_has_its_row() -> None:
    """A new route is placed here, or is for anybody and names no session."""
    placed = {asked.operation for asked in MATRIX} | ELSEWHERE.keys()
    for one in OPERATIONS:
        name = f"{one.method.upper()} {one.path}"
        is_open = one.caller == "anybody" and "{session_id}" not in one.path
        is_page = one.path.startswith("/listen")
        is_refused = one.status == 405
        assert name in placed or is_open or is_page or is_refused, name
