"""A gap in arrival is not a pause in speech: whole words are said, half a word waits."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings, StreamBreak
from connectors.testing.words import write_words
from schemas.values import SAMPLE_RATE_HZ
from tests.unit.pipelines.runtime.session_stage import (
    Job,
    Stage,
    Talk,
    assert_every_sample_once,
    cut_into_chunks,
    flush,
    panes_of,
    pass_time,
    perform,
    random_sizes,
    said,
    talk_of,
)

pytestmark = pytest.mark.unit


def test_whole_words_are_said_when_audio_stops_and_the_half_one_when_it_goes_on() -> None:
    pcm, words = write_words(1, 6, word_s=0.4, gap_s=0.0)
    chunks = cut_into_chunks(pcm, (1600,))
    stage = Stage(ScriptedSpeechToTextSettings(report_every_s=0.1))
    job = Job(stage)
    until = round(1.5 * 10)  # in the middle of the fourth word
    job.pane([*chunks[:until]])
    pass_time(stage, [job], 10_000)
    assert said(stage.entries()) == ("w1", "w2", "w3")
    assert stage.entries()[-1].end_sample == round(1.2 * SAMPLE_RATE_HZ)
    job.pane([*chunks[until:], flush()])
    pass_time(stage, [job], 3_000)
    assert said(stage.entries()) == tuple(word.text for word in words)
    assert_every_sample_once(stage.entries(), {1: len(pcm) // 2})
    assert job.is_done()


def test_a_lull_waits_for_a_recogniser_that_is_behind() -> None:
    stage = Stage(ScriptedSpeechToTextSettings(delay_s=4.0))
    job = Job(stage)
    pcm, words = write_words(1, 5)
    job.pane([*cut_into_chunks(pcm, (1600,))])
    pass_time(stage, [job], 3_800)
    assert stage.entries() == ()
    pass_time(stage, [job], 1_000)
    assert said(stage.entries()) == tuple(word.text for word in words[:3])


def test_lulls_in_silence_say_nothing() -> None:
    stage = Stage()
    job = Job(stage)
    job.pane([*cut_into_chunks(bytes(32_000), (1600,))])
    pass_time(stage, [job], 10_000)
    assert stage.entries() == ()


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    delay_s=st.sampled_from([0.0, 1.0, 7.0]),
    broken_after_s=st.lists(st.floats(0.2, 9.0), max_size=3),
    crash_at=st.integers(0, 12),
)
def test_lulls_breaks_and_crashes_together(
    seed: int, delay_s: float, broken_after_s: list[float], crash_at: int
) -> None:
    chance = random.Random(seed)
    stage = Stage(
        ScriptedSpeechToTextSettings(
            delay_s=delay_s,
            breaks=tuple(StreamBreak(at, stream=n) for n, at in enumerate(broken_after_s, 1)),
        )
    )
    job = Job(stage)
    talk = talk_of(18, seed=seed, sizes=random_sizes(seed))
    for number, pane in enumerate(panes_of(talk.items, samples=chance.randint(9_000, 60_000))):
        job.pane([*pane] if chance.random() < 0.6 else pane)
        pass_time(stage, [job], chance.choice([200, 1_000, 6_000]))
        if number == crash_at:
            job.crash()
    job.pane([flush()])
    pass_time(stage, [job], 60_000)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert job.is_done()


def test_a_lull_between_epochs() -> None:
    first, second = talk_of(5, seed=1, epoch=1), talk_of(5, seed=2, epoch=2)
    stage = Stage()
    job = Job(stage)
    perform(stage, job, Talk((*first.items, *second.items), (), {}))
    assert said(stage.entries()) == first.words + second.words
    assert_every_sample_once(stage.entries(), {**first.samples, **second.samples})
