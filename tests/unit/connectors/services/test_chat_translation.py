"""What chat completions mean: refusals, answers of something else, and what is asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from connectors.interfaces.errors import (
    ConnectorError,
    NoTranslationError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.translation import TranslationHints, TranslationUsage
from connectors.job_connectors import FolderConnectors, LiveConnectors, SpeechChoice
from connectors.services.chat_translation import ChatSettings, ChatTranslator, read_completion
from pipelines.options import LiveJob, UsageError, read_options
from tests.contracts.openai_server import OpenAiServer

pytestmark = pytest.mark.unit

SECRET = "a sentence that nobody may log"


@pytest.fixture
async def server() -> AsyncIterator[OpenAiServer]:
    server = OpenAiServer()
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def translator(server: OpenAiServer) -> AsyncIterator[ChatTranslator]:
    translator = ChatTranslator(ChatSettings(server.url, server.key, "small"))
    yield translator
    await translator.close()


@pytest.mark.parametrize(
    ("refusal", "kind", "retry_after_s"),
    [
        ((429, "0"), ThrottledError, 0.0),
        ((500, None), RetryableError, None),
        ((503, None), RetryableError, None),
        ((400, None), PermanentError, None),
        ((404, None), PermanentError, None),
    ],
)
async def test_refusals_are_errors_of_their_kind(
    server: OpenAiServer,
    translator: ChatTranslator,
    refusal: tuple[int, str | None],
    kind: type[ConnectorError],
    retry_after_s: float | None,
) -> None:
    server.refusals.append(refusal)
    with pytest.raises(ConnectorError) as refused:
        await translator.translate(SECRET, "en", "es")
    assert type(refused.value) is kind
    assert getattr(refused.value, "retry_after_s", None) == retry_after_s
    assert SECRET not in str(refused.value)
    assert translator.usage == TranslationUsage(), "what is refused costs nothing"
    assert await translator.translate("the house", "en", "es") == "thees housees"


async def test_a_wrong_key_is_permanent_and_stays_secret(server: OpenAiServer) -> None:
    settings = ChatSettings(server.url, "sk-wrong")
    translator = ChatTranslator(settings)
    with pytest.raises(PermanentError, match="401") as refused:
        await translator.translate(SECRET, "en", "es")
    assert "sk-wrong" not in f"{refused.value}{settings!r}"
    await translator.close()


async def test_no_server_is_retryable() -> None:
    translator = ChatTranslator(ChatSettings("http://127.0.0.1:9/v1"))
    with pytest.raises(RetryableError):
        await translator.translate(SECRET, "en", "es")
    await translator.close()


async def test_what_is_asked(server: OpenAiServer, translator: ChatTranslator) -> None:
    hints = TranslationHints("thees", ("It is big.",), (("house", "hogar"),), "formal")
    assert await translator.translate("the house", "en", "es", hints=hints) == "thees hogar"
    asked = server.asked[0]
    assert (asked["model"], asked["temperature"]) == ("small", 0)
    assert server.model.asked[0]["released"] == "thees"
    assert server.model.asked[0]["context"] == ["It is big."]


async def test_members_that_a_model_needs_or_refuses(server: OpenAiServer) -> None:
    extra = '{"temperature": null, "max_tokens": null, "max_completion_tokens": 99, "seed": 1}'
    translator = ChatTranslator(ChatSettings(server.url, server.key, extra=extra))
    await translator.translate("the house", "en", "es")
    assert set(server.asked[0]) == {"model", "messages", "max_completion_tokens", "seed"}
    await translator.close()


async def test_an_answer_that_never_ends_is_cut_off_and_refused(
    server: OpenAiServer, translator: ChatTranslator
) -> None:
    server.model.answers.append("la casa " * 1_000)
    with pytest.raises(NoTranslationError, match="cut off"):
        await translator.translate("the house", "en", "es")
    assert translator.usage.output_tokens == server.asked[0]["max_tokens"]
    assert translator.usage.refused == 1


async def test_a_server_that_counts_no_tokens(server: OpenAiServer) -> None:
    server.reports_usage = False
    translator = ChatTranslator(ChatSettings(server.url, server.key))
    await translator.translate("the house", "en", "es")
    assert translator.usage == TranslationUsage(1, 9)
    await translator.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"text": "x"}]}',
        b'{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":"many"}}',
    ],
)
async def test_an_answer_of_something_else_is_retryable(
    server: OpenAiServer, translator: ChatTranslator, body: bytes
) -> None:
    server.bodies.append(body)
    with pytest.raises(RetryableError, match="something else"):
        await translator.translate("the house", "en", "es")


def test_a_refusal_of_the_model_is_no_whole_answer() -> None:
    choice = {"message": {"content": None}, "finish_reason": "content_filter"}
    answer = read_completion(json.dumps({"choices": [choice]}).encode())
    assert (answer.text, answer.is_whole) == ("", False)


async def test_a_slow_server_is_given_up(server: OpenAiServer) -> None:
    translator = ChatTranslator(ChatSettings(server.url, server.key, answer_timeout_s=0.000_001))
    with pytest.raises(RetryableError):
        await translator.translate("the house", "en", "es")
    await translator.close()


def speech_of(*arguments: str) -> SpeechChoice:
    job = read_options(PipelineOptions(list(arguments)), "test")
    assert isinstance(job, LiveJob)
    factory = job.graph.settings.connectors
    assert isinstance(factory, LiveConnectors)
    return factory.speech


async def test_the_job_chooses_it_with_key_glossary_and_fallback(
    server: OpenAiServer, tmp_path: Path
) -> None:
    key, glossary = tmp_path / "key", tmp_path / "glossary.toml"
    key.write_text(f"{server.key}\n")
    glossary.write_text('[es]\nhouse = "hogar"\n')
    translator = speech_of(
        "--translation=openai",
        f"--chat_url={server.url}",
        f"--chat_key_file={key}",
        "--chat_model=small",
        "--chat_languages=en, es",
        '--chat_extra={"seed": 7}',
        "--translation_fallback=scripted",
        f"--glossary={glossary}",
        "--formality=formal",
    ).open_translator()
    assert await translator.translate("the house", "en", "es") == "thees hogar"
    assert await translator.translate("the house", "en", "fr") == "fr:the house", "the fallback"
    asked = server.asked[0]
    assert (asked["model"], asked["seed"]) == ("small", 7)
    assert "formally" in server.model.instructions
    await translator.close()


async def test_what_was_used_is_logged_when_a_worker_ends_and_nothing_that_was_said(
    server: OpenAiServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat = ChatSettings(server.url, server.key)
    speech = SpeechChoice("scripted", "openai", "scripted", chat=chat)
    connectors = FolderConnectors(tmp_path, speech).build()
    caplog.set_level("INFO")
    server.model.answers.append("una frase\nque nadie debe ver")
    with pytest.raises(NoTranslationError):
        await connectors.translator.translate(SECRET, "en", "es")
    await connectors.close()
    assert "calls=1" in caplog.text
    assert "refused=1" in caplog.text
    assert SECRET not in caplog.text
    assert "frase" not in caplog.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--translation=openai",), "needs --chat_model"),
        (("--translation_fallback=openai",), "needs --chat_model"),
        (("--chat_url=localhost:8000",), "chat_url=localhost:8000: use http://HOST"),
        (("--chat_key_file=/nowhere/key",), "chat_key_file=/nowhere/key: No such file"),
        (("--chat_extra=[1]",), "use a JSON object"),
        (("--chat_extra={",), "use a JSON object"),
        (("--chat_requests=0",), "above 0"),
        (("--glossary=/nowhere/terms.toml",), "No such file"),
    ],
)
def test_what_cannot_be_is_told_at_the_start(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        speech_of(*arguments)
