"""The simulated times: the named mean, a slow tail, and the same for both flows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from statistics import fmean
from typing import Any

import pytest

from benchmarks.lag.service_profiles import PROFILES, TEN_LANGUAGES
from benchmarks.overhead.stand_ins import RECOGNITION_S, SPEECH_S, TRANSLATION_S
from connectors.testing.faults import Delay, TailedDelay
from connectors.testing.speech_to_text import ScriptedSpeechToText, ScriptedSpeechToTextSettings
from connectors.testing.words import write_words
from local_stack.latency import percentile

pytestmark = pytest.mark.unit

RATE_HZ = 16_000
RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.mark.parametrize("mean_s", [0.15, 1.3])
def test_the_mean_is_the_named_one_and_the_tail_is_slow(mean_s: float) -> None:
    times = [TailedDelay(mean_s, seed=4).of(f"w{number}") for number in range(20_000)]
    assert fmean(times) == pytest.approx(mean_s, rel=0.01)
    assert percentile(times, 0.99) == pytest.approx(2.5 * mean_s, rel=0.06)
    assert percentile(times, 0.5) < mean_s


def test_the_same_text_takes_the_same_time_and_another_seed_another() -> None:
    assert TailedDelay(1.0).of("w1 w2") == TailedDelay(1.0).of("w1 w2")
    assert TailedDelay(1.0).of("w1 w2") != TailedDelay(1.0, seed=1).of("w1 w2")


@pytest.mark.parametrize("ratio", [1.0, 20.0])
def test_a_tail_that_no_lognormal_has_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="lognormal"):
        TailedDelay(1.0, p99_ratio=ratio)


@pytest.mark.parametrize(
    ("name", "means_s"), [("seed", (0.5, 0.5, 1.3)), ("current", (0.3, 0.15, 0.31))]
)
def test_a_call_of_each_service_takes_the_profiles_time(
    run_virtual: RunVirtual, name: str, means_s: tuple[float, ...]
) -> None:
    choice = PROFILES[name].speech_choice()

    async def taken() -> tuple[float, float]:
        translator, voice = choice.open_translator(), choice.open_synthesizer()
        translations = [
            await _seconds_of(translator.translate(f"w{number}", "en", "es"))
            for number in range(2_000)
        ]
        clips = [await _seconds_of(voice.synthesize(f"w{number}", "es")) for number in range(2_000)]
        return fmean(translations), fmean(clips)

    assert run_virtual(taken()) == pytest.approx(means_s[1:], rel=0.03)
    assert choice.scripted_stt.tail is not None
    assert choice.scripted_stt.tail.mean_s == means_s[0]


async def _seconds_of(answer: Coroutine[Any, Any, object]) -> float:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await answer
    return loop.time() - began_s


def test_a_batch_recognised_at_once_takes_one_draw(run_virtual: RunVirtual) -> None:
    """Whatever its length: no batch waits for the slowest of several draws."""
    tail = TailedDelay(0.5)
    recogniser = ScriptedSpeechToText(ScriptedSpeechToTextSettings(tail=tail))

    async def taken(words: int) -> float:
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        await stream.send(write_words(0, words)[0])
        await stream.finish()
        began_s = asyncio.get_running_loop().time()
        heard = [word.text async for result in stream if result.is_final for word in result.words]
        assert len(heard) == words
        return asyncio.get_running_loop().time() - began_s

    async def all_taken() -> list[float]:
        return [await taken(words) for words in (1, 10, 30)]

    expected = [tail.of(f"{stream}/0") for stream in (1, 2, 3)]
    assert run_virtual(all_taken()) == pytest.approx(expected)


def test_results_of_a_stream_are_as_late_as_named_and_in_order(run_virtual: RunVirtual) -> None:
    recogniser = ScriptedSpeechToText(ScriptedSpeechToTextSettings(tail=TailedDelay(0.5)))
    loop_s = lambda: asyncio.get_running_loop().time()  # noqa: E731

    async def late_s() -> list[float]:
        stream = await recogniser.open("en", sample_rate_hz=RATE_HZ)
        began_s = loop_s()

        async def send() -> None:
            for _ in range(2_400):
                await asyncio.sleep(0.25)
                await stream.send(bytes(8_000))
            await stream.finish()

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            return [loop_s() - began_s - result.through_s async for result in stream]

    late = run_virtual(late_s())
    assert len(late) == 2_401
    assert fmean(late) == pytest.approx(0.5, rel=0.1)
    assert max(late) > 1.0


def test_a_clip_lasts_as_long_as_a_speaker_takes(run_virtual: RunVirtual) -> None:
    voice = PROFILES["seed"].speech_choice().open_synthesizer()
    clip = run_virtual(voice.synthesize("es:w1 w2 w3", "es"))
    assert clip.duration_s == pytest.approx(3 * 0.33, abs=0.01)


def test_a_steady_profile_takes_exactly_what_is_taken_off_again() -> None:
    profile = PROFILES["steady"]
    choice = profile.speech_choice()
    assert choice.scripted_stt.tail is None
    assert choice.scripted_stt.delay_s == profile.recognition_s
    assert choice.scripted_translation.delay == Delay(profile.translation_s)
    assert choice.scripted_synthesis.delay == Delay(profile.speech_s)
    times_s = (profile.recognition_s, profile.translation_s, profile.speech_s)
    assert times_s == (RECOGNITION_S, TRANSLATION_S, SPEECH_S), "those of the load runs"
    assert profile.simulated_ms == pytest.approx(760.0)
    current = PROFILES["current"]
    assert times_s == (current.recognition_s, current.translation_s, current.speech_s)


def test_ten_languages_are_translated_and_spoken() -> None:
    choice = PROFILES["current"].speech_choice()
    translator, voice = choice.open_translator(), choice.open_synthesizer()
    for language in TEN_LANGUAGES:
        assert translator.can_translate("en", language)
        assert voice.can_speak(language)
    assert len(set(TEN_LANGUAGES)) == 10
