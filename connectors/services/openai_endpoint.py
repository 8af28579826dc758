"""Posts to an endpoint that speaks OpenAI's API, and its refusals by their kind."""

from __future__ import annotations

from typing import Any

import aiohttp

from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)


class OpenAiEndpoint:
    """``url``: up to ``/v1``. ``key``: sent as Bearer, and put into no error."""

    def __init__(self, url: str, key: str | None, answer_timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._answer_timeout_s = answer_timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, **body: Any) -> bytes:
        """The answer's body. RetryableError: the server failed, or did not answer in time;
        ThrottledError: it asks for fewer calls; PermanentError: it refuses this one."""
        try:
            async with self._opened().post(f"{self._url}{path}", **body) as answer:
                content = await answer.read()
                if answer.status < 300:
                    return content
                raise _refusal(path, answer.status, answer.headers.get("Retry-After"))
        except TimeoutError:
            raise RetryableError(f"{path} did not answer in time") from None
        except aiohttp.ClientError as error:
            raise RetryableError(f"{path}: {type(error).__name__}") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {self._key}"} if self._key else None,
                timeout=aiohttp.ClientTimeout(total=self._answer_timeout_s),
            )
        return self._session


def _refusal(path: str, status: int, retry_after: str | None) -> ConnectorError:
    if status == 429:
        wait_s = float(retry_after) if retry_after and retry_after.isdigit() else None
        return ThrottledError(f"{path}: too many calls", wait_s)
    if status >= 500 or status == 408:
        return RetryableError(f"{path}: status {status}")
    return PermanentError(f"{path}: status {status}")
