"""What the session's machine commits of audio: holes, silence, late chunks, streams that fail."""

from __future__ import annotations

import pytest

from connectors.interfaces.speech_to_text import Recognition
from connectors.testing.words import write_silence, write_word, write_words
from pipelines.session import commands as do
from pipelines.session.coverage import late_epoch
from pipelines.session.machine import (
    ABANDONED_S,
)
from pipelines.session.recogniser import (
    FINISH_WITHIN_S,
    PAUSE_AFTER_GIVING_UP_S,
    SETTLE_AFTER_S,
)
from pipelines.session.recognition import GIVE_UP_AFTER_S
from schemas.values import (
    SAMPLE_RATE_HZ,
    ControlKind,
    EntryKind,
    Route,
)
from tests.unit.pipelines.session.machine_driver import SPANISH, Driver, words

pytestmark = pytest.mark.unit


# Audio and entries ------------------------------------------------------------------------------


def test_a_hole_is_told_after_what_came_before_it() -> None:
    driver = Driver(listeners=SPANISH)
    pcm, said = words(1, 4)
    after = driver.speak(pcm)
    driver.read(driver.log.control(ControlKind.GAP, 1, after - 1, until=after + 3))
    more, more_said = words(10, 4)
    driver.speak(more, first=after + 3)
    driver.control(ControlKind.END, after=99)
    speech, gap, *_ = [each for each in driver.entries() if each.kind is not EntryKind.SILENCE]
    assert speech.text.split() == said
    assert (gap.kind, gap.gap_from_sequence, gap.gap_until_sequence) == (
        EntryKind.GAP,
        after,
        after + 3,
    )
    assert (gap.first_sample, gap.end_sample) == (speech.end_sample, speech.end_sample)
    assert gap.routes == (Route("es", 0),)
    assert driver.said() == [*said, *more_said]


def test_silence_goes_nowhere() -> None:
    driver = Driver(listeners=SPANISH)
    driver.speak(write_silence(4))
    assert [(each.kind, each.routes) for each in driver.entries()] == [(EntryKind.SILENCE, ())]
    assert driver.of(do.Deliver) == []


def test_late_chunks_are_committed_whole_and_name_themselves() -> None:
    driver = Driver(listeners=SPANISH)
    driver.read(driver.log.control(ControlKind.OPENED, 1, -1))
    driver.read(driver.log.control(ControlKind.GAP, 1, -1, until=6))
    pcm = [write_word(number, 0.25) for number in range(8)]
    driver.read(*(driver.log.chunk(1, number, pcm[number]) for number in (6, 7)))
    driver.control(ControlKind.PAUSE, after=7)
    driver.read(*(driver.log.chunk(1, number, pcm[number]) for number in (3, 4, 1)))
    assert driver.session.oldest_open() != {}
    driver.pass_s(SETTLE_AFTER_S + 1)
    late = [each for each in driver.entries() if each.epoch == late_epoch(1)]
    assert [(each.gap_from_sequence, each.gap_until_sequence) for each in late] == [(3, 5), (1, 2)]
    assert [each.text for each in late] == ["w3 w4", "w1"]
    assert [(each.first_sample, each.end_sample) for each in late] == [(0, 8_000), (8_000, 12_000)]
    assert driver.session.oldest_open() == {}
    again = Driver(entries=driver.entries())
    again.read(*(again.log.chunk(1, number, pcm[number]) for number in (4, 3, 2)))
    again.control(ControlKind.END, after=7)
    assert again.said() == ["w6", "w7", "w3", "w4", "w1", "w2"]


@pytest.mark.parametrize(("audio_every_s", "cuts"), [(3.0, [3.0, 6.0]), (0.0, [3.0, 3.4, 6.4])])
def test_between_two_panes_a_speaker_has_not_stopped(
    audio_every_s: float, cuts: list[float]
) -> None:
    driver = Driver(audio_every_s=audio_every_s)
    chunks = driver.speak(write_words(0, 8, 0.4, 0.1)[0])
    driver.pass_s(3.3)
    driver.speak(write_words(8, 8, 0.4, 0.1)[0], first=chunks)
    assert [entry.end_sample / 16_000 for entry in driver.entries()] == cuts
    driver.pass_s(audio_every_s + SETTLE_AFTER_S)
    assert driver.entries()[-1].end_sample / 16_000 == 7.4, "the last whole word"


