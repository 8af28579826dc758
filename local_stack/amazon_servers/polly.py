"""Amazon Polly on this machine: SynthesizeSpeech of the REST-JSON protocol."""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.speech_synthesis import SpeechSynthesizer
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
        marks = content.get("SpeechMarkTypes", [])
        wanted = (content["OutputFormat"], content.get("SampleRate"), marks)
        if wanted not in (("mp3", "24000", []), ("json", None, ["word"])):
            raise ServiceError(
                "InvalidSampleRateException", text="mp3 at 24000 Hz or marks of words only here"
            )
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
        headers = {"x-amzn-RequestCharacters": str(len(text))}
        if marks:
            lines = _word_marks(text, clip.duration_s)
            return web.Response(
                body=lines, content_type="application/x-json-stream", headers=headers
            )
        return web.Response(body=clip.body, content_type="audio/mpeg", headers=headers)

    def error_response(self, error: ServiceError) -> web.Response:
        return web.json_response(
            {"message": error.text},
            status=error.status,
            headers={**error.headers, "x-amzn-ErrorType": f"{error.code}:http://internal/"},
        )


def _word_marks(text: str, duration_s: float) -> bytes:
    """A line for each word, as if each byte of the text took as long as any other."""
    size = len(text.encode())
    lines: list[str] = []
    for word in re.finditer(r"\w+", text):
        start, end = (len(text[:at].encode()) for at in word.span())
        time_ms = round(1000 * duration_s * start / size)
        mark = {"time": time_ms, "type": "word", "start": start, "end": end, "value": word[0]}
        lines.append(json.dumps(mark) + "\n")
    return "".join(lines).encode()
