"""Sessions, talks and tokens over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec
from litestar import MediaType, Response, delete, get, patch, post
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Meta, Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ingest_gateway.access.tickets import TICKET_LIFETIME_S
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import CreateSession, Language
from ingest_gateway.routes.callers import AnyRequest, ItsGateway, is_on_this_machine, peer_of
from ingest_gateway.sessions.ids import memorable_id
from ingest_gateway.sessions.speakers import known
from ingest_gateway.sessions.views import session_view
from schemas.captions import plain_text, sub_rip, web_vtt

T = TypeVar("T")
_STATUS_CONTROLS = {"active": "resume", "paused": "pause"}
_MAX_BODY_BYTES = 16 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SessionPatch(Struct, frozen=True, rename="camel"):
    """What ``PATCH`` may change."""

    status: Literal["active", "paused"] | None = None
    muted: bool | None = None
    target_languages: Annotated[tuple[Language, ...], Meta(max_length=64)] | None = None


class TokenWish(Struct, frozen=True, rename="camel"):
    subject: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    session_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


async def _body(request: AnyRequest, kind: type[T]) -> T:
    body = await request.body()
    if len(body) > _MAX_BODY_BYTES:
        raise Refusal("TOO_LARGE", f"send at most {_MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(body.removeprefix(_BYTE_ORDER_MARK) or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise Refusal("BAD_FIELD", str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal("BAD_JSON", "send one JSON object") from None


def _json(value: object, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(value), status_code=status, media_type=MediaType.JSON)


@post("/sessions")
async def create_session(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    peer = peer_of(request, gateway)
    known(peer)  # before the body: a stranger learns nothing from validation
    row = await gateway.speakers.create(peer, await _body(request, CreateSession))
    return _json(session_view(row.info), 201)


@get("/sessions/{session_id:str}")
async def get_session(session_id: FromPath[str], gateway: ItsGateway) -> Response[bytes]:
    live = await gateway.live.find(session_id)
    return _json(session_view(live.row.info))


@patch("/sessions/{session_id:str}")
async def patch_session(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    identity = known(peer_of(request, gateway))
    wanted = await _body(request, SessionPatch)
    live = await gateway.live.find_going_on(session_id)
    if wanted.target_languages is not None:
        live = await gateway.speakers.set_targets(identity, session_id, wanted.target_languages)
    if wanted.status is not None:
        name = _STATUS_CONTROLS[wanted.status]
        live = await gateway.speakers.control(identity, session_id, name)
    if wanted.muted is not None:
        name = "mute" if wanted.muted else "unmute"
        live = await gateway.speakers.control(identity, session_id, name)
    return _json(session_view(live.row.info))


@delete("/sessions/{session_id:str}", status_code=200)
async def delete_session(
    session_id: FromPath[str], request: AnyRequest, gateway: ItsGateway
) -> Response[bytes]:
    live = await gateway.speakers.end(known(peer_of(request, gateway)), session_id)
    return _json(session_view(live.row.info))


@get("/audio/{session_id:str}/{language:str}")
async def talk_audio(
    session_id: FromPath[str], language: FromPath[str], gateway: ItsGateway
) -> Stream:
    await gateway.live.find(session_id)
    return Stream(gateway.talk.audio(session_id, language), media_type="audio/mpeg")


@get("/transcripts/{session_id:str}/{name:str}")
async def transcript(
    session_id: FromPath[str], name: FromPath[str], gateway: ItsGateway
) -> Response[str]:
    language, _, form = name.rpartition(".")
    if form not in ("vtt", "srt", "txt") or not language:
        return Response("use LANGUAGE.vtt, LANGUAGE.srt or LANGUAGE.txt", status_code=404)
    await gateway.live.find(session_id)
    cues = await gateway.talk.cues(session_id, language)
    if form == "vtt":
        return Response(web_vtt(cues), media_type="text/vtt; charset=utf-8")
    if form == "srt":
        return Response(sub_rip(cues), media_type="application/x-subrip; charset=utf-8")
    return Response(plain_text(cues), media_type=MediaType.TEXT)


@post("/tokens", status_code=201)
async def issue_token(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    """A token of the local issuer, for whoever is on this machine (or anybody, if so set up)."""
    issuer = gateway.needs.issuer
    if issuer is None:
        return Response(b"", status_code=404)
    if not gateway.needs.open_issuer and not is_on_this_machine(request):
        raise Refusal("FORBIDDEN", "tokens are issued on this machine only")
    wish = await _body(request, TokenWish)
    subject = wish.subject or f"speaker-{memorable_id()}"
    token = issuer.issue(subject, session_id=wish.session_id)
    return _json({"token": token, "subject": subject}, 201)


@post("/tickets", status_code=201)
async def issue_ticket(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    """For the holder of a token: what opens one WebSocket, within ``expiresInS``."""
    ticket = await gateway.tickets.issue(known(peer_of(request, gateway)))
    answer = _json({"ticket": ticket, "expiresInS": TICKET_LIFETIME_S}, 201)
    answer.headers["cache-control"] = "no-store"
    return answer


@get("/.well-known/jwks.json")
async def jwks(gateway: ItsGateway) -> Response[bytes]:
    issuer = gateway.needs.issuer
    return _json({"keys": []} if issuer is None else issuer.jwks())


@get("/healthz")
async def healthz() -> Response[bytes]:
    return _json({"status": "ok"})


@get("/metrics")
async def metrics(gateway: ItsGateway) -> Response[bytes]:
    body = generate_latest(gateway.metrics.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


SESSION_ROUTES = [
    create_session,
    get_session,
    patch_session,
    delete_session,
    talk_audio,
    transcript,
    issue_token,
    issue_ticket,
    jwks,
    healthz,
    metrics,
]
