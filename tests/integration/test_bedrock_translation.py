"""Bedrock's Converse through aiobotocore, against a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from connectors.amazon.bedrock_translation import (
    BedrockSettings,
    BedrockTranslator,
    read_answer,
)
from connectors.amazon.clients import AwsSettings
from connectors.calls.prompted_translator import PromptSettings
from connectors.interfaces.errors import (
    ConnectorError,
    NoTranslationError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.translation import TranslationHints, TranslationUsage
from connectors.testing.language_model import ScriptedModel
from local_stack.amazon_servers.bedrock import BedrockServer
from local_stack.amazon_servers.http_service import ServiceError

pytestmark = pytest.mark.integration

MODEL = "amazon.nova-lite-v1:0"
Serve = Callable[[BedrockServer], Awaitable[BedrockTranslator]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[BedrockServer] = []
    translators: list[BedrockTranslator] = []

    async def start(server: BedrockServer) -> BedrockTranslator:
        await server.start()
        servers.append(server)
        settings = BedrockSettings(MODEL, PromptSettings(hold_s=0.01))
        translators.append(BedrockTranslator(AwsSettings.local(server.url, "test"), settings))
        return translators[-1]

    yield start
    for translator in translators:
        await translator.close()
    for server in servers:
        await server.close()


@pytest.mark.parametrize(
    ("refusal", "meaning"),
    [
        (ServiceError("ThrottlingException", 429), ThrottledError),
        (ServiceError("ModelNotReadyException", 429), ThrottledError),
        (ServiceError("ModelTimeoutException", 408), RetryableError),
        (ServiceError("ModelErrorException", 424), RetryableError),
        (ServiceError("InternalServerException", 500), RetryableError),
        (ServiceError("ServiceUnavailableException", 503), RetryableError),
        (ServiceError("ValidationException"), PermanentError),
        (ServiceError("AccessDeniedException", 403), PermanentError),
        (ServiceError("ResourceNotFoundException", 404), PermanentError),
    ],
)
async def test_each_refusal_has_one_meaning(
    serve: Serve, refusal: ServiceError, meaning: type[ConnectorError]
) -> None:
    translator = await serve(BedrockServer(ScriptedModel(), refusal))
    with pytest.raises(ConnectorError, match=refusal.code) as raised:
        await translator.translate("the house", "en", "es")
    assert type(raised.value) is meaning
    assert translator.usage == TranslationUsage()
    assert await translator.translate("the house", "en", "es") == "thees housees"


async def test_what_is_asked_and_counted(serve: Serve) -> None:
    model = ScriptedModel()
    server = BedrockServer(model)
    translator = await serve(server)
    hints = TranslationHints("thees", ("It is big.",), (("house", "hogar"),), "informal")
    assert await translator.translate("the house", "en", "es", hints=hints) == "thees hogar"
    assert model.asked == [
        {
            "context": ["It is big."],
            "glossary": {"house": "hogar"},
            "text": "the house",
            "released": "thees",
        }
    ]
    assert "informally" in model.instructions
    assert server.requests[0]["inferenceConfig"] == {"maxTokens": 82, "temperature": 0.0}
    usage = translator.usage
    assert (usage.calls, usage.characters, usage.output_tokens) == (1, 9, 2)
    assert usage.input_tokens > len(model.instructions) / 4


@pytest.mark.parametrize("stop", ["max_tokens", "guardrail_intervened", "content_filtered"])
async def test_an_answer_that_was_cut_off_or_withheld(serve: Serve, stop: str) -> None:
    server = BedrockServer(ScriptedModel())
    server.stops.append(stop)
    translator = await serve(server)
    with pytest.raises(NoTranslationError, match="cut off or withheld"):
        await translator.translate("the house", "en", "es")
    assert (translator.usage.calls, translator.usage.refused) == (1, 1)


async def test_a_wrong_key_and_a_model_that_is_not_there(serve: Serve) -> None:
    server = BedrockServer(ScriptedModel())
    await serve(server)
    aws = AwsSettings.local(server.url, "test")
    wrong = BedrockTranslator(replace(aws, secret_access_key="another"))
    with pytest.raises(PermanentError, match="InvalidSignatureException"):
        await wrong.translate("the house", "en", "es")
    nowhere = BedrockTranslator(aws, BedrockSettings("another.model"))
    with pytest.raises(PermanentError, match="ResourceNotFoundException"):
        await nowhere.translate("the house", "en", "es")
    await wrong.close()
    await nowhere.close()


def test_blocks_without_text_are_passed_over() -> None:
    blocks = [{"reasoningContent": {}}, {"text": "la "}, {"text": "casa"}]
    answer = read_answer({"output": {"message": {"content": blocks}}, "stopReason": "end_turn"})
    assert (answer.text, answer.input_tokens, answer.is_whole) == ("la casa", 0, True)
    for nothing in ({}, {"output": {}}, {"output": {"message": None}}):
        with pytest.raises(RetryableError, match="without a message"):
            read_answer(nothing)
