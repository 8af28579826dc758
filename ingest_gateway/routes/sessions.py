"""Sessions, talks and tokens over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import MediaType, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import UNSET, Meta, Struct, UnsetType
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingest_gateway.access.auth import presented_listening
from ingest_gateway.access.listener_rules import ListeningWish, Purpose
from ingest_gateway.access.tickets import TICKET_LIFETIME_S
from ingest_gateway.gateway import Gateway
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import (
    AccessCode,
    CreateSession,
    FeedbackKind,
    Language,
    ListeningBy,
    Minutes,
)
from ingest_gateway.rooms.messages import ErasedView
from ingest_gateway.rooms.speaker_links import talk_of
from ingest_gateway.routes.bodies import json_answer, read_body
from ingest_gateway.routes.callers import (
    AnyRequest,
    ItsGateway,
    caller_of,
    is_on_this_machine,
    peer_of,
)
from ingest_gateway.sessions.hub import known
from ingest_gateway.sessions.ids import is_listener_id, memorable_id
from ingest_gateway.sessions.listening_changes import check_code
from ingest_gateway.sessions.live_sessions import LiveSession
from ingest_gateway.sessions.views import session_view
from schemas.captions import plain_text, sub_rip, web_vtt

_STATUS_CONTROLS = {"active": "resume", "paused": "pause"}


class SessionPatch(Struct, frozen=True, rename="camel"):
    """What ``PATCH`` may change. ``access_code`` null: none is asked for any more.
    ``new_listening_key``: links and seats of before are worth nothing any more."""

    status: Literal["active", "paused"] | None = None
    muted: bool | None = None
    target_languages: Annotated[tuple[Language, ...], Meta(max_length=64)] | None = None
    listening: ListeningBy | None = None
    access_code: AccessCode | UnsetType | None = UNSET
    locked: bool | None = None
    new_listening_key: bool = False
    max_languages: Annotated[int, Meta(ge=1, le=64)] | None = None
    max_minutes: Minutes | None = None

    def listening_wish(self) -> ListeningWish:
        return ListeningWish(
            by_link=None if self.listening is None else self.listening == "link",
            code=None if self.access_code is UNSET else self.access_code or "",
            locked=self.locked,
            new_key=self.new_listening_key,
            max_languages=self.max_languages,
            max_minutes=self.max_minutes,
        )


class ListenerView(Struct, frozen=True, rename="camel"):
    """A listener as the session's owner sees it."""

    listener_id: str
    target_language: str
    connected_at: int


class Feedback(Struct, frozen=True):
    kind: FeedbackKind


class TokenWish(Struct, frozen=True, rename="camel"):
    subject: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    session_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


async def admitted(
    session_id: str, request: AnyRequest, gateway: Gateway, purpose: Purpose
) -> LiveSession:
    """The session, for who may listen to it. Raises Refusal as ``ListenerAdmission.admit``."""
    shown = presented_listening(request.headers, request.query_params)
    peer = peer_of(request, gateway)
    found = await gateway.admission.admit(peer, session_id, shown, purpose)
    return found.live


