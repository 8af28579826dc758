"""An HTTP service of Amazon on 127.0.0.1: checks signatures, fails on order, then answers."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local_stack.amazon_servers.signatures import BadSignatureError, SignedRequest, check_request


@dataclass(frozen=True, slots=True)
class ServiceError(Exception):
    """What goes over the wire instead of an answer; a scripted one or the service's own."""

    code: str
    status: int = 400
    text: str = "scripted"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class HttpService(ABC):
    """``requests``: the JSON of every request that was signed right, refused or not."""

    SERVICE: str

    def __init__(self, *errors: ServiceError) -> None:
        """``errors`` answer the first requests, in order."""
        self._errors = deque(errors)
        self.requests: list[dict[str, Any]] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @abstractmethod
    async def answer(self, request: web.Request, content: dict[str, Any]) -> web.Response:
        """Raises ServiceError."""

    @abstractmethod
    def error_response(self, error: ServiceError) -> web.Response:
        """In the words of the service's protocol."""

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        signed = SignedRequest(
            request.method, request.rel_url.raw_path, headers, hashlib.sha256(body).hexdigest()
        )
        try:
            check_request(signed, self.SERVICE)
            content = json.loads(body)
            self.requests.append(content)
            if self._errors:
                raise self._errors.popleft()
            return await self.answer(request, content)
        except BadSignatureError as error:
            return self.error_response(
                ServiceError("InvalidSignatureException", status=403, text=str(error))
            )
        except ServiceError as error:
            return self.error_response(error)
