"""The pause segmentation through a whole session: every sample in one entry, every word once."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings
from connectors.testing.words import write_silence, write_words
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from schemas.values import SAMPLE_RATE_HZ, EntryKind
from tests.unit.pipelines.runtime.session_stage import (
    Job,
    Stage,
    Talk,
    assert_every_sample_once,
    cut_into_chunks,
    flush,
    pass_time,
    perform,
    random_sizes,
    said,
    talk_of,
)

pytestmark = pytest.mark.unit

PANE_MS = 256


def talk_in(pcm: bytes, words: tuple[str, ...]) -> Talk:
    return Talk(cut_into_chunks(pcm, (4096,)), words, {1: len(pcm) // 2})


def pause_job(stage: Stage) -> Job:
    return Job(stage, PauseSegmenter())


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    duration_s=st.integers(2, 25),
    delay_s=st.sampled_from([0.0, 0.3, 2.0]),
    unsure_s=st.sampled_from([0.0, 0.2]),
    pane_ms=st.sampled_from([256, 1_000, 3_000]),
)
def test_a_talk_in_chunks_and_panes_of_any_size(
    seed: int, duration_s: int, delay_s: float, unsure_s: float, pane_ms: int
) -> None:
    stage = Stage(ScriptedSpeechToTextSettings(delay_s=delay_s, unsure_s=unsure_s))
    job = pause_job(stage)
    talk = talk_of(duration_s, seed=seed, sizes=random_sizes(seed))
    perform(stage, job, talk, pane_ms=pane_ms)
    entries = stage.entries()
    assert_every_sample_once(entries, talk.samples)
    assert said(entries) == talk.words
    assert job.is_done()
    assert job.is_done()


def test_a_pause_ends_an_utterance_and_speech_that_runs_on_is_cut_between_words() -> None:
    first, first_words = write_words(0, 4, gap_s=0.02)
    second, second_words = write_words(10, 16, gap_s=0.02)
    pcm = first + write_silence(0.6) + second + write_silence(0.6)
    stage = Stage(ScriptedSpeechToTextSettings(delay_s=0.1))
    job = pause_job(stage)
    words = tuple(word.text for word in first_words + second_words)
    perform(stage, job, talk_in(pcm, words), pane_ms=PANE_MS)
    entries = [entry for entry in stage.entries() if entry.kind is EntryKind.SPEECH]
    assert entries[0].text == " ".join(word.text for word in first_words)
    assert len(entries) == 5, "4.3 s without a pause are four utterances"
    assert said(entries) == words
    assert all(entry.duration_s <= 2.3 for entry in entries)


def test_long_silence_is_committed_but_not_recognised() -> None:
    speech, words = write_words(0, 5)
    more, more_words = write_words(20, 5)
    pcm = speech + write_silence(14.0) + more + write_silence(0.5)
    stage = Stage()
    job = pause_job(stage)
    talk = talk_in(pcm, tuple(word.text for word in words + more_words))
    heard_s: list[int] = []
    for at, item in enumerate(talk.items):
        job.pane([item])
        pass_time(stage, [job], PANE_MS, tick_ms=128)
        if at * PANE_MS > 14_000 and at * PANE_MS < 14_400:
            heard_s.append(len(stage.streams()))
    job.pane([flush()])
    pass_time(stage, [job], 3_000)
    assert set(heard_s) == {0}, "ten seconds of silence close the stream"
    entries = stage.entries()
    assert_every_sample_once(entries, talk.samples)
    assert said(entries) == talk.words
    silences = [entry for entry in entries if entry.kind is EntryKind.SILENCE]
    assert sum(entry.duration_s for entry in silences) > 12.0
    late = next(entry for entry in entries if entry.text.startswith("w20"))
    assert late.duration_s < 2.5, "an utterance begins where speech does, not with the silence"


def test_a_crash_in_mid_word_says_every_word_once() -> None:
    for seed in range(12):
        stage = Stage(ScriptedSpeechToTextSettings(delay_s=0.3, unsure_s=0.2))
        job = pause_job(stage)
        talk = talk_of(20, seed=seed)
        for at, item in enumerate(talk.items):
            job.pane([item])
            pass_time(stage, [job], PANE_MS, tick_ms=128)
            if at in (11 + seed, 37):
                job.crash()
        job.pane([flush()])
        pass_time(stage, [job], 6_000)
        entries = stage.entries()
        assert_every_sample_once(entries, talk.samples)
        assert said(entries) == talk.words, seed


def test_utterances_come_soon_after_their_pause() -> None:
    speech, _ = write_words(0, 4, gap_s=0.02)
    pcm = speech + write_silence(2.0)
    stage = Stage(ScriptedSpeechToTextSettings(delay_s=0.1))
    stage.listen("es")
    job = pause_job(stage)
    came_ms: list[int] = []
    for at, item in enumerate(cut_into_chunks(pcm, (1600,))):
        job.pane([item])
        pass_time(stage, [job], 100, tick_ms=50)
        if job.sent and not came_ms:
            came_ms.append((at + 1) * 100)
    spoken_ms = len(speech) // 32
    assert came_ms[0] - spoken_ms < 600


def test_keys_and_numbers_follow_one_another() -> None:
    stage = Stage()
    job = pause_job(stage)
    perform(stage, job, talk_of(30, seed=5), pane_ms=PANE_MS)
    entries = stage.entries()
    assert all(later.first_sample == earlier.end_sample for earlier, later in pairwise(entries))
    assert all(entry.end_sample - entry.first_sample <= 4 * SAMPLE_RATE_HZ for entry in entries)
