"""Amazon Translate on this machine: TranslateText of the JSON 1.1 protocol."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from connectors.interfaces.translation import Translator
from local_stack.amazon_servers.http_service import HttpService, ServiceError

LONGEST_TEXT_BYTES = 10_000
_OPERATION = "AWSShineFrontendService_20170701.TranslateText"


class TranslateServer(HttpService):
    """Any ``Translator`` stands behind it."""

    SERVICE = "translate"

    def __init__(self, engine: Translator, *errors: ServiceError) -> None:
        super().__init__(*errors)
        self._engine = engine

    async def answer(self, request: web.Request, content: dict[str, Any]) -> web.Response:
        if request.headers.get("X-Amz-Target") != _OPERATION:
            raise ServiceError("UnknownOperationException", text="no such operation")
        text, target = content["Text"], content["TargetLanguageCode"]
        source = "en" if content["SourceLanguageCode"] == "auto" else content["SourceLanguageCode"]
        if not 0 < len(text.encode()) <= LONGEST_TEXT_BYTES:
            raise ServiceError("TextSizeLimitExceededException", text="the text's size")
        if not self._engine.can_translate(source, target):
            raise ServiceError("UnsupportedLanguagePairException", text="no such pair")
        return web.json_response(
            {
                "TranslatedText": await self._engine.translate(text, source, target),
                "SourceLanguageCode": source,
                "TargetLanguageCode": target,
            },
            content_type="application/x-amz-json-1.1",
        )

    def error_response(self, error: ServiceError) -> web.Response:
        return web.json_response(
            {"__type": error.code, "message": error.text},
            status=error.status,
            headers=error.headers,
            content_type="application/x-amz-json-1.1",
        )
