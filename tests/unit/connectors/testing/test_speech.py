"""Delays in virtual time, failures on order, and settings that travel to workers."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from beam_flink_kit.loops import VirtualLoop
from connectors.interfaces.errors import (
    ConnectorError,
    PermanentError,
    RetryableError,
    ThrottledError,
)
from connectors.interfaces.speech_to_text import Recognition
from connectors.testing.faults import Delay, Fault, FaultKind
from connectors.testing.speech_synthesis import ScriptedSynthesizer, ScriptedSynthesizerSettings
from connectors.testing.speech_to_text import (
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
    StreamBreak,
)
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from connectors.testing.words import write_silence, write_words

pytestmark = pytest.mark.unit

RATE_HZ = 16_000


async def recognise(
    recogniser: ScriptedSpeechToText, pcm: bytes
) -> tuple[list[Recognition], ConnectorError | None]:
    """What came, and what ended it."""
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await stream.send(pcm)
    await stream.finish()
    results: list[Recognition] = []
    try:
        async for result in stream:
            results.append(result)  # noqa: PERF401 - a comprehension would lose what came before
    except ConnectorError as error:
        return results, error
    return results, None


def spoken(results: list[Recognition]) -> list[str]:
    return [word.text for result in results if result.is_final for word in result.words]


async def test_a_pause_makes_words_final_and_later_words_stand_behind() -> None:
    first, _ = write_words(0, 2)
    second, _ = write_words(2, 1)
    pcm = first + write_silence(0.6) + second
    results, _ = await recognise(ScriptedSpeechToText(), pcm)
    finals = [[word.text for word in result.words] for result in results if result.is_final]
    assert finals == [["w0", "w1"], ["w2"]]


async def test_an_unsure_word_is_revised_before_it_is_final() -> None:
    settings = ScriptedSpeechToTextSettings(unsure_s=0.2)
    pcm, _ = write_words(0, 4, word_s=0.2, gap_s=0.0)
    results, _ = await recognise(ScriptedSpeechToText(settings), pcm)
    partial = [word.text for result in results if not result.is_final for word in result.words]
    assert "w0?" in partial
    assert "w0" in partial
    assert spoken(results) == ["w0", "w1", "w2", "w3"]


async def test_a_stream_breaks_where_it_was_told_and_the_next_does_not() -> None:
    settings = ScriptedSpeechToTextSettings(
        breaks=(StreamBreak(1.0, FaultKind.RETRYABLE, stream=1),)
    )
    recogniser = ScriptedSpeechToText(settings)
    pcm, _ = write_words(0, 8)
    results, error = await recognise(recogniser, pcm)
    assert isinstance(error, RetryableError)
    assert [result.through_s for result in results] == [0.25, 0.5, 0.75, 1.0]
    results, error = await recognise(recogniser, pcm)
    assert error is None
    assert spoken(results) == [f"w{number}" for number in range(8)]


@pytest.mark.parametrize(
    ("kind", "error"),
    [(FaultKind.THROTTLED, ThrottledError), (FaultKind.PERMANENT, PermanentError)],
)
async def test_the_second_open_fails(kind: FaultKind, error: type[ConnectorError]) -> None:
    settings = ScriptedSpeechToTextSettings(open_faults=(Fault(kind, calls=(2,)),))
    recogniser = ScriptedSpeechToText(settings)
    await recogniser.open("en", sample_rate_hz=RATE_HZ)
    with pytest.raises(error):
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await recogniser.open("en", sample_rate_hz=RATE_HZ)


async def test_too_many_streams_until_one_is_closed() -> None:
    recogniser = ScriptedSpeechToText(ScriptedSpeechToTextSettings(max_streams=1))
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    with pytest.raises(ThrottledError):
        await recogniser.open("en", sample_rate_hz=RATE_HZ)
    await stream.close()
    await recogniser.open("en", sample_rate_hz=RATE_HZ)


async def test_send_waits_for_a_reader_and_close_frees_it() -> None:
    recogniser = ScriptedSpeechToText(ScriptedSpeechToTextSettings(results_ahead=2))
    stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
    sending = asyncio.create_task(stream.send(write_silence(10)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not sending.done()
    await stream.close()
    await asyncio.wait_for(sending, 60)


def test_results_come_late_by_virtual_time_alone() -> None:
    loop = VirtualLoop()
    loop.advance(1_000)
    recogniser = ScriptedSpeechToText(ScriptedSpeechToTextSettings(delay_s=2.0))
    future = loop.start(recognise(recogniser, write_words(0, 2)[0]))
    loop.advance(2_990)
    assert not future.done()
    loop.advance(3_000)
    assert spoken(future.result(0)[0]) == ["w0", "w1"]
    loop.stop()


def test_calls_take_their_time_in_virtual_time() -> None:
    loop = VirtualLoop()
    loop.advance(1_000)
    translator = ScriptedTranslator(ScriptedTranslatorSettings(delay=Delay(1.3)))
    future = loop.start(translator.translate("w1 w2", "en", "es"))
    loop.advance(2_250)
    assert not future.done()
    loop.advance(2_300)
    assert future.result(0) == "es:w1 w2"
    loop.stop()


async def test_a_fault_strikes_its_text_and_its_calls() -> None:
    faults = (Fault(FaultKind.PERMANENT, text="w7"), Fault(FaultKind.RETRYABLE, calls=(2,)))
    translator = ScriptedTranslator(ScriptedTranslatorSettings(faults=faults))
    assert await translator.translate("w1", "en", "es") == "es:w1"
    with pytest.raises(RetryableError):
        await translator.translate("w1", "en", "es")
    with pytest.raises(PermanentError):
        await translator.translate("w6 w7", "en", "es")
    assert translator.calls_made == 3


async def test_a_route_can_be_missing() -> None:
    translator = ScriptedTranslator(ScriptedTranslatorSettings(without_route=(("en", "fr"),)))
    assert not translator.can_translate("en", "fr")
    assert translator.can_translate("fr", "en")


async def test_a_clip_lasts_as_long_as_its_words() -> None:
    voice = ScriptedSynthesizer(ScriptedSynthesizerSettings(word_s=0.2, longest_s=1.5))
    lengths = [(await voice.synthesize("w1 " * n, "es")).duration_s for n in (1, 5, 50)]
    assert lengths == pytest.approx([0.2, 1.0, 1.5], abs=0.002)


def test_spread_delays_are_the_same_for_the_same_seed() -> None:
    delays = [Delay(1.0, 0.5, seed=3).of_call(call) for call in range(50)]
    assert delays == [Delay(1.0, 0.5, seed=3).of_call(call) for call in range(50)]
    assert delays != [Delay(1.0, 0.5, seed=4).of_call(call) for call in range(50)]
    assert min(delays) >= 1.0
    assert max(delays) <= 1.5
    assert max(delays) - min(delays) > 0.3


@pytest.mark.parametrize(
    "settings",
    [
        ScriptedSpeechToTextSettings(breaks=(StreamBreak(1.0),)),
        ScriptedTranslatorSettings(faults=(Fault(FaultKind.THROTTLED, text="w1"),)),
        ScriptedSynthesizerSettings(delay=Delay(0.1, 0.2)),
    ],
)
def test_settings_travel_to_workers(settings: object) -> None:
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes
