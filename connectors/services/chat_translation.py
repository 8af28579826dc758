"""Translation by an endpoint that speaks OpenAI's chat completions (``/v1/chat/completions``).

For a server of one's own (vLLM, llama.cpp, Ollama and others have it) or for a service. Every
sentence so far, with the sentences before it, goes there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from connectors.calls.prompted_translator import (
    ModelAnswer,
    Prompt,
    PromptedTranslator,
    PromptSettings,
)
from connectors.interfaces.errors import RetryableError
from connectors.services.openai_endpoint import OpenAiEndpoint

_PATH = "/chat/completions"


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """``url``: up to ``/v1``. ``key``: sent as Bearer; None: the server asks for none.
    ``extra``: JSON, members of each request besides, or instead, where a model needs others; one
    that is null is left out."""

    url: str = "http://127.0.0.1:8000/v1"
    key: str | None = field(default=None, repr=False)
    model: str = "default"
    extra: str = ""
    answer_timeout_s: float = 10.0
    prompts: PromptSettings = field(default_factory=PromptSettings)


class ChatTranslator(PromptedTranslator):
    """``Translator``."""

    def __init__(self, settings: ChatSettings) -> None:
        super().__init__(settings.prompts)
        self._settings = settings
        self._extra: dict[str, Any] = json.loads(settings.extra or "{}")
        self._endpoint = OpenAiEndpoint(settings.url, settings.key, settings.answer_timeout_s)

    async def ask(self, prompt: Prompt) -> ModelAnswer:
        asked: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [
                {"role": "system", "content": prompt.instructions},
                {"role": "user", "content": prompt.content},
            ],
            "temperature": 0,
            "max_tokens": prompt.most_tokens,
            **self._extra,
        }
        body = {name: value for name, value in asked.items() if value is not None}
        return read_completion(await self._endpoint.post(_PATH, json=body))

    async def close(self) -> None:
        await super().close()
        await self._endpoint.close()


def read_completion(body: bytes) -> ModelAnswer:
    """The first choice of a ``chat.completion``. A server that reports no usage counts as 0 tokens.
    RetryableError: it is none."""
    try:
        answer = json.loads(body)
        choice = answer["choices"][0]
        usage = answer.get("usage") or {}
        return ModelAnswer(
            choice["message"].get("content") or "",
            int(usage.get("prompt_tokens", 0)),
            int(usage.get("completion_tokens", 0)),
            choice.get("finish_reason") in ("stop", None),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise RetryableError(f"{_PATH} answered something else") from None
