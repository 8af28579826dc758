"""The offline engines' processes: what is killed hurts only itself, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import jiwer
import numpy as np
import psutil
import pytest

from connectors.interfaces.errors import RetryableError, ThrottledError
from connectors.interfaces.speech_to_text import Recognition, SpeechStream
from connectors.offline.speech_synthesis import OfflineSynthesizer
from connectors.offline.speech_to_text import OfflineSpeechToText, OfflineSpeechToTextSettings
from connectors.offline.translation import OfflineTranslator, OfflineTranslatorSettings
from connectors.testing.contracts.speech_to_text import final_text, recognise
from tests.contracts.test_speech_to_text import read_speech

pytestmark = pytest.mark.integration

RATE_HZ = 16_000
SENTENCES = ("0870", "0880", "0890", "0920", "0930")

OPENS_ALL_ENGINES = """
import asyncio, sys
from connectors.offline.speech_to_text import OfflineSpeechToText
from connectors.offline.translation import OfflineTranslator

async def main():
    recogniser, translator = OfflineSpeechToText(), OfflineTranslator()
    streams = [await recogniser.open("en", sample_rate_hz=16_000) for _ in range(2)]
    await streams[0].send(bytes(320_000))
    await translator.warm("en", "es")
    print("open", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(0.01)


def running(process: psutil.Process) -> bool:
    """Zombies do not run: in a container nobody may reap an orphan."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def decoders(recogniser: OfflineSpeechToText) -> list[psutil.Process]:
    return psutil.Process(recogniser.model_process_id).children()


@pytest.fixture
async def recogniser() -> AsyncIterator[OfflineSpeechToText]:
    recogniser = OfflineSpeechToText()
    yield recogniser
    await recogniser.close()


def translation_programs() -> list[psutil.Process]:
    """In the order of the row, which is that of their ids."""
    children = [child for child in psutil.Process().children() if running(child)]
    return [child for child in children if "eng-spa" in " ".join(child.cmdline())]


async def open_stream(recogniser: OfflineSpeechToText) -> SpeechStream:
    return await recogniser.open("en", sample_rate_hz=RATE_HZ)


async def collect(stream: SpeechStream) -> list[Recognition]:
    return [result async for result in stream]


async def test_a_killed_decoder_fails_its_own_stream_only(
    recogniser: OfflineSpeechToText,
) -> None:
    killed = await open_stream(recogniser)
    (decoder,) = decoders(recogniser)
    other = await open_stream(recogniser)
    decoder.kill()
    with pytest.raises(RetryableError, match="died"):
        await collect(killed)
    await killed.send(bytes(64_000))  # the iteration told; sending stays quiet
    speech = read_speech("0880")
    assert jiwer.wer(speech.text, final_text(await recognise(other, speech.pcm))) <= 0.45


async def test_the_model_process_is_replaced_and_its_decoders_live_on(
    recogniser: OfflineSpeechToText,
) -> None:
    before = await open_stream(recogniser)
    first_id = recogniser.model_process_id
    assert first_id is not None
    os.kill(first_id, signal.SIGKILL)
    after = await open_stream(recogniser)
    assert recogniser.model_process_id not in (None, first_id)
    speech = read_speech("0880")
    texts = [final_text(await recognise(stream, speech.pcm)) for stream in (before, after)]
    assert texts[0] == texts[1] != ""


async def test_closing_a_stream_ends_its_decoder_and_frees_its_place() -> None:
    recogniser = OfflineSpeechToText(OfflineSpeechToTextSettings(max_streams=1))
    stream = await open_stream(recogniser)
    (decoder,) = decoders(recogniser)
    with pytest.raises(ThrottledError):
        await open_stream(recogniser)
    await stream.send(bytes(320_000))
    await stream.close()
    await until(lambda: not running(decoder))
    await (await open_stream(recogniser)).close()
    await recogniser.close()


async def test_closing_the_recogniser_ends_every_process(
    recogniser: OfflineSpeechToText,
) -> None:
    for _ in range(3):
        await open_stream(recogniser)
    processes = [psutil.Process(recogniser.model_process_id), *decoders(recogniser)]
    assert len(processes) == 4
    await recogniser.close()
    await until(lambda: not any(map(running, processes)))


async def test_send_waits_while_the_decoder_is_behind(recogniser: OfflineSpeechToText) -> None:
    stream = await open_stream(recogniser)
    (decoder,) = decoders(recogniser)
    decoder.suspend()
    sending = asyncio.create_task(stream.send(bytes(60 * 2 * RATE_HZ)))
    await asyncio.wait([sending], timeout=0.5)
    assert not sending.done()
    decoder.resume()
    collecting = asyncio.create_task(collect(stream))
    await asyncio.wait_for(sending, 120)
    await stream.finish()
    assert (await asyncio.wait_for(collecting, 120))[-1].through_s == pytest.approx(60)


async def test_nothing_outlives_a_killed_worker() -> None:
    worker = subprocess.Popen(  # noqa: ASYNC220 - returns at once
        [sys.executable, "-c", OPENS_ALL_ENGINES], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    with worker.stdout:
        assert await asyncio.to_thread(worker.stdout.readline) == "open\n"
        children = psutil.Process(worker.pid).children(recursive=True)
        names = " ".join(child.name() for child in children)
        assert names.count("lt-proc") >= 3
        assert len(children) >= 10
        worker.kill()
        worker.wait()
    await until(lambda: not any(map(running, children)))


@pytest.mark.parametrize("level", [0, 5, 100])
async def test_noise_holds_no_words(recogniser: OfflineSpeechToText, level: int) -> None:
    noise = np.random.default_rng(level).normal(0, level, 8 * RATE_HZ).astype("<i2").tobytes()
    results = await recognise(await open_stream(recogniser), noise)
    assert {result.words for result in results} == {()}


async def test_the_whole_talk_is_heard_as_well_as_the_files_alone(
    recogniser: OfflineSpeechToText,
) -> None:
    """Also when words are committed on a grid of 3 s, as the window mode does."""
    talk = [read_speech(number) for number in SENTENCES]
    text = " ".join(part.text for part in talk)
    pcm = b"".join(part.pcm for part in talk)
    results = await recognise(await open_stream(recogniser), pcm)
    assert jiwer.wer(text, final_text(results)) <= 0.30
    assert jiwer.wer(text, committed_on_a_grid(results, settle_s=0.5)) <= 0.30
    assert jiwer.wer(text, committed_on_a_grid(results, settle_s=0.0)) <= 0.36


def committed_on_a_grid(results: list[Recognition], *, settle_s: float) -> str:
    """Each 3 s, once ``settle_s`` more has been heard, say the words that end before the edge."""
    said: list[str] = []
    said_until_s, edge_s = 0.0, 3.0
    settled: tuple[Recognition, ...] = ()
    for number, result in enumerate(results, 1):
        is_last = number == len(results)
        believed = [word for part in (*settled, result) for word in part.words]
        while result.through_s >= edge_s + settle_s or is_last:
            for word in believed:
                is_new = (word.start_s + word.end_s) / 2 > said_until_s
                if is_new and (is_last or word.end_s <= edge_s):
                    said.append(word.text)
                    said_until_s = word.end_s
            if is_last:
                break
            edge_s += 3.0
        if result.is_final:
            settled = (*settled, result)
    return " ".join(said)


@pytest.mark.parametrize("which", [0, 4, -1])
async def test_a_killed_translation_program_is_replaced(which: int) -> None:
    translator = OfflineTranslator()
    before = await translator.translate("the house", "en", "es")
    programs = translation_programs()
    programs[which].kill()
    with pytest.raises(RetryableError, match="translation program"):
        await translator.translate("the house", "en", "es")
    assert not any(map(running, programs))
    assert await translator.translate("the house", "en", "es") == before
    await translator.close()
    assert translation_programs() == []


async def test_a_hanging_translation_program_is_replaced() -> None:
    translator = OfflineTranslator(OfflineTranslatorSettings(answer_timeout_s=0.3))
    before = await translator.translate("the house", "en", "es")
    programs = translation_programs()
    programs[0].suspend()
    with pytest.raises(RetryableError, match="no answer"):
        await translator.translate("the house", "en", "es")
    assert await translator.translate("the house", "en", "es") == before
    await translator.close()


async def test_a_caller_who_gives_up_leaves_the_translator_in_step() -> None:
    translator = OfflineTranslator()
    await translator.warm("en", "es")
    for _ in range(5):
        given_up = asyncio.create_task(translator.translate("the white dog", "en", "es"))
        await asyncio.sleep(0.0005)
        given_up.cancel()
        assert "casa" in await translator.translate("the house", "en", "es")
    await translator.close()


def spent_s() -> float:
    """CPU time of this process, of the translation programs, and of the programs that ended."""
    own, running = os.times(), [one.cpu_times() for one in translation_programs()]
    return sum(own[:4]) + sum(one.user + one.system for one in running)


async def test_engines_are_quick_enough_for_live_speech() -> None:
    """In CPU time, which a busy machine leaves alone; what was measured stands in
    docs/results.md."""
    translator, voice = OfflineTranslator(), OfflineSynthesizer()
    text = "had he married a more amiable woman he might have been made still more respectable"
    await translator.warm("en", "es")
    before_s = spent_s()
    for _ in range(10):
        await voice.synthesize(await translator.translate(text, "en", "es"), "es")
    assert 0.01 < (spent_s() - before_s) / 10 < 0.5
    await translator.close()
    await voice.close()
