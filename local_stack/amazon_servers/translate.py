"""Amazon Translate on this machine: TranslateText of the JSON 1.1 protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from connectors.interfaces.translation import Translator
from local_stack.amazon_servers.http_service import HttpService, ServiceError

LONGEST_TEXT_BYTES = 10_000
_OPERATION = "AWSShineFrontendService_20170701.TranslateText"


class TranslateServer(HttpService):
    """Any ``Translator`` stands behind it. ``terminologies``: the account's, by name: terms of the
    source language and what they become."""

    SERVICE = "translate"

    def __init__(
        self,
        engine: Translator,
        *errors: ServiceError,
        terminologies: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        super().__init__(*errors)
        self._engine = engine
        self._terminologies = terminologies or {"names": {}}

    async def answer(self, request: web.Request, content: dict[str, Any]) -> web.Response:
        if request.headers.get("X-Amz-Target") != _OPERATION:
            raise ServiceError("UnknownOperationException", text="no such operation")
        text, target = content["Text"], content["TargetLanguageCode"]
        source = "en" if content["SourceLanguageCode"] == "auto" else content["SourceLanguageCode"]
        if not 0 < len(text.encode()) <= LONGEST_TEXT_BYTES:
            raise ServiceError("TextSizeLimitExceededException", text="the text's size")
        if not self._engine.can_translate(source, target):
            raise ServiceError("UnsupportedLanguagePairException", text="no such pair")
        settings = content.get("Settings", {})
        if settings.get("Formality", "FORMAL") not in ("FORMAL", "INFORMAL"):
            raise ServiceError("InvalidRequestException", text="no such formality")
        text, applied = self._with_terms(text, content.get("TerminologyNames", []))
        return web.json_response(
            {
                "TranslatedText": await self._engine.translate(text, source, target),
                "SourceLanguageCode": source,
                "TargetLanguageCode": target,
                "AppliedTerminologies": applied,
                "AppliedSettings": settings,
            },
            content_type="application/x-amz-json-1.1",
        )

    def _with_terms(self, text: str, names: list[str]) -> tuple[str, list[dict[str, Any]]]:
        """A term that the engine does not know comes out of it as it went in."""
        if len(names) > 1:
            raise ServiceError("InvalidRequestException", text="one terminology at most")
        applied: list[dict[str, Any]] = []
        for name in names:
            if name not in self._terminologies:
                raise ServiceError("ResourceNotFoundException", text="no such terminology")
            found = {
                term: becomes
                for term, becomes in self._terminologies[name].items()
                if re.search(rf"\b{re.escape(term)}\b", text)
            }
            for term, becomes in found.items():
                text = re.sub(rf"\b{re.escape(term)}\b", becomes, text)
            terms = [{"SourceText": term, "TargetText": to} for term, to in found.items()]
            applied.append({"Name": name, "Terms": terms})
        return text, applied

    def error_response(self, error: ServiceError) -> web.Response:
        return web.json_response(
            {"__type": error.code, "message": error.text},
            status=error.status,
            headers=error.headers,
            content_type="application/x-amz-json-1.1",
        )
