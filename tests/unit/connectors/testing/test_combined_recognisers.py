from __future__ import annotations

import pytest

from connectors.interfaces.errors import PermanentError
from connectors.testing.speech_to_text import (
    CombinedSpeechToText,
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from connectors.testing.words import write_words

pytestmark = pytest.mark.unit


def recogniser(*languages: str, report_every_s: float = 0.25) -> ScriptedSpeechToText:
    return ScriptedSpeechToText(
        ScriptedSpeechToTextSettings(languages=languages, report_every_s=report_every_s)
    )


async def test_a_language_goes_to_the_first_that_offers_it() -> None:
    slow, quick = recogniser("en", report_every_s=2.0), recogniser("en", "es")
    both = CombinedSpeechToText(slow, quick)
    pcm, words = write_words(0, 4)

    reports: dict[str, int] = {}
    for language in ("en", "es"):
        stream = await both.open(language, sample_rate_hz=16_000)
        await stream.send(pcm)
        await stream.finish()
        recognitions = [each async for each in stream]
        assert tuple(word for each in recognitions if each.is_final for word in each.words) == words
        reports[language] = len(recognitions)

    assert reports["en"] == 1
    assert reports["es"] > 1
    assert both.report_every_s == 2.0


async def test_a_language_nobody_offers_is_refused() -> None:
    both = CombinedSpeechToText(recogniser("en"), recogniser("es"))

    assert not both.can_recognise("ca")
    with pytest.raises(PermanentError, match="'ca'"):
        await both.open("ca", sample_rate_hz=16_000)
