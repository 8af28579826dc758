"""Translate and Polly through aiobotocore, against servers that speak their protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest
from aiohttp import web

from connectors.amazon.clients import AwsSettings
from connectors.amazon.languages import AMAZON_LANGUAGES
from connectors.amazon.speech_synthesis import AmazonSynthesizer, AmazonSynthesizerSettings
from connectors.amazon.translation import AmazonTranslator, AmazonTranslatorSettings
from connectors.audio.mp3 import RATE_HZ, decode_clip
from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.translation import TranslationHints, TranslationUsage
from connectors.testing.speech_synthesis import ScriptedSynthesizer
from connectors.testing.translation import ScriptedTranslator
from local_stack.amazon_servers.http_service import HttpService, ServiceError
from local_stack.amazon_servers.polly import VOICES, PollyServer
from local_stack.amazon_servers.translate import TranslateServer

if TYPE_CHECKING:
    from types_aiobotocore_translate.literals import FormalityType

pytestmark = pytest.mark.integration

S = TypeVar("S", bound=HttpService)
Serve = Callable[[S], Awaitable[S]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve[HttpService]]:
    servers: list[HttpService] = []

    async def start(server: HttpService) -> HttpService:
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.close()


def translator_of(
    server: TranslateServer, settings: AmazonTranslatorSettings | None = None
) -> AmazonTranslator:
    return AmazonTranslator(AwsSettings.local(server.url, "test"), settings)


def voice_of(
    server: PollyServer, settings: AmazonSynthesizerSettings | None = None
) -> AmazonSynthesizer:
    return AmazonSynthesizer(AwsSettings.local(server.url, "test"), settings)


REFUSALS = [
    (ServiceError("ThrottlingException"), ThrottledError),
    (ServiceError("TooManyRequestsException"), ThrottledError),
    (ServiceError("ServiceUnavailableException", 503), RetryableError),
    (ServiceError("InternalServerException", 500), RetryableError),
    (ServiceError("InvalidRequestException"), PermanentError),
    (ServiceError("ResourceNotFoundException"), PermanentError),
]


@pytest.mark.parametrize(("refusal", "meaning"), REFUSALS)
async def test_each_refusal_of_a_translation_has_one_meaning(
    serve: Serve[TranslateServer], refusal: ServiceError, meaning: type[ConnectorError]
) -> None:
    server = await serve(TranslateServer(ScriptedTranslator(), refusal))
    translator = translator_of(server, AmazonTranslatorSettings(hold_s=0.01))
    with pytest.raises(ConnectorError, match=refusal.code) as raised:
        await translator.translate("hello", "en", "es")
    assert type(raised.value) is meaning
    assert await translator.translate("hello", "en", "es") == "es:hello"
    await translator.close()


@pytest.mark.parametrize(("refusal", "meaning"), REFUSALS)
async def test_each_refusal_of_a_voice_has_one_meaning(
    serve: Serve[PollyServer], refusal: ServiceError, meaning: type[ConnectorError]
) -> None:
    server = await serve(PollyServer(ScriptedSynthesizer(), refusal))
    voice = voice_of(server, AmazonSynthesizerSettings(hold_s=0.01))
    with pytest.raises(ConnectorError, match=refusal.code) as raised:
        await voice.synthesize("hola", "es")
    assert type(raised.value) is meaning
    assert (await voice.synthesize("hola", "es")).duration_s > 0
    await voice.close()


async def test_the_services_wish_to_wait_is_passed_on(serve: Serve[HttpService]) -> None:
    wish = ServiceError("ThrottlingException", headers={"Retry-After": "0.2"})
    translate = await serve(TranslateServer(ScriptedTranslator(), wish))
    polly = await serve(PollyServer(ScriptedSynthesizer(), wish))
    translator, voice = translator_of(translate), voice_of(polly)
    for asking in (translator.translate("hello", "en", "es"), voice.synthesize("hola", "es")):
        with pytest.raises(ThrottledError) as raised:
            await asking
        assert raised.value.retry_after_s == 0.2
    await translator.close()
    await voice.close()


async def test_what_a_translation_asks_for(serve: Serve[TranslateServer]) -> None:
    server = await serve(TranslateServer(ScriptedTranslator()))
    settings = AmazonTranslatorSettings(terminology="names", formality="FORMAL")
    translator = translator_of(server, settings)
    await translator.translate(" good\0morning ", "en", "pt")
    await translator.translate("hello", "und", "es")
    assert server.requests == [
        {
            "Text": "good morning",
            "SourceLanguageCode": "en",
            "TargetLanguageCode": "pt",
            "TerminologyNames": ["names"],
            "Settings": {"Formality": "FORMAL"},
        },
        {
            "Text": "hello",
            "SourceLanguageCode": "auto",
            "TargetLanguageCode": "es",
            "TerminologyNames": ["names"],
            "Settings": {"Formality": "FORMAL"},
        },
    ]
    await translator.close()


@pytest.mark.parametrize(
    ("own", "hinted", "asked"),
    [
        (None, "", None),
        (None, "informal", "INFORMAL"),
        ("FORMAL", "", "FORMAL"),
        ("FORMAL", "informal", "INFORMAL"),
    ],
)
async def test_a_talks_formality_goes_before_the_jobs(
    serve: Serve[TranslateServer],
    own: FormalityType | None,
    hinted: str,
    asked: str | None,
) -> None:
    server = await serve(TranslateServer(ScriptedTranslator()))
    translator = translator_of(server, AmazonTranslatorSettings(formality=own))
    hints = TranslationHints(formality=hinted, glossary=(("hello", "buenas"),))
    await translator.translate("hello", "en", "es", hints=hints)
    assert server.requests[0].get("Settings") == (asked and {"Formality": asked})
    assert "TerminologyNames" not in server.requests[0]
    await translator.close()


async def test_a_terminology_that_the_account_lacks(serve: Serve[TranslateServer]) -> None:
    server = await serve(TranslateServer(ScriptedTranslator()))
    translator = translator_of(server, AmazonTranslatorSettings(terminology="typo"))
    with pytest.raises(PermanentError, match="ResourceNotFoundException"):
        await translator.translate("hello", "en", "es")
    assert translator.usage == TranslationUsage(), "what is refused costs nothing"
    await translator.close()


async def test_characters_are_counted_as_translate_bills_them(
    serve: Serve[TranslateServer],
) -> None:
    """Of what is sent, white space included, by the character and not by the byte."""
    translator = translator_of(await serve(TranslateServer(ScriptedTranslator())))
    await translator.translate(" así  es ", "es", "en")
    await translator.translate("...", "es", "en")
    assert translator.usage == TranslationUsage(calls=1, characters=len("así es"))
    await translator.close()


async def test_a_long_text_is_translated_in_sentences(serve: Serve[TranslateServer]) -> None:
    server = await serve(TranslateServer(ScriptedTranslator()))
    translator = translator_of(server)
    sentences = [f"Sentence number {n} says ñandú." for n in range(700)]
    translated = await translator.translate(" ".join(sentences), "en", "es")
    asked = [request["Text"] for request in server.requests]
    assert len(asked) == 3
    assert all(len(text.encode()) <= 10_000 and text.endswith("ñandú.") for text in asked)
    assert " ".join(asked) == " ".join(sentences)
    assert translated == " ".join(f"es:{text}" for text in asked)
    await translator.close()


@pytest.mark.parametrize(
    ("language", "tier", "voice", "engine"),
    [
        ("es", "standard", "Lucia", "neural"),
        ("es", "premium", "Lucia", "generative"),
        ("ca", "standard", "Arlet", "neural"),
        ("ca", "premium", "Arlet", "neural"),
        ("en", "premium", "Ruth", "generative"),
    ],
)
async def test_who_speaks(
    serve: Serve[PollyServer], language: str, tier: str, voice: str, engine: str
) -> None:
    server = await serve(PollyServer(ScriptedSynthesizer()))
    synthesizer = voice_of(server)
    await synthesizer.synthesize("<b>uno & dos</b>", language, quality_tier=tier)
    assert server.requests == [
        {
            "Engine": engine,
            "LanguageCode": AMAZON_LANGUAGES[language].polly_locale,
            "LexiconNames": [],
            "OutputFormat": "mp3",
            "SampleRate": "24000",
            "Text": "<b>uno & dos</b>",
            "TextType": "text",
            "VoiceId": voice,
        }
    ]
    await synthesizer.close()


async def test_twenty_languages_have_a_voice_that_polly_knows(serve: Serve[PollyServer]) -> None:
    synthesizer = voice_of(await serve(PollyServer(ScriptedSynthesizer())))
    spoken = [code for code in AMAZON_LANGUAGES if synthesizer.can_speak(code)]
    assert {AMAZON_LANGUAGES[code].neural_voice for code in spoken} == set(VOICES)
    assert len(spoken) == 20
    await synthesizer.close()


async def test_without_its_generative_voice_a_language_speaks_neurally(
    serve: Serve[PollyServer],
) -> None:
    server = await serve(PollyServer(ScriptedSynthesizer()))
    synthesizer = voice_of(server)
    for _ in range(2):
        await synthesizer.synthesize("raz dwa", "pl", quality_tier="premium")
    engines = [request["Engine"] for request in server.requests]
    assert engines == ["generative", "neural", "neural"], "it is asked for once only"
    await synthesizer.close()


async def test_an_unknown_tier(serve: Serve[PollyServer]) -> None:
    server = await serve(PollyServer(ScriptedSynthesizer()))
    synthesizer = voice_of(server)
    with pytest.raises(PermanentError, match="no quality tier 'gold'"):
        await synthesizer.synthesize("uno", "es", quality_tier="gold")
    assert server.requests == []
    await synthesizer.close()


async def test_a_long_text_is_spoken_in_parts_and_is_one_clip(serve: Serve[PollyServer]) -> None:
    server = await serve(PollyServer(ScriptedSynthesizer()))
    synthesizer = voice_of(server)
    text = "uno dos tres cuatro cinco, " * 150
    clip = await synthesizer.synthesize(text, "es")
    asked = [request["Text"] for request in server.requests]
    assert [len(each) for each in asked] == [2_996, 1_052]
    assert " ".join(asked) == text.strip()
    alone = [await synthesizer.synthesize(each, "es") for each in asked]
    assert clip.duration_s == pytest.approx(sum(each.duration_s for each in alone), abs=0.005)
    assert len(decode_clip(clip.body)) == pytest.approx(clip.duration_s * RATE_HZ, abs=0.5)
    await synthesizer.close()


class Garbled(PollyServer):
    async def answer(self, request: web.Request, content: dict[str, object]) -> web.Response:
        return web.Response(body=b"not an MP3", content_type="audio/mpeg")


async def test_an_answer_that_is_not_mp3_may_be_asked_for_again(serve: Serve[PollyServer]) -> None:
    synthesizer = voice_of(await serve(Garbled(ScriptedSynthesizer())))
    with pytest.raises(RetryableError, match="not MP3"):
        await synthesizer.synthesize("uno", "es")
    await synthesizer.close()


async def test_when_each_word_is_spoken(serve: Serve[PollyServer]) -> None:
    """Polly counts places in bytes; a caption needs characters."""
    server = await serve(PollyServer(ScriptedSynthesizer()))
    synthesizer = voice_of(server)
    text = "¿Dónde está la casa?"
    clip = await synthesizer.synthesize(text, "es", quality_tier="premium")
    marks = await synthesizer.speech_marks(text, "es", quality_tier="premium")
    assert [text[mark.start : mark.end] for mark in marks] == ["Dónde", "está", "la", "casa"]
    times_s = [mark.at_s for mark in marks]
    assert times_s == sorted(set(times_s))
    assert 0 < times_s[0] < times_s[-1] < clip.duration_s
    asked = server.requests[1]
    assert (asked["OutputFormat"], asked["SpeechMarkTypes"]) == ("json", ["word"])
    assert (asked["VoiceId"], asked["Engine"]) == ("Lucia", "generative")
    for refused in ("a line\nand another", "word " * 700):
        with pytest.raises(PermanentError, match="one line of text"):
            await synthesizer.speech_marks(refused, "es")
    await synthesizer.close()


async def test_marks_that_are_none_may_be_asked_for_again(serve: Serve[PollyServer]) -> None:
    synthesizer = voice_of(await serve(Garbled(ScriptedSynthesizer())))
    with pytest.raises(RetryableError, match="not speech marks"):
        await synthesizer.speech_marks("uno", "es")
    await synthesizer.close()


async def test_a_wrong_key_is_refused(serve: Serve[HttpService]) -> None:
    translate = await serve(TranslateServer(ScriptedTranslator()))
    aws = replace(AwsSettings.local(translate.url, "test"), secret_access_key="another")
    translator = AmazonTranslator(aws)
    with pytest.raises(PermanentError, match="InvalidSignatureException"):
        await translator.translate("hello", "en", "es")
    await translator.close()
