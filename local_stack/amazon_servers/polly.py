"""Amazon Polly on this machine: SynthesizeSpeech of the REST-JSON protocol."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from connectors.errors import PermanentError
from connectors.speech_synthesis import SpeechSynthesizer
from local_stack.amazon_servers.http_service import HttpService, ServiceError

LONGEST_TEXT = 3_000
VOICES = {
    "Arlet": ("ca-ES", {"neural"}),
    "Bianca": ("it-IT", {"neural", "generative"}),
    "Camila": ("pt-BR", {"neural", "generative"}),
    "Kazuha": ("ja-JP", {"neural"}),
    "Laura": ("nl-NL", {"neural", "generative"}),
    "Lea": ("fr-FR", {"neural", "generative"}),
    "Lucia": ("es-ES", {"neural", "generative"}),
    "Ola": ("pl-PL", {"neural"}),
    "Ruth": ("en-US", {"neural", "generative"}),
    "Vicki": ("de-DE", {"neural", "generative"}),
}
"""What this server offers. Amazon's own list changes: Ola is neural only here, so that what
happens in a region without its generative voice is tried."""


class PollyServer(HttpService):
    """Any ``SpeechSynthesizer`` of MP3 at 24 kHz stands behind it."""

    SERVICE = "polly"

    def __init__(self, engine: SpeechSynthesizer, *errors: ServiceError) -> None:
        super().__init__(*errors)
        self._engine = engine

    async def answer(self, request: web.Request, content: dict[str, Any]) -> web.Response:
        if (request.method, request.path) != ("POST", "/v1/speech"):
            raise ServiceError("UnknownOperationException", text="no such operation")
        if (content["OutputFormat"], content["SampleRate"]) != ("mp3", "24000"):
            raise ServiceError("InvalidSampleRateException", text="mp3 at 24000 Hz only here")
        if content.get("TextType", "text") != "text":
            raise ServiceError("InvalidSsmlException", text="plain text only here")
        locale, engines = VOICES.get(content["VoiceId"], ("", set[str]()))
        if content["LanguageCode"] != locale:
            raise ServiceError("LanguageNotSupportedException", text="not this voice's language")
        if content["Engine"] not in engines:
            raise ServiceError("EngineNotSupportedException", text="not with this voice")
        text = content["Text"]
        if len(text) > LONGEST_TEXT:
            raise ServiceError("TextLengthExceededException", text="too long")
        try:
            clip = await self._engine.synthesize(text, locale[:2])
        except PermanentError:
            raise ServiceError("InvalidSsmlException", text="nothing to say") from None
        return web.Response(
            body=clip.body,
            content_type="audio/mpeg",
            headers={"x-amzn-RequestCharacters": str(len(text))},
        )

    def error_response(self, error: ServiceError) -> web.Response:
        return web.json_response(
            {"message": error.text},
            status=error.status,
            headers={**error.headers, "x-amzn-ErrorType": f"{error.code}:http://internal/"},
        )
