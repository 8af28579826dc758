"""A recogniser process that hangs is killed, one that is slow is not."""

from __future__ import annotations

import pytest

from connectors.interfaces.errors import RetryableError
from connectors.offline.speech_to_text import (
    ProcessSpeechToText,
    ProcessSpeechToTextSettings,
    RecogniserProgram,
)

pytestmark = pytest.mark.integration

RATE_HZ = 16_000
SETTINGS = ProcessSpeechToTextSettings(hangs_after_s=0.3, ahead_bytes=RATE_HZ)


def played(behaviour: str) -> ProcessSpeechToText:
    program = RecogniserProgram(
        "played", "tests.unit.connectors.local.played_recogniser", frozenset({"en"}), (behaviour,)
    )
    return ProcessSpeechToText(program, SETTINGS)


async def test_a_process_that_takes_nothing_more_is_killed_and_the_next_stream_has_another() -> (
    None
):
    recogniser = played("hangs")
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    process = recogniser.model_process_id
    for _ in range(20):
        await stream.send(bytes(RATE_HZ))
    with pytest.raises(RetryableError, match="died"):
        await anext(stream)
    await stream.close()
    again = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    assert recogniser.model_process_id != process
    await again.close()
    await recogniser.close()


async def test_a_process_that_is_slow_but_answers_is_left_alone() -> None:
    recogniser = played("is slow")
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    process = recogniser.model_process_id
    for number in range(1, 13):
        await stream.send(bytes(RATE_HZ))
        result = await anext(stream)
        assert result.through_s == pytest.approx(number / 2)
    assert recogniser.model_process_id == process
    await stream.finish()
    assert (await anext(stream)).is_final
    await recogniser.close()
