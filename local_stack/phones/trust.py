"""What a phone is shown before it trusts the authority: over plain HTTP, because a page that it
does not trust cannot explain how to. It serves that page, its parts, and the certificate."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from aiohttp import web

from local_stack.phones.authority import Authority

CERTIFICATE = "/live-translation.crt"
_PAGE = "trust.html"
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; connect-src 'self' https:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class TrustPage:
    """``built``: the pages; ``secure_url``: where a phone goes once it trusts."""

    def __init__(self, authority: Authority, built: Path, secure_url: str) -> None:
        self._authority = authority
        self._built = built
        self._secure_url = secure_url
        self._runner: web.AppRunner | None = None

    async def start(self, address: str, port: int) -> None:
        app = web.Application(client_max_size=1)
        app.router.add_get(CERTIFICATE, self._certificate)
        app.router.add_get("/authority", self._described)
        app.router.add_get("/assets/{name}", self._asset)
        app.router.add_get("/{path:.*}", self._page)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, address, port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _certificate(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._authority.certificate_der,
            content_type="application/x-x509-ca-cert",
            headers=_HEADERS,
        )

    async def _described(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "certificate": CERTIFICATE,
                "fingerprint": self._authority.fingerprint,
                "secureUrl": self._secure_url,
            },
            headers=_HEADERS,
        )

    async def _asset(self, request: web.Request) -> web.Response:
        return self._file(self._built / "assets" / Path(request.match_info["name"]).name)

    async def _page(self, _request: web.Request) -> web.Response:
        return self._file(self._built / _PAGE)

    def _file(self, path: Path) -> web.Response:
        if not path.is_file():
            return web.Response(status=404, headers=_HEADERS)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return web.Response(body=path.read_bytes(), content_type=kind, headers=_HEADERS)
