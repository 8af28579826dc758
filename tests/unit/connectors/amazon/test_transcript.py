"""Transcribe's results as recognitions: punctuation, silence, and silence that was only sent."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.amazon.transcript import (
    TranscriptItem,
    TranscriptReader,
    TranscriptResult,
    words_of,
)
from connectors.calls.audio_clock import AudioClock
from connectors.interfaces.speech_to_text import Recognition, Word

pytestmark = pytest.mark.unit

HELLO = TranscriptItem("hello", 0.1, 0.5, is_stable=True)
WORLD = TranscriptItem("world", 0.6, 0.9)


def mark(content: str, *, is_stable: bool = True) -> TranscriptItem:
    return TranscriptItem(content, 0.5, 0.5, is_punctuation=True, is_stable=is_stable)


def reader_after(audio_s: float, *, report_every_s: float = 0.5) -> TranscriptReader:
    reader = TranscriptReader(report_every_s, answer_within_s=2.0, answer_loud_within_s=8.0)
    reader.sent(audio_s, now_s=0.0, is_quiet=True)
    return reader


def test_a_word_is_as_stable_as_its_item() -> None:
    assert words_of((HELLO, WORLD)) == (
        Word("hello", 0.1, 0.5, is_stable=True),
        Word("world", 0.6, 0.9, is_stable=False),
    )


def test_a_word_has_the_confidence_of_its_item_and_punctuation_none_of_its_own() -> None:
    sure = replace(HELLO, confidence=0.93)
    assert [word.confidence for word in words_of((sure, mark(","), WORLD))] == [0.93, None]


def test_punctuation_belongs_to_the_word_before_it() -> None:
    assert words_of((HELLO, mark(","), WORLD)) == (
        Word("hello,", 0.1, 0.5, is_stable=True),
        Word("world", 0.6, 0.9),
    )
    assert words_of((HELLO, mark("."), mark('"')))[0].text == 'hello."'


def test_a_word_whose_punctuation_may_change_may_change() -> None:
    assert not words_of((HELLO, mark(",", is_stable=False)))[0].is_stable


def test_punctuation_before_any_word_is_dropped() -> None:
    assert [word.text for word in words_of((mark("¿"), HELLO))] == ["hello"]


def test_results_replace_each_other_until_one_is_final() -> None:
    reader = reader_after(3.0)
    first = reader.take(TranscriptResult((HELLO,), 0.5, is_partial=True))
    last = reader.take(TranscriptResult((HELLO, WORLD), 0.9, is_partial=False))
    assert first == [Recognition(words_of((HELLO,)), is_final=False, through_s=0.5)]
    assert last == [Recognition(words_of((HELLO, WORLD)), is_final=True, through_s=0.9)]


def test_a_long_step_is_taken_in_several_without_words_from_ahead() -> None:
    reports = reader_after(3.0).take(TranscriptResult((HELLO, WORLD), 1.2, is_partial=False))
    assert [report.through_s for report in reports] == [0.5, 1.0, 1.2]
    assert [len(report.words) for report in reports] == [1, 2, 2]
    assert [report.is_final for report in reports] == [False, False, True]


def test_silence_is_considered_once_an_answer_would_have_come() -> None:
    reader = reader_after(0.4)
    reader.sent(0.4, now_s=1.0, is_quiet=True)
    assert reader.quiet(now_s=1.9) == []
    assert reader.quiet(now_s=2.0) == [Recognition((), is_final=False, through_s=0.4)]
    assert reader.quiet(now_s=2.1) == []
    assert [report.through_s for report in reader.quiet(now_s=3.0)] == [0.8]


def test_loud_audio_may_be_speech_that_the_service_is_late_with() -> None:
    reader = reader_after(0.4)
    reader.sent(0.4, now_s=0.1, is_quiet=False)
    reader.sent(0.4, now_s=0.2, is_quiet=True)
    assert [report.through_s for report in reader.quiet(now_s=8.0)] == [0.4]
    assert [report.through_s for report in reader.quiet(now_s=8.1)][-1] == pytest.approx(1.2)


def test_quiet_keeps_the_words_that_are_not_final() -> None:
    reader = reader_after(1.0)
    reader.take(TranscriptResult((HELLO,), 0.6, is_partial=True))
    quiet = reader.quiet(now_s=2.0)
    assert quiet[-1] == Recognition(words_of((HELLO,)), is_final=False, through_s=1.0)


def test_a_result_behind_what_was_taken_for_silence_does_not_go_back() -> None:
    reader = reader_after(0.45)
    reader.quiet(now_s=5.0)
    late = reader.take(TranscriptResult((TranscriptItem("oh", 0.1, 0.3),), 0.3, is_partial=True))
    assert late == [Recognition((Word("oh", 0.1, 0.3),), is_final=False, through_s=0.45)]


def test_the_end_makes_final_what_was_believed() -> None:
    reader = reader_after(0.8)
    reader.take(TranscriptResult((HELLO,), 0.5, is_partial=True))
    assert reader.end() == [Recognition(words_of((HELLO,)), is_final=True, through_s=0.8)]


def test_the_end_says_nothing_twice() -> None:
    reader = reader_after(0.5)
    reader.take(TranscriptResult((HELLO,), 0.5, is_partial=False))
    assert reader.end() == []
    assert TranscriptReader(0.5, 2.0, 8.0).end() == [Recognition((), is_final=True, through_s=0.0)]


def test_words_behind_silence_that_was_sent_stand_where_they_were_spoken() -> None:
    reader = reader_after(1.0)
    reader.clock.insert_silence(0.1)
    reader.clock.insert_silence(0.1)
    reader.sent(1.0, now_s=20.0, is_quiet=True)
    said = TranscriptItem("again", 1.4, 1.7)
    last = reader.take(TranscriptResult((said,), 1.8, is_partial=False))[-1]
    assert last.words[0].start_s == pytest.approx(1.2)
    assert last.words[0].end_s == pytest.approx(1.5)
    assert last.through_s == pytest.approx(1.6)


@given(st.lists(st.tuples(st.floats(0.05, 2.0), st.floats(0.0, 0.5)), min_size=1, max_size=8))
def test_the_two_clocks_agree(spoken_and_silent: list[tuple[float, float]]) -> None:
    clock = AudioClock()
    service_s = 0.0
    same_moment: list[tuple[float, float]] = []
    for spoken_s, silent_s in spoken_and_silent:
        same_moment.append((service_s + spoken_s / 2, clock.audio_s + spoken_s / 2))
        clock.audio_s += spoken_s
        service_s += spoken_s + silent_s
        clock.insert_silence(silent_s)
    for in_service_s, in_audio_s in same_moment:
        assert clock.to_audio_s(in_service_s) == pytest.approx(in_audio_s)
    ahead = [clock.to_audio_s(at * service_s / 50) for at in range(52)]
    assert all(one <= two + 1e-9 for one, two in pairwise(ahead))
    assert ahead[-1] == pytest.approx(clock.audio_s)


def pause_every_five_seconds(reader: TranscriptReader, hours: float) -> list[tuple[int, float]]:
    """Twenty words in 4 s of audio, then 1 s of silence that is only sent, over and over; each
    final. (Silences kept, by how much a word stands beside where it was spoken) after each."""
    found: list[tuple[int, float]] = []
    service_s = 0.0
    for number in range(int(hours * 720)):
        now_s, spoken_s = 5.0 * number, 4.0 * number
        reader.sent(4.0, now_s, is_quiet=False)
        items = tuple(
            TranscriptItem(f"w{at}", service_s + at * 0.2, service_s + at * 0.2 + 0.1)
            for at in range(20)
        )
        end_s = service_s + 4.0
        reader.take(TranscriptResult(items, end_s, is_partial=True))
        words = reader.take(TranscriptResult(items, end_s, is_partial=False))[-1].words
        off_s = max(abs(word.start_s - spoken_s - at * 0.2) for at, word in enumerate(words))
        for _ in range(10):
            reader.clock.insert_silence(0.1)
        reader.quiet(now_s + 4.9)
        found.append((reader.clock.kept_silences, off_s))
        service_s += 5.0
    return found


def test_a_pause_every_five_seconds_for_four_hours_costs_what_one_costs() -> None:
    reader = TranscriptReader(0.25, answer_within_s=2.0, answer_loud_within_s=8.0)
    kept, off_s = zip(*pause_every_five_seconds(reader, 4.0), strict=True)
    assert max(kept) <= 77, "those of the last 300 s of audio"
    assert max(kept[-720:]) == max(kept[:720])
    assert max(off_s) < 1e-6, "a word of the last hour stands as exactly as one of the first"


def test_pauses_in_a_long_segment_are_kept_until_it_is_final() -> None:
    reader = TranscriptReader(0.25, answer_within_s=2.0, answer_loud_within_s=8.0)
    first = TranscriptItem("so", 0.5, 0.9)
    for number in range(200):
        reader.sent(4.0, now_s=5.0 * number, is_quiet=False)
        reader.take(TranscriptResult((first,), 5.0 * number + 4.0, is_partial=True))
        reader.clock.insert_silence(1.0)
    assert reader.clock.kept_silences == 200
    last = TranscriptItem("far", 5.0 * 199 + 2.0, 5.0 * 199 + 2.5)
    final = reader.take(TranscriptResult((first, last), 999.0, is_partial=False))[-1]
    assert [word.start_s for word in final.words] == pytest.approx([0.5, 4.0 * 199 + 2.0])
    assert reader.clock.kept_silences <= 77


def test_a_word_about_audio_that_was_forgotten_stands_at_the_beginning_of_what_is_kept() -> None:
    clock = AudioClock()
    for _ in range(3):
        clock.audio_s += 4.0
        clock.insert_silence(1.0)
    clock.forget_before(8.5)
    assert clock.kept_silences == 1
    assert clock.to_audio_s(1.0) == 8.5
    assert clock.to_audio_s(11.0) == pytest.approx(9.0)
    clock.forget_before(3.0)
    assert clock.to_audio_s(1.0) == 8.5, "what is forgotten stays forgotten"
