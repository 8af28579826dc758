"""A server of OpenAI's chat completions on 127.0.0.1, with a scripted model behind it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from connectors.testing.language_model import ScriptedModel, tokens_in


@dataclass(slots=True)
class ChatServer:
    """``refusals``: (status, Retry-After or None) that answer the next requests, in order.
    ``bodies``: instead of an answer, in order. ``requests``: what was asked, refused or not."""

    model: ScriptedModel = field(default_factory=ScriptedModel)
    key: str = "sk-test"
    refusals: deque[tuple[int, str | None]] = field(default_factory=deque)
    bodies: deque[bytes] = field(default_factory=deque[bytes])
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    reports_usage: bool = True
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _complete(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.requests.append(asked)
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "the key is wrong"}}, status=401)
        if self.refusals:
            status, retry_after = self.refusals.popleft()
            headers = {"Retry-After": retry_after} if retry_after else {}
            return web.json_response({"error": {"message": "no"}}, status=status, headers=headers)
        if self.bodies:
            return web.Response(body=self.bodies.popleft(), content_type="application/json")
        system, user = asked["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        text = self.model.answer(system["content"], user["content"])
        most = asked.get("max_tokens", asked.get("max_completion_tokens", 1 << 20))
        whole = tokens_in(text) <= most
        answer: dict[str, Any] = {
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": text if whole else text[: 4 * most],
                    },
                    "finish_reason": "stop" if whole else "length",
                }
            ],
        }
        if self.reports_usage:
            answer["usage"] = {
                "prompt_tokens": tokens_in(system["content"]) + tokens_in(user["content"]),
                "completion_tokens": min(tokens_in(text), most),
            }
        return web.json_response(answer)
