"""A user pool with pages of its own, as much of one as browsers and gateways use: people sign in, a
code comes back, and whoever knows the verifier has a token for it (OAuth 2.0 with PKCE)."""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from ingest_gateway.access.auth import OPERATOR
from ingest_gateway.access.cognito import CognitoVerifier, SignIn, UserPool, cognito_verifier

CLIENT = "pages"
POOL_ID = "eu-central-1_Browser"
GROUPS = {"ada": [], "olga": [OPERATOR]}


@dataclass(frozen=True, slots=True)
class _Begun:
    subject: str
    redirect_uri: str
    challenge: str


class HostedUi:
    """``asked``: the kinds of grants that tokens were asked for with, granted or not."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.token_lasts_s = 3600
        self._key = RSAKey.generate_key(2048, private=True)
        self._begun: dict[str, _Begun] = {}
        self._subjects: dict[str, str] = {}

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/oauth2/authorize", self._authorize)
        app.router.add_get("/as/{subject}", self._sign_in)
        app.router.add_post("/oauth2/token", self._token)
        app.router.add_get("/logout", self._logout)
        app.router.add_get(f"/{POOL_ID}/.well-known/jwks.json", self._keys)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    @property
    def sign_in(self) -> SignIn:
        return SignIn(self.url, CLIENT)

    def verifier(self) -> CognitoVerifier:
        return cognito_verifier(self._pool)

    @property
    def _pool(self) -> UserPool:
        return UserPool("eu-central-1", POOL_ID, frozenset({CLIENT}), endpoint_url=self.url)

    async def _authorize(self, request: web.Request) -> web.Response:
        query = request.query
        wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        if not wanted.items() <= query.items() or "openid" not in query["scope"].split():
            return web.Response(status=400)
        links = "".join(
            f'<p><a href="/as/{subject}?{request.query_string}">Go on as {subject}</a>'
            for subject in GROUPS
        )
        return web.Response(text=f"<h1>Sign in</h1>{links}", content_type="text/html")

    async def _sign_in(self, request: web.Request) -> web.Response:
        query = request.query
        code = secrets.token_urlsafe()
        self._begun[code] = _Begun(
            request.match_info["subject"], query["redirect_uri"], query["code_challenge"]
        )
        back = urlencode({"code": code, "state": query["state"]})
        raise web.HTTPFound(f"{query['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        wish = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(wish["grant_type"])
        subject = self._subject(wish) if wish["client_id"] == CLIENT else None
        headers = {"access-control-allow-origin": "*"}
        if subject is None:
            return web.json_response({"error": "invalid_grant"}, status=400, headers=headers)
        refresh = secrets.token_urlsafe()
        self._subjects[refresh] = subject
        return web.json_response(
            {
                "access_token": self._access_token(subject),
                "refresh_token": refresh,
                "expires_in": self.token_lasts_s,
                "token_type": "Bearer",
            },
            headers=headers,
        )

    def _subject(self, wish: Mapping[str, str]) -> str | None:
        if wish["grant_type"] == "refresh_token":
            return self._subjects.get(wish["refresh_token"])
        begun = self._begun.pop(wish["code"], None)
        digest = hashlib.sha256(wish["code_verifier"].encode()).digest()
        challenge = urlsafe_b64encode(digest).decode().rstrip("=")
        if begun is None or (begun.redirect_uri, begun.challenge) != (
            wish["redirect_uri"],
            challenge,
        ):
            return None
        return begun.subject

    def _access_token(self, subject: str) -> str:
        claims = {
            "iss": self._pool.issuer,
            "sub": subject,
            "client_id": CLIENT,
            "token_use": "access",
            "cognito:groups": GROUPS[subject],
            "exp": int(time.time()) + self.token_lasts_s,
        }
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self._key)

    async def _logout(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["logout_uri"])

    async def _keys(self, _request: web.Request) -> web.Response:
        key = {**self._key.as_dict(private=False), "kid": "one", "use": "sig", "alg": "RS256"}
        return web.json_response({"keys": [key]})
