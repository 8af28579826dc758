"""The browsers' pages as Vite built them, and what the pages ask before they have a session."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
from litestar import MediaType, Response, get
from litestar.params import FromPath

from ingest_gateway.access.cognito import SignIn
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.routes.callers import AnyRequest, ItsGateway, gateway_of
from ingest_gateway.sessions.languages import Languages
from schemas.languages import LANGUAGES

BUILT = Path(__file__).parents[1] / "web" / "dist"
NOT_BUILT = "The pages are not built: run `make setup`, then open this address again.\n"

_MEDIA_TYPES = {".webmanifest": "application/manifest+json"}
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_EACH_TIME = "no-cache"
_PAGE_HEADERS = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class LanguageName(msgspec.Struct, frozen=True, rename="camel"):
    """How a page writes a language: its name in English and as its speakers write it, and the
    direction of its text (``ltr`` or ``rtl``)."""

    name: str
    native_name: str
    direction: str


NAMES = {
    tag: LanguageName(row.name, row.native_name, row.direction) for tag, row in LANGUAGES.items()
}


class Offer(msgspec.Struct, frozen=True, rename="camel"):
    """``languages``: spoken language to those it can be heard or read in. ``unvoiced``: those that
    can be read only. ``names``: of every language of
    the table, offered or not. ``public_url``: where others
    reach this gateway, when that is not where the page came from; ``trust_url``: where a phone
    learns to trust it, if it has to. ``binary_frames``: whether audio
    may come in those, or in messages only. ``sign_in``: where people get their token; None: here,
    or they bring one."""

    languages: Mapping[str, tuple[str, ...]]
    unvoiced: tuple[str, ...]
    names: Mapping[str, LanguageName]
    public_url: str | None
    trust_url: str | None
    binary_frames: bool
    sign_in: SignIn | None


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    gzipped: bytes
    media_type: str


_read: dict[Path, _File] = {}


def _file(path: Path) -> _File | None:
    """Read once: what is built anew is served after a restart."""
    if path not in _read:
        if not path.is_file():
            return None
        body = path.read_bytes()
        media_type = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
        kind = media_type or "application/octet-stream"
        _read[path] = _File(body, gzip.compress(body, mtime=0), kind)
    return _read[path]


def _served(file: _File, request: AnyRequest, cache: str) -> Response[bytes]:
    asked = " ".join(gateway_of(request.scope).needs.asked_by_pages)
    headers = {
        "cache-control": cache,
        "vary": "accept-encoding",
        "content-security-policy": (
            f"default-src 'self'; connect-src 'self' {asked}; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'; object-src 'none'"
        ),
        **_PAGE_HEADERS,
    }
    body = file.body
    if _takes_gzip(request):
        body = file.gzipped
        headers["content-encoding"] = "gzip"
    return Response(body, media_type=file.media_type, headers=headers)


def _takes_gzip(request: AnyRequest) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


def page(name: str, request: AnyRequest) -> Response[bytes]:
    """One of the pages by its file's name."""
    file = _file(BUILT / name)
    if file is None:
        return Response(NOT_BUILT.encode(), status_code=503, media_type=MediaType.TEXT)
    return _served(file, request, _ASK_EACH_TIME)


def missing_page(request: AnyRequest) -> Response[bytes] | None:
    """For a person at an address that leads nowhere. None: a program asks, or no pages are here."""
    file = _file(BUILT / "missing.html")
    if file is None or request.method not in ("GET", "HEAD"):
        return None
    if "text/html" not in request.headers.get("accept", ""):
        return None
    answer = _served(file, request, _ASK_EACH_TIME)
    answer.status_code = 404
    return answer


@get(["/", "/speak/{talk_id:str}"])
async def speaker_page(request: AnyRequest) -> Response[bytes]:
    return page("index.html", request)


@get(["/listen", "/listen/{session_id:str}", "/room/{room_id:str}"])
async def listener_page(request: AnyRequest) -> Response[bytes]:
    """The page itself reads from its address what to listen to."""
    return page("listen.html", request)


@get("/organise")
async def organiser_page(request: AnyRequest) -> Response[bytes]:
    return page("organise.html", request)


@get("/assets/{name:str}")
async def asset(name: FromPath[str], request: AnyRequest) -> Response[bytes]:
    """What the pages load. Names hold a hash of the content: they never change."""
    file = _file(BUILT / "assets" / Path(name).name)
    if file is None:
        return Response(b"", status_code=404, media_type=MediaType.TEXT)
    return _served(file, request, _FOR_EVER)


@get(["/manifest.webmanifest", "/service-worker.js", "/icon.svg", "/icon-maskable.svg"])
async def installable(request: AnyRequest) -> Response[bytes]:
    """What a phone needs to keep the listener's page as an app."""
    return page(request.url.path.removeprefix("/"), request)


@get("/offer")
async def offer(request: AnyRequest, gateway: ItsGateway) -> Response[bytes]:
    """Every phone asks for it before its first caption: 17 KB, or 2 KB gzipped."""
    needs = gateway.needs
    made = _offer(
        needs.languages, needs.public_url, needs.trust_url, needs.binary_frames, needs.sign_in
    )
    headers = {"cache-control": _ASK_EACH_TIME, "vary": "accept-encoding"}
    if not _takes_gzip(request):
        return Response(made.body, media_type=MediaType.JSON, headers=headers)
    headers["content-encoding"] = "gzip"
    return Response(made.gzipped, media_type=MediaType.JSON, headers=headers)


@lru_cache(maxsize=8)
def _offer(
    languages: Languages,
    public_url: str | None,
    trust_url: str | None,
    binary_frames: bool,
    sign_in: SignIn | None,
) -> _File:
    """Made once: to look up each language for each costs 15 ms, and a hall asks at once."""
    found = offered(languages)
    targets = {one for each in found.values() for one in each}
    unvoiced = tuple(sorted(one for one in targets if not languages.can_speak(one)))
    body = msgspec.json.encode(
        Offer(found, unvoiced, NAMES, public_url, trust_url, binary_frames, sign_in)
    )
    return _File(body, gzip.compress(body, mtime=0), "application/json")


def offered(languages: Languages) -> dict[str, tuple[str, ...]]:
    """Each language that can be spoken, with those that it can be heard in, itself among them."""
    offer: dict[str, tuple[str, ...]] = {}
    for source in LANGUAGES:
        if not languages.can_hear(source):
            continue
        targets = tuple(one for one in LANGUAGES if _is_offered(languages, source, one))
        if any(one != source for one in targets):
            offer[source] = targets
    return offer


def _is_offered(languages: Languages, source: str, target: str) -> bool:
    try:
        return languages.choose_target(source, target) == target
    except Refusal:
        return False


PAGE_ROUTES = [speaker_page, listener_page, organiser_page, asset, installable, offer]
