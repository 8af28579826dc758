"""The Security Token Service, as far as it takes on a role: keys that a policy cuts down."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from aiohttp import web

from local_stack.amazon_servers.signatures import BadSignatureError, SignedRequest, check_request
from tests.kvs_server.keys import Keys


class TokenServer:
    """``taken``: the parameters of every AssumeRole."""

    def __init__(self, keys: Keys) -> None:
        self.taken: list[dict[str, str]] = []
        self._keys = keys

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        digest = hashlib.sha256(body).hexdigest()
        try:
            check_request(SignedRequest(request.method, request.path, headers, digest), "sts")
        except BadSignatureError as error:
            return _xml(
                f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{error}"
                "</Message></Error></ErrorResponse>",
                403,
            )
        given = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        assert given["Action"] == "AssumeRole", given
        self.taken.append(given)
        statement = json.loads(given["Policy"])["Statement"][0]
        key_id, key = self._keys.hand_out(
            tuple(one.removeprefix("kinesisvideo:") for one in statement["Action"]),
            tuple(statement["Resource"]),
            int(given["DurationSeconds"]),
        )
        expires = datetime.fromtimestamp(key.expires_at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return _xml(
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleResult><Credentials><AccessKeyId>{key_id}</AccessKeyId>"
            f"<SecretAccessKey>{escape(key.secret)}</SecretAccessKey>"
            f"<SessionToken>{escape(key.token or '')}</SessionToken>"
            f"<Expiration>{expires}</Expiration></Credentials></AssumeRoleResult>"
            "</AssumeRoleResponse>"
        )


def _xml(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/xml")