def test_a_stream_that_begins_in_the_middle_says_from_where_and_tells_nobody() -> None:
    driver = Driver(listeners=SPANISH)
    pcm, said = words(1, 4)
    driver.speak(pcm, first=17)
    first = driver.entries()[0]
    assert (first.kind, first.gap_from_sequence, first.gap_until_sequence, first.routes) == (
        EntryKind.SILENCE,
        0,
        17,
        (),
    )
    again = Driver(entries=driver.entries())
    again.read(again.log.chunk(1, 16, write_word(99, 0.25)))
    again.speak(pcm, first=17)
    again.control(ControlKind.END, after=99)
    assert sorted(again.said()) == sorted([*said, "w99"]), "it was put before, and came after"


def test_an_opening_is_in_the_ledger_at_once() -> None:
    driver = Driver()
    driver.control(ControlKind.OPENED)
    (entry,) = driver.entries()
    assert (entry.epoch, entry.end_sample, entry.gap_from_sequence) == (1, 0, None)
    assert driver.session.oldest_open() == {}


def test_an_opening_that_comes_after_its_first_chunk_says_nothing_of_it() -> None:
    """A batch whose first record was put once more: nothing was missed."""
    driver = Driver()
    pcm, said = words(1, 4)
    driver.speak(pcm)
    driver.control(ControlKind.OPENED)
    driver.control(ControlKind.END, after=4)
    assert driver.said() == said
    assert driver.session.coverage.missed == {}
    assert driver.session.oldest_open() == {}


def test_the_marks_follow_the_ledger_not_the_reading() -> None:
    driver = Driver()
    driver.is_ledger_up = False
    pcm, _ = words(1, 12)
    driver.speak(pcm)
    (before,) = driver.session.oldest_open().values()
    driver.ledger_is_back()
    (after,) = driver.session.oldest_open().values()
    assert int(after.number) > int(before.number)
    driver.control(ControlKind.END, after=99)
    assert driver.session.oldest_open() == {}


def test_the_end_is_open_until_it_is_done() -> None:
    driver = Driver()
    driver.is_ledger_up = False
    driver.speak(words(1, 2)[0])
    driver.control(ControlKind.END, after=2)
    assert driver.session.oldest_open() != {}
    driver.ledger_is_back()
    assert driver.session.oldest_open() == {}
    assert driver.session.is_at_rest


# What breaks ------------------------------------------------------------------------------------


def test_a_stream_that_fails_is_opened_again_from_the_last_committed_word() -> None:
    driver = Driver()
    pcm, said = words(1, 12)
    after = driver.speak(pcm[: 2 * 4_000 * 13])
    number = driver.of(do.OpenStream)[-1].number
    driver.event(lambda now: driver.session.stream_failed(number, "scripted", now))
    driver.pass_s(1)
    assert driver.of(do.OpenStream)[-1].number == number + 1
    driver.speak(pcm[2 * 4_000 * 13 :], first=after)
    driver.control(ControlKind.END, after=99)
    assert driver.said() == said


def test_a_stream_may_take_as_long_to_its_end_as_its_results_keep_coming() -> None:
    """A recording's stream gets all of it at once, and works it off for hours."""
    driver = Driver()
    driver.finishes = False
    pcm, said = words(1, 4)
    driver.speak(pcm)
    driver.control(ControlKind.END, after=99)
    number = driver.of(do.OpenStream)[-1].number
    through_s = len(pcm) / 2 / SAMPLE_RATE_HZ
    for _ in range(5):
        driver.pass_s(FINISH_WITHIN_S - 5)
        result = Recognition((), False, through_s)
        driver.event(lambda now, r=result: driver.session.recognised(number, r, now))
    assert len(driver.of(do.OpenStream)) == 1
    driver.finishes = True
    driver.pass_s(FINISH_WITHIN_S + 5)
    assert len(driver.of(do.OpenStream)) == 2, "nothing came any more"
    assert driver.said() == said


