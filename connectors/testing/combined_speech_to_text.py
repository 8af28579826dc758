"""Two recognisers as one: each language goes to the first that offers it.

For chaos runs, where most sessions are scripted so that every word is known, and one is really
recognised: ``offline`` hears English, ``scripted`` whatever else it was given words in.
"""

from __future__ import annotations

import asyncio

from connectors.interfaces.errors import PermanentError
from connectors.interfaces.speech_to_text import SpeechStream, SpeechToText


class CombinedSpeechToText:
    def __init__(self, *recognisers: SpeechToText) -> None:
        self._recognisers = recognisers

    @property
    def report_every_s(self) -> float:
        return max(each.report_every_s for each in self._recognisers)

    def can_recognise(self, language: str) -> bool:
        return any(each.can_recognise(language) for each in self._recognisers)

    async def open(self, language: str, *, sample_rate_hz: int) -> SpeechStream:
        for each in self._recognisers:
            if each.can_recognise(language):
                return await each.open(language, sample_rate_hz=sample_rate_hz)
        raise PermanentError(f"no recogniser for language {language!r}")

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self._recognisers))
