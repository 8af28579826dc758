"""Text translation by Amazon Translate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.amazon.clients import AwsClients, AwsSettings, aws_errors
from connectors.amazon.languages import can_translate, translate_code
from connectors.calls.policy import RateLimiter
from connectors.calls.text_splitter import bytes_of, readable, split_text
from connectors.interfaces.errors import PermanentError, ThrottledError
from connectors.interfaces.translation import (
    NO_HINTS,
    TranslationAbilities,
    TranslationHints,
    TranslationUsage,
)
from schemas.languages import UNDETERMINED

if TYPE_CHECKING:
    from types_aiobotocore_translate.literals import FormalityType


_FORMALITY: Mapping[str, FormalityType] = {"formal": "FORMAL", "informal": "INFORMAL"}


@dataclass(frozen=True, slots=True)
class AmazonTranslatorSettings:
    """``terminology``: the name of a custom terminology of the account. ``formality``:
    ``FORMAL`` or ``INFORMAL``; Translate passes over both where a language has none.

    ``requests_per_s``: the account's quota divided by the worker processes. ``hold_s``: everybody's
    pause after the service has asked for fewer calls without saying for how long.
    """

    terminology: str | None = None
    formality: FormalityType | None = None
    requests_per_s: float = 50.0
    burst: int = 50
    hold_s: float = 0.5
    longest_text_bytes: int = 10_000


class AmazonTranslator:
    """Every pair of two languages that Translate offers has a route. Source ``und``: it finds
    the language out by itself."""

    def __init__(self, aws: AwsSettings, settings: AmazonTranslatorSettings | None = None) -> None:
        self._settings = settings or AmazonTranslatorSettings()
        self._clients = AwsClients(aws)
        self._turns = RateLimiter(self._settings.requests_per_s, self._settings.burst)
        self._usage = TranslationUsage()
        self._is_closed = False

    @property
    def abilities(self) -> TranslationAbilities:
        """A custom terminology is the account's, named in the settings; context gained nothing
        that was measured here, and would be billed."""
        return TranslationAbilities(formality=True)

    @property
    def usage(self) -> TranslationUsage:
        return self._usage

    def can_translate(self, source: str, target: str) -> bool:
        return can_translate(source, target)

    async def warm(self, source: str, target: str) -> None:
        """Find credentials and read the service's description ahead of the first text."""
        await self._clients.translate()

    async def translate(
        self, text: str, source: str, target: str, *, hints: TranslationHints = NO_HINTS
    ) -> str:
        if self._is_closed:
            raise PermanentError("this translator is closed")
        source_code = "auto" if source == UNDETERMINED else translate_code(source)
        target_code = translate_code(target)
        if source == target or source_code is None or target_code is None:
            raise PermanentError(f"no route from {source!r} to {target!r}")
        clean = readable(text)
        if not clean:
            raise PermanentError("no text to translate")
        if not any(character.isalnum() for character in clean):
            return clean
        parts = split_text(clean, self._settings.longest_text_bytes, bytes_of)
        formality = _FORMALITY.get(hints.formality) or self._settings.formality
        return " ".join(
            [await self._translate(part, source_code, target_code, formality) for part in parts]
        )

    async def close(self) -> None:
        self._is_closed = True
        await self._clients.close()

    async def _translate(
        self, text: str, source_code: str, target_code: str, formality: FormalityType | None
    ) -> str:
        settings = self._settings
        options: dict[str, Any] = {}
        if settings.terminology:
            options["TerminologyNames"] = [settings.terminology]
        if formality:
            options["Settings"] = {"Formality": formality}
        client = await self._clients.translate()
        await self._turns.acquire()
        try:
            with aws_errors("translate"):
                answer = await client.translate_text(
                    Text=text,
                    SourceLanguageCode=source_code,
                    TargetLanguageCode=target_code,
                    **options,
                )
        except ThrottledError as error:
            self._turns.hold(error.retry_after_s or settings.hold_s)
            raise
        self._usage += TranslationUsage(1, len(text))
        return answer["TranslatedText"].strip() or text
