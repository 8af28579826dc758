"""Messages to listeners in one call to our own gateway, which knows its connections."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import aiohttp
import msgspec

from connectors.errors import PermanentError, RetryableError, ThrottledError
from connectors.notifier import Delivery


@dataclass(frozen=True, slots=True)
class GatewayNotifierSettings:
    """``url``: the gateway's own address; ``token``: what it asks of the job, as Bearer."""

    url: str
    token: str | None = None
    answer_timeout_s: float = 5.0
    max_connections: int = 64


class GatewayNotifier:
    """``POST {url}/notify/{sessionId}/{language}``, once: the caller's policy retries."""

    def __init__(self, settings: GatewayNotifierSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def notify(self, session_id: str, language: str, message: dict[str, object]) -> Delivery:
        path = f"/notify/{quote(session_id, safe='')}/{quote(language, safe='')}"
        url = self._settings.url.rstrip("/") + path
        try:
            async with self._open().post(url, data=msgspec.json.encode(message)) as answer:
                _check(answer)
                return msgspec.json.decode(await answer.read(), type=Delivery)
        except msgspec.MsgspecError:
            raise PermanentError("notify: the gateway's answer is not a delivery") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise RetryableError(f"notify: {type(error).__name__}") from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Content-Type": "application/json"}
            if self._settings.token is not None:
                headers["Authorization"] = f"Bearer {self._settings.token}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._settings.max_connections),
                timeout=aiohttp.ClientTimeout(total=self._settings.answer_timeout_s),
                headers=headers,
            )
        return self._session


def _check(answer: aiohttp.ClientResponse) -> None:
    text = f"notify: HTTP {answer.status}"
    if answer.status == 429:
        wish = answer.headers.get("Retry-After", "")
        raise ThrottledError(text, float(wish) if wish.isdigit() else None)
    if answer.status >= 500:
        raise RetryableError(text)
    if answer.status >= 300:
        raise PermanentError(text)