@post("/sessions")
async def create_session(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    peer = peer_of(request, gateway)
    known(peer)  # before the body: a stranger learns nothing from validation
    row = await gateway.speakers.create(peer, await read_body(request, CreateSession))
    return json_answer(session_view(row.info, row.info.speaker_id), 201)


@get("/sessions/{session_id:str}")
async def get_session(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    live = await admitted(session_id, request, gateway, Purpose.LOOK)
    identity = peer_of(request, gateway).identity
    return json_answer(session_view(live.row.info, None if identity is None else identity.subject))


@patch("/sessions/{session_id:str}")
async def patch_session(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    identity = caller_of(request, gateway)
    wanted = await read_body(request, SessionPatch)
    live = await gateway.owners.find_going_on(identity, session_id)
    if (wish := wanted.listening_wish()) != ListeningWish():
        check_code(wish.code or None)
        live = await gateway.speakers.set_listening(identity, session_id, wish)
    if wanted.target_languages is not None:
        live = await gateway.speakers.set_targets(identity, session_id, wanted.target_languages)
    if wanted.status is not None:
        name = _STATUS_CONTROLS[wanted.status]
        live = await gateway.speakers.control(identity, session_id, name)
    if wanted.muted is not None:
        name = "mute" if wanted.muted else "unmute"
        live = await gateway.speakers.control(identity, session_id, name)
    return json_answer(session_view(live.row.info, identity.subject))


@delete("/sessions/{session_id:str}", status_code=200)
async def delete_session(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    identity = caller_of(request, gateway)
    live = await gateway.speakers.end(identity, session_id)
    return json_answer(session_view(live.row.info, identity.subject))


@delete("/sessions/{session_id:str}/data", status_code=200)
async def erase_session(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    """Delete all that is kept of it; it ends, if it goes on."""
    identity = known(peer_of(request, gateway))
    if talk_of(identity) is not None:
        raise Refusal("FORBIDDEN", "a talk is deleted by the organiser of its room")
    live = await gateway.speakers.end(identity, session_id)
    erased = await gateway.deletions.erase(session_id, live.row.info.created_at_ms)
    return json_answer(ErasedView(erased.objects, erased.rows))


@get("/sessions/{session_id:str}/listeners")
async def list_listeners(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    """Of every gateway. Connections of before have no listener's id and are left out."""
    await gateway.speakers.check_speaker(peer_of(request, gateway), session_id)
    live, now_ms = gateway.live, gateway.needs.now_ms()
    rows = await live.ask(lambda: live.tables.connections(session_id, now_ms))
    listeners = [
        ListenerView(row.listener_id, row.language, row.connected_at_ms)
        for row in rows
        if row.listener_id
    ]
    return json_answer(listeners)


@delete("/sessions/{session_id:str}/listeners/{listener_id:str}", status_code=200)
async def remove_listener(
    session_id: FromPath[str],
    listener_id: FromPath[str],
    request: AnyRequest,
    gateway: ItsGateway,
) -> Response[bytes]:
    """Here at once, by other gateways within half a minute."""
    identity = caller_of(request, gateway)
    if not is_listener_id(listener_id):
        raise Refusal("BAD_FIELD", "that is not a listener's id")
    removal = ListeningWish(remove=listener_id)
    live = await gateway.speakers.set_listening(identity, session_id, removal)
    gateway.listeners.remove(live, listener_id)
    return Response(b"", status_code=200)


@post("/sessions/{session_id:str}/feedback", status_code=202)
async def give_feedback(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    """What a listener says of how the talk is heard, also when it is over."""
    await admitted(session_id, request, gateway, Purpose.READ)
    said = await read_body(request, Feedback)
    await gateway.listeners.feedback(peer_of(request, gateway), session_id, said.kind)
    return json_answer({"kind": said.kind}, 202)


@get("/audio/{session_id:str}/{language:str}")
async def talk_audio(
    session_id: FromPath[str], language: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Stream:
    await admitted(session_id, request, gateway, Purpose.READ)
    return Stream(gateway.talk.audio(session_id, language), media_type="audio/mpeg")


@get("/transcripts/{session_id:str}/{name:str}")
async def transcript(
    session_id: FromPath[str], name: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[str]:
    language, _, form = name.rpartition(".")
    if form not in ("vtt", "srt", "txt") or not language:
        return Response("use LANGUAGE.vtt, LANGUAGE.srt or LANGUAGE.txt", status_code=404)
    await admitted(session_id, request, gateway, Purpose.READ)
    cues = await gateway.talk.cues(session_id, language)
    if form == "vtt":
        return Response(web_vtt(cues), media_type="text/vtt; charset=utf-8")
    if form == "srt":
        return Response(sub_rip(cues), media_type="application/x-subrip; charset=utf-8")
    return Response(plain_text(cues), media_type=MediaType.TEXT)


@post("/tokens", status_code=201)
async def issue_token(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    """A token of the local issuer, for callers on this machine (or anybody, if so set up)."""
    issuer = gateway.needs.issuer
    if issuer is None:
        return Response(b"", status_code=404)
    if not gateway.needs.open_issuer and not is_on_this_machine(request, gateway):
        raise Refusal("FORBIDDEN", "tokens are issued on this machine only, with --trust-loopback")
    wish = await read_body(request, TokenWish)
    subject = wish.subject or f"speaker-{memorable_id()}"
    token = issuer.issue(subject, session_id=wish.session_id)
    return json_answer({"token": token, "subject": subject}, 201)


@post("/tickets", status_code=201)
async def issue_ticket(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    """For the holder of a token: what opens one WebSocket, within ``expiresInS``."""
    ticket = await gateway.tickets.issue(caller_of(request, gateway))
    answer = json_answer({"ticket": ticket, "expiresInS": TICKET_LIFETIME_S}, 201)
    answer.headers["cache-control"] = "no-store"
    return answer


@delete("/tickets", status_code=200)
async def sign_out(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    """The caller's token, and tickets and connections that it opened, are worth nothing any
    more."""
    await gateway.tokens.sign_out(caller_of(request, gateway))
    return Response(b"", status_code=200)


@get("/.well-known/jwks.json")
async def jwks(gateway: ItsGateway) -> Response[bytes]:
    issuer = gateway.needs.issuer
    return json_answer({"keys": []} if issuer is None else issuer.jwks())


@get("/healthz")
async def healthz() -> Response[bytes]:
    return json_answer({"status": "ok"})


@get("/metrics")
async def metrics(gateway: ItsGateway) -> Response[bytes]:
    body = generate_latest(gateway.metrics.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


SESSION_ROUTES = [
    create_session,
    get_session,
    patch_session,
    delete_session,
    erase_session,
    give_feedback,
    list_listeners,
    remove_listener,
    talk_audio,
    transcript,
    issue_token,
    issue_ticket,
    sign_out,
    jwks,
    healthz,
    metrics,
]