def test_audio_that_no_stream_takes_is_failed_after_a_minute_and_the_talk_goes_on() -> None:
    driver = Driver(listeners=SPANISH)
    driver.is_deaf = True
    driver.speak(words(1, 4)[0])
    began_s = driver.now_s
    while driver.now_s - began_s < GIVE_UP_AFTER_S + 10 and not driver.ledger:
        number = driver.of(do.OpenStream)[-1].number
        driver.event(lambda now, n=number: driver.session.stream_failed(n, "scripted", now))
        driver.pass_s(0.5)
    assert driver.now_s - began_s > GIVE_UP_AFTER_S - 2
    (failed,) = driver.entries()
    assert (failed.kind, failed.text, failed.routes) == (
        EntryKind.FAILED,
        "",
        (Route("es", None),),
    )
    assert driver.of(do.RefuseAudio) == [do.RefuseAudio(0, "scripted")]
    driver.is_deaf = False
    driver.pass_s(PAUSE_AFTER_GIVING_UP_S)
    more, said = words(10, 4)
    driver.speak(more, first=5)
    driver.control(ControlKind.END, after=99)
    assert driver.said() == said


def test_what_is_refused_behind_a_committed_cell_is_given_up_once() -> None:
    """Its samples are in an entry; only the end of a word may be missing there."""
    driver = Driver()
    after = driver.speak(words(1, 10)[0])
    (entry,) = driver.entries()
    assert entry.resume_sample < entry.end_sample
    driver.is_deaf = True
    number = driver.of(do.OpenStream)[-1].number
    driver.event(
        lambda now: driver.session.stream_failed(number, "refused", now, is_permanent=True)
    )
    driver.control(ControlKind.END, after=after - 1)
    driver.pass_s(60)
    assert len(driver.of(do.RefuseAudio)) == 1
    assert driver.session.oldest_open() == {}
    assert [each.kind for each in driver.entries()][-1] is EntryKind.SILENCE


def test_a_session_may_refuse_its_audio_until_it_is_told_otherwise() -> None:
    driver = Driver()
    driver.event(lambda now: driver.session.refuse("BreakdownError", now))
    after = driver.speak(words(1, 12)[0])
    assert {each.kind for each in driver.entries()} == {EntryKind.FAILED}
    assert driver.of(do.OpenStream) == []
    driver.event(lambda now: driver.session.refuse("", now))
    more, said = words(20, 4)
    driver.pass_s(PAUSE_AFTER_GIVING_UP_S)
    driver.speak(more, first=after)
    driver.control(ControlKind.END, after=99)
    assert driver.said() == said


def test_a_pause_of_hours_is_as_a_short_one() -> None:
    driver = Driver()
    pcm, said = words(1, 4)
    after = driver.speak(pcm)
    driver.control(ControlKind.PAUSE, after=after - 1)
    for _ in range(3):
        driver.pass_s(3_600)
    more, more_said = words(10, 12)
    driver.speak(more, first=after)
    assert driver.said()[: len(said)] == said
    assert len(driver.said()) >= len(said) + 9, "its first cell is there at once"
    driver.control(ControlKind.END, after=99)
    assert driver.said() == [*said, *more_said]


def test_what_a_gateway_never_ended_is_committed_after_ten_minutes() -> None:
    driver = Driver()
    pcm, said = words(1, 4)
    driver.speak(pcm[:-2_000])
    driver.pass_s(ABANDONED_S - 10)
    assert driver.session.oldest_open() != {}
    driver.pass_s(20)
    assert driver.session.oldest_open() == {}
    assert driver.said() == said[:-1] or driver.said() == said
