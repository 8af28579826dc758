"""Translation by a language model of Amazon Bedrock, by its Converse API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connectors.amazon.clients import AwsClients, AwsSettings, aws_errors
from connectors.calls.prompted_translator import (
    ModelAnswer,
    Prompt,
    PromptedTranslator,
    PromptSettings,
)
from connectors.interfaces.errors import RetryableError


@dataclass(frozen=True, slots=True)
class BedrockSettings:
    """``model``: its id, or that of an inference profile (``eu.amazon.nova-lite-v1:0``)."""

    model: str = "amazon.nova-lite-v1:0"
    prompts: PromptSettings = field(default_factory=PromptSettings)


class BedrockTranslator(PromptedTranslator):
    """``Translator``."""

    def __init__(self, aws: AwsSettings, settings: BedrockSettings | None = None) -> None:
        self._settings = settings or BedrockSettings()
        super().__init__(self._settings.prompts)
        self._clients = AwsClients(aws)

    async def warm(self, source: str, target: str) -> None:
        """Find credentials and read the service's description ahead of the first text."""
        await self._clients.bedrock()

    async def ask(self, prompt: Prompt) -> ModelAnswer:
        client = await self._clients.bedrock()
        with aws_errors("converse"):
            answer = await client.converse(
                modelId=self._settings.model,
                system=[{"text": prompt.instructions}],
                messages=[{"role": "user", "content": [{"text": prompt.content}]}],
                inferenceConfig={"maxTokens": prompt.most_tokens, "temperature": 0.0},
            )
        return read_answer(answer)

    async def close(self) -> None:
        await super().close()
        await self._clients.close()


def read_answer(answer: dict[str, Any]) -> ModelAnswer:
    """RetryableError: it holds no message."""
    usage = answer.get("usage") or {}
    try:
        blocks = answer["output"]["message"]["content"]
        text = "".join(block.get("text", "") for block in blocks)
    except (KeyError, TypeError, AttributeError):
        raise RetryableError("converse answered without a message") from None
    return ModelAnswer(
        text,
        usage.get("inputTokens", 0),
        usage.get("outputTokens", 0),
        answer.get("stopReason") in ("end_turn", "stop_sequence"),
    )
