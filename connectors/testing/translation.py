"""A scripted translator: ``hello`` becomes ``es:hello``, late and failing on order.

For tests, chaos runs and benchmarks; in memory, in the running loop's time.
"""

from __future__ import annotations

from dataclasses import dataclass

from connectors.interfaces.errors import PermanentError
from connectors.testing.faults import AT_ONCE, Delay, Fault, ScriptedCalls, TailedDelay


@dataclass(frozen=True, slots=True)
class ScriptedTranslatorSettings:
    """Every pair of two different ``languages`` has a route but those in ``without_route``."""

    languages: tuple[str, ...] = ("ca", "de", "en", "es", "fr", "gl", "it", "nl", "pl", "pt")
    without_route: tuple[tuple[str, str], ...] = ()
    delay: Delay | TailedDelay = AT_ONCE
    faults: tuple[Fault, ...] = ()


class ScriptedTranslator:
    def __init__(self, settings: ScriptedTranslatorSettings | None = None) -> None:
        self._settings = settings or ScriptedTranslatorSettings()
        self._calls = ScriptedCalls(self._settings.delay, self._settings.faults)
        self._is_closed = False

    @property
    def calls_made(self) -> int:
        return self._calls.made

    def can_translate(self, source: str, target: str) -> bool:
        return (
            source != target
            and {source, target} <= set(self._settings.languages)
            and (source, target) not in self._settings.without_route
        )

    async def warm(self, source: str, target: str) -> None:
        """Nothing to load."""

    async def translate(self, text: str, source: str, target: str) -> str:
        if self._is_closed:
            raise PermanentError("this translator is closed")
        if not self.can_translate(source, target):
            raise PermanentError(f"no route from {source!r} to {target!r}")
        if not text.strip():
            raise PermanentError("no text to translate")
        await self._calls.make(text)
        return f"{target}:{text.strip()}"

    async def close(self) -> None:
        self._is_closed = True
