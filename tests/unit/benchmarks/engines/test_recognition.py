"""What the benchmark of recognition counts, and the session that it runs without Beam."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.engines.recognition import Score, Talk, Transcription, score, words_cut
from benchmarks.engines.session_alone import AnsweringSpeechToText, hear_session
from connectors.testing.speech_to_text import (
    ScriptedSpeechToText,
    ScriptedSpeechToTextSettings,
)
from connectors.testing.voice_activity import ScriptedVoiceActivityFactory
from connectors.testing.words import write_silence, write_talk, write_words
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.segmentation.segmenter import Segmenter
from pipelines.segmentation.window_segmenter import WindowSegmenter
from schemas.values import SAMPLE_RATE_HZ, EntryKind

pytestmark = pytest.mark.unit

WORDS = ((8_000, 16_000), (16_000, 24_000), (32_000, 40_000))


@pytest.mark.parametrize(
    ("boundaries", "cut"),
    [
        pytest.param([0, 16_000, 24_000, 28_000, 40_000, 60_000], 0, id="between words"),
        pytest.param([15_500, 16_500, 32_700, 39_300], 0, id="as near as alignment can tell"),
        pytest.param([12_000, 36_000], 2, id="inside"),
        pytest.param([11_000, 12_000], 1, id="a word is cut once"),
    ],
)
def test_words_cut(boundaries: list[int], cut: int) -> None:
    assert words_cut(WORDS, boundaries) == cut


def test_a_score_counts_errors_and_words() -> None:
    talk = Talk(bytes(80_000), "one two three", WORDS)
    said = Transcription("one tree", (12_000,), (1.0, 3.0, 2.0), sent_s=2.0)
    assert score(talk, said, 0.5) == Score(
        wer=2 / 3,
        errors=2,
        words_said=2,
        words_cut=1,
        utterances=3,
        utterance_s=2.0,
        sent_s=2.0,
        took_s=0.5,
    )


@pytest.mark.parametrize("cutter", [WindowSegmenter(settle_samples=4_000), PauseSegmenter()])
def test_a_session_says_every_word_once_and_covers_every_sample(cutter: Segmenter) -> None:
    pcm, words = write_talk(20, seed=5)
    heard = hear_session(
        pcm,
        cutter,
        ScriptedSpeechToText(),
        pane_chunks=2,
        voice_activity=ScriptedVoiceActivityFactory(),
    )
    assert heard.text.split() == [word.text for word in words]
    through = 0
    for entry in heard.entries:
        assert entry.first_sample == through
        through = entry.end_sample
    assert through == len(pcm) // 2
    assert 0 < heard.sent_s <= len(pcm) / 2 / SAMPLE_RATE_HZ + 1e-6


def test_a_pane_waits_for_the_answer_to_the_last() -> None:
    """The recogniser is slow; the window is cut with what was known, not with what came later."""
    slow = ScriptedSpeechToText(ScriptedSpeechToTextSettings(delay_s=0.01))
    pcm, words = write_words(1, 20, word_s=0.25, gap_s=0.05)
    heard = hear_session(pcm, WindowSegmenter(), slow, pane_chunks=1)
    spoken = [entry for entry in heard.entries if entry.kind is EntryKind.SPEECH]
    assert [entry.end_sample for entry in spoken] == [3 * SAMPLE_RATE_HZ, 6 * SAMPLE_RATE_HZ]
    assert heard.text.split() == [word.text for word in words]


async def test_answered_means_that_results_were_worked_on() -> None:
    answering = AnsweringSpeechToText(ScriptedSpeechToText())
    stream = await answering.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
    await stream.send(write_silence(1.0))
    results = aiter(stream)
    for _ in range(4):
        assert not answering.is_answered
        await anext(results)
    working_on_the_last = asyncio.create_task(anext(results))
    await asyncio.sleep(0)
    assert answering.is_answered
    assert answering.sent_s == pytest.approx(1.0)
    working_on_the_last.cancel()
    await stream.close()
    assert answering.is_answered
