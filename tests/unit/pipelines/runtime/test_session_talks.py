"""A session's audio comes into the ledger: every sample in one entry, every word once."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings
from connectors.testing.words import write_silence, write_words
from pipelines.segmentation.window_segmenter import WindowSegmenter
from schemas.values import SAMPLE_RATE_HZ, EntryKind
from tests.unit.pipelines.runtime.session_stage import (
    LOG,
    PANE_MS,
    START_MS,
    Job,
    Stage,
    Talk,
    assert_every_sample_once,
    cut_into_chunks,
    flush,
    gap,
    joined,
    panes_of,
    pass_time,
    perform,
    random_sizes,
    said,
    samples_of,
    talk_of,
)

pytestmark = pytest.mark.unit

CELL = 3 * SAMPLE_RATE_HZ


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), duration_s=st.integers(1, 25), delay_s=st.sampled_from([0, 2]))
def test_a_talk_in_chunks_of_any_size(seed: int, duration_s: int, delay_s: float) -> None:
    stage = Stage(ScriptedSpeechToTextSettings(delay_s=delay_s))
    job = Job(stage)
    talk = talk_of(duration_s, seed=seed, sizes=random_sizes(seed))
    perform(stage, job, talk)
    entries = stage.entries()
    assert_every_sample_once(entries, talk.samples)
    assert said(entries) == talk.words
    assert job.is_done()
    assert job.is_done()


def test_cuts_lie_on_the_grid_and_the_rest_comes_with_the_flush() -> None:
    stage = Stage()
    job = Job(stage)
    talk = talk_of(10, seed=3)
    perform(stage, job, talk)
    assert [entry.end_sample for entry in stage.entries()] == [
        CELL,
        2 * CELL,
        3 * CELL,
        talk.samples[1],
    ]


def test_nothing_is_cut_before_its_samples_are_there() -> None:
    stage = Stage()
    job = Job(stage)
    talk = talk_of(10, seed=3, sizes=(1600,))
    job.pane(talk.items[:29])
    pass_time(stage, [job], 2_000)
    assert stage.entries() == ()
    job.pane(talk.items[29:])
    pass_time(stage, [job], 1_000)
    assert [entry.end_sample for entry in stage.entries()] == [CELL, 2 * CELL, 3 * CELL]


def test_each_utterance_tells_how_long_every_stage_took() -> None:
    stage = Stage(ScriptedSpeechToTextSettings(delay_s=0.5))
    stage.listen("es")
    job = Job(stage)
    talk = talk_of(5.5, seed=3, sizes=(1600,))
    pass_time(stage, [job], PANE_MS + 400)
    job.pane(talk.items)
    pass_time(stage, [job], 2_000)
    timeline = job.sent[0].timeline
    assert timeline.started_at_ms == START_MS
    assert timeline.as_dict() == {
        "capture": 40,
        "ingest": 20,
        "read": 30,
        "window": 3_310,
        "recognise": 500,
        "commit": 0,
        "languages": 0,
    }


def test_an_end_on_the_grid_leaves_nothing_open() -> None:
    """The last cut is made before the flush; its audio would be read again for ever."""
    stage = Stage()
    job = Job(stage)
    pcm, words = write_words(1, 20, word_s=0.25, gap_s=0.05)
    talk = Talk(cut_into_chunks(pcm, (1600,)), tuple(word.text for word in words), {1: 2 * CELL})
    perform(stage, job, talk)
    assert job.is_done()
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words


def test_chunks_without_samples_leave_nothing_behind() -> None:
    stage = Stage()
    job = Job(stage)
    talk = talk_of(4, seed=1)
    last = len(talk.items) - 1
    empty = [LOG.chunk(1, last + 1 + more, b"") for more in range(2)]
    job.pane([*talk.items, *empty, flush()])
    pass_time(stage, [job], 3_000)
    job.pane([LOG.chunk(1, last + 3, b""), flush()])
    pass_time(stage, [job], 3_000)
    assert job.is_done()
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert {entry.kind for entry in stage.entries()} <= {EntryKind.SPEECH, EntryKind.SILENCE}


@pytest.mark.parametrize("duration_s", [4, 130])
def test_silence_is_entries_too(duration_s: int) -> None:
    stage = Stage()
    job = Job(stage)
    pcm = write_silence(duration_s)
    talk = Talk(cut_into_chunks(pcm, (4096,)), (), {1: duration_s * SAMPLE_RATE_HZ})
    perform(stage, job, talk)
    entries = stage.entries()
    assert_every_sample_once(entries, talk.samples)
    assert {entry.kind for entry in entries} == {EntryKind.SILENCE}
    assert job.is_done()


def test_words_around_a_very_long_silence() -> None:
    stage = Stage()
    job = Job(stage)
    before, first = write_words(1, 5)
    after, second = write_words(100, 5)
    pcm = before + write_silence(90) + after
    words = tuple(word.text for word in (*first, *second))
    talk = Talk(cut_into_chunks(pcm, (3_000,)), words, {1: len(pcm) // 2})
    perform(stage, job, talk)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == words


def test_uncertain_words_are_said_once() -> None:
    """The hypothesis moves words over an edge; what settles is what is said."""
    stage = Stage(ScriptedSpeechToTextSettings(unsure_s=0.2))
    job = Job(stage, WindowSegmenter(settle_samples=5_600))
    talk = talk_of(30, seed=5, sizes=(1_111,))
    for pane in panes_of(talk.items, samples=52_000):
        job.pane(pane)
        pass_time(stage, [job], 3_250)
    job.pane([flush()])
    pass_time(stage, [job], 3_000)
    assert said(stage.entries()) == talk.words


def test_a_pause_commits_what_was_said_before_it() -> None:
    stage = Stage()
    job = Job(stage)
    talk = talk_of(8, seed=2)
    half = len(talk.items) // 2
    job.pane([*talk.items[:half], flush()])
    pass_time(stage, [job], 1_000)
    heard = sum(samples_of(item) for item in talk.items[:half])
    assert stage.entries()[-1].end_sample == heard
    job.pane([*talk.items[half:], flush()])
    pass_time(stage, [job], 3_000)
    assert_every_sample_once(stage.entries(), talk.samples)


def test_a_new_epoch_ends_the_one_before_in_mid_word() -> None:
    pcm, words = write_words(1, 10, word_s=0.4, gap_s=0.0)
    cut = 2 * round(3.5 * SAMPLE_RATE_HZ)
    first = Talk(
        cut_into_chunks(pcm[:cut], (2_000,)),
        tuple(word.text for word in words if word.end_s <= 3.5),
        {1: cut // 2},
    )
    talk = joined(first, talk_of(7, seed=4, epoch=2))
    stage = Stage()
    job = Job(stage)
    perform(stage, job, talk)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
    assert job.is_done()


def test_late_chunks_of_an_older_epoch_are_recognised_behind_it() -> None:
    older = talk_of(6, seed=1, epoch=1)
    newer = talk_of(6, seed=2, epoch=2)
    on_time, late = older.items[:12], older.items[12:]
    stage = Stage()
    job = Job(stage)
    perform(stage, job, Talk((*on_time, *newer.items, *late), (), {}))
    assert_every_sample_once(stage.entries(), joined(older, newer).samples)
    assert set(newer.words) <= set(said(stage.entries()))
    assert len(said(stage.entries())) == len(set(said(stage.entries())))


def test_a_gap_is_an_entry_between_what_was_said() -> None:
    talk = talk_of(9, seed=6)
    lost = slice(10, 13)
    told = gap(1, 10, 13)
    items = (*talk.items[: lost.start], told, *talk.items[lost.stop :])
    stage = Stage()
    job = Job(stage)
    perform(stage, job, Talk(items, (), {}))
    entries = stage.entries()
    left = talk.samples[1] - sum(samples_of(item) for item in talk.items[lost])
    assert_every_sample_once(entries, {1: left})
    gaps = [entry for entry in entries if entry.kind is EntryKind.GAP]
    assert [(each.gap_from_sequence, each.gap_until_sequence) for each in gaps] == [(10, 13)]
    assert gaps[0].first_sample == gaps[0].end_sample == 10 * 4096
    assert len(said(entries)) == len(set(said(entries))) >= len(talk.words) - 5
    assert job.is_done()


def test_a_session_that_begins_in_the_middle_counts_from_its_first_chunk() -> None:
    talk = talk_of(6, seed=6)
    stage = Stage()
    job = Job(stage)
    perform(stage, job, Talk(talk.items[5:], (), {}))
    assert_every_sample_once(stage.entries(), {1: talk.samples[1] - 5 * 4096})
    assert all(entry.kind is not EntryKind.GAP for entry in stage.entries())


def test_what_comes_twice_is_said_once() -> None:
    talk = talk_of(12, seed=8)
    stage = Stage()
    job = Job(stage)
    chance = random.Random(1)
    items = [again for item in talk.items for again in [item] * chance.randint(1, 2)]
    perform(stage, job, Talk(tuple(items), (), {}))
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words
