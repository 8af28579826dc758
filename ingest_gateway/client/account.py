"""What a client does over HTTP before and after a talk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=15)


class GatewayRefusedError(Exception):
    """The gateway refuses for good. ``code`` is the protocol's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


async def fetch_token(url: str, *, subject: str | None = None) -> str:
    """A speaker's token from the gateway's own issuer (local set-ups only).

    ``url`` is the gateway's address, ``http://127.0.0.1:8080``. The same ``subject`` is the same
    person: only it can take its sessions over.
    """
    wish = {} if subject is None else {"subject": subject}
    answer = await _call("POST", f"{url}/tokens", body=wish)
    return str(answer["token"])


async def create_session(
    url: str,
    *,
    token: str,
    source_language: str = "en",
    target_languages: Sequence[str] = (),
    quality_tier: str = "standard",
) -> str:
    """Create a session and return its id."""
    wanted = {
        "sourceLanguage": source_language,
        "targetLanguages": list(target_languages),
        "qualityTier": quality_tier,
    }
    answer = await _call("POST", f"{url}/sessions", token=token, body=wanted)
    return str(answer["sessionId"])


async def end_session(url: str, session_id: str, *, token: str) -> None:
    """End a session; ending it again changes nothing."""
    await _call("DELETE", f"{url}/sessions/{session_id}", token=token)


def socket_url(url: str) -> str:
    """The address of the WebSocket beside a gateway's HTTP address."""
    return f"ws{url.removeprefix('http').rstrip('/')}/ws"


async def _call(
    method: str, url: str, *, token: str | None = None, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(timeout=_TIMEOUT) as session,
        session.request(method, url, json=body, headers=headers) as answer,
    ):
        fields: dict[str, Any] = await answer.json()
        if answer.status >= 400:
            raise GatewayRefusedError(
                str(fields.get("code", answer.status)), str(fields.get("message", ""))
            )
        return fields
