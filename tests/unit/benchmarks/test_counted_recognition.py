"""What a recogniser is sent is counted by request, whatever becomes of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lag.counted_recognition import (
    CountedConnectors,
    CountedSpeechToText,
    Request,
    read_requests,
)
from connectors.amazon.clients import AwsSettings
from connectors.job_connectors import LiveConnectors, NotifyChoice, SpeechChoice
from connectors.testing.speech_to_text import ScriptedSpeechToText
from connectors.testing.words import write_words
from schemas.values import SAMPLE_RATE_HZ

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]
SECOND = bytes(2 * SAMPLE_RATE_HZ)


def counted(file: Path) -> CountedSpeechToText:
    return CountedSpeechToText(ScriptedSpeechToText(), file)


def sent(file: Path, language: str = "en") -> list[float]:
    return [request.sent_s for request in read_requests(file, language)]


def test_each_stream_is_a_request_with_all_it_was_sent(
    tmp_path: Path, run_virtual: RunVirtual
) -> None:
    file = tmp_path / "sent.jsonl"

    async def two_streams() -> None:
        recogniser = counted(file)
        for seconds in (2, 7):
            stream = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
            for _ in range(seconds):
                await stream.send(SECOND)
            await stream.finish()
            await stream.close()
        await recogniser.close()

    run_virtual(two_streams())
    assert sent(file) == [2.0, 7.0]


def test_one_that_is_never_closed_has_been_noted_on_its_way(
    tmp_path: Path, run_virtual: RunVirtual
) -> None:
    file = tmp_path / "sent.jsonl"

    async def stopped_in_the_middle() -> None:
        stream = await counted(file).open("en", sample_rate_hz=SAMPLE_RATE_HZ)
        for _ in range(12):
            await stream.send(SECOND)

    run_virtual(stopped_in_the_middle())
    assert sent(file) == [10.0]


def test_other_languages_and_streams_without_audio_do_not_count(
    tmp_path: Path, run_virtual: RunVirtual
) -> None:
    file = tmp_path / "sent.jsonl"

    async def warm_up() -> None:
        recogniser = counted(file)
        nothing = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
        await nothing.close()
        other = await recogniser.open("ca", sample_rate_hz=SAMPLE_RATE_HZ)
        await other.send(SECOND)
        await other.close()

    run_virtual(warm_up())
    assert sent(file) == []
    assert sent(file, "ca") == [1.0]
    assert read_requests(tmp_path / "nothing", "en") == ()


def test_results_pass_through(tmp_path: Path, run_virtual: RunVirtual) -> None:
    pcm, words = write_words(0, 3, 0.4, 0.1)

    async def heard() -> list[str]:
        recogniser = counted(tmp_path / "sent.jsonl")
        assert recogniser.can_recognise("en")
        assert recogniser.report_every_s == ScriptedSpeechToText().report_every_s
        stream = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
        await stream.send(pcm)
        await stream.finish()
        return [word.text async for result in stream if result.is_final for word in result.words]

    assert run_virtual(heard()) == [word.text for word in words]


def test_a_jobs_connectors_are_the_same_but_for_the_count(tmp_path: Path) -> None:
    live = LiveConnectors(
        AwsSettings.local("http://127.0.0.1:1", "x"),
        SpeechChoice("scripted", "scripted", "scripted"),
        NotifyChoice("gateway"),
    )
    found = CountedConnectors(live, tmp_path / "sent.jsonl").build()
    assert isinstance(found.speech_to_text, CountedSpeechToText)
    asyncio.run(found.close())


def test_lines_of_several_processes_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "sent.jsonl"
    file.write_text(
        '{"request_id": "a", "language": "en", "sent_s": 5.0}\n'
        '{"request_id": "b", "language": "en", "sent_s": 5.0}\n'
        '{"request_id": "a", "language": "en", "sent_s": 6.5}\n'
    )
    assert read_requests(file, "en") == (Request("a", "en", 6.5), Request("b", "en", 5.0))
