"""Amazon Bedrock on this machine: Converse of the REST protocol."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from aiohttp import web

from connectors.testing.language_model import ScriptedModel, tokens_in
from local_stack.amazon_servers.http_service import HttpService, ServiceError

_PATH = re.compile(r"/model/(?P<model>[^/]+)/converse")


class BedrockServer(HttpService):
    """``stops``: reasons to stop instead of the model's own, in order (``guardrail_intervened``).
    ``models``: that there are."""

    SERVICE = "bedrock"

    def __init__(
        self,
        model: ScriptedModel,
        *errors: ServiceError,
        models: frozenset[str] = frozenset({"amazon.nova-lite-v1:0"}),
    ) -> None:
        super().__init__(*errors)
        self._model = model
        self._models = models
        self.stops = deque[str]()

    async def answer(self, request: web.Request, content: dict[str, Any]) -> web.Response:
        found = _PATH.fullmatch(request.path)
        if request.method != "POST" or found is None:
            raise ServiceError("UnknownOperationException", 404, "no such operation")
        if found["model"] not in self._models:
            raise ServiceError("ResourceNotFoundException", 404, "no such model")
        ((role, blocks),) = ((each["role"], each["content"]) for each in content["messages"])
        if role != "user":
            raise ServiceError("ValidationException", text="a conversation begins with the user")
        instructions = "".join(block["text"] for block in content["system"])
        asked = "".join(block["text"] for block in blocks)
        most = content["inferenceConfig"]["maxTokens"]
        text = self._model.answer(instructions, asked)
        whole = tokens_in(text) <= most
        stop = "end_turn" if whole else "max_tokens"
        used = tokens_in(instructions) + tokens_in(asked), min(tokens_in(text), most)
        return web.json_response(
            {
                "output": {
                    "message": {
                        "role": "assistant",
                        "content": [{"text": text if whole else text[: 4 * most]}],
                    }
                },
                "stopReason": self.stops.popleft() if self.stops else stop,
                "usage": {
                    "inputTokens": used[0],
                    "outputTokens": used[1],
                    "totalTokens": sum(used),
                },
                "metrics": {"latencyMs": 1},
            }
        )

    def error_response(self, error: ServiceError) -> web.Response:
        return web.json_response(
            {"message": error.text},
            status=error.status,
            headers={"x-amzn-ErrorType": error.code, **error.headers},
        )
