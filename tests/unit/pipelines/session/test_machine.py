"""Decisions of the session's machine: events in, commands out, no loop and no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipelines.session import commands as do
from pipelines.session.coverage import Coverage, EpochPosition
from pipelines.session.deliveries import SUMMARISE_EVERY_S
from pipelines.session.machine import (
    ABANDONED_S,
    ENDED_KEPT_S,
    IDLE_KEPT_S,
    RECONCILE_EVERY_S,
)
from pipelines.session.outbox import DELIVER_AGAIN_S
from pipelines.session.takeover import fence
from schemas.values import (
    SAMPLE_RATE_HZ,
    ControlKind,
    EntryKind,
    LedgerEntry,
    ListenerLanguages,
    Route,
)
from tests.unit.pipelines.session.machine_driver import CELL_S, SPANISH, Driver, entry_of, words
from tests.unit.pipelines.session.records_of import SESSION, START_MS

pytestmark = pytest.mark.unit


# Taking over ------------------------------------------------------------------------------------


def test_what_lies_after_the_head_is_delivered_first_and_nothing_else_is() -> None:
    entries = [
        entry_of(1),
        entry_of(2, routes=(Route("es", 1), Route("fr", None))),
        entry_of(3, version=1),
        entry_of(4, routes=()),
    ]
    base = Coverage().with_entry(entry_of(0))
    driver = Driver(base=base, entries=entries, listeners=SPANISH)
    owed = [
        (each.utterance.entry.number, each.utterance.entry.routes) for each in driver.of(do.Deliver)
    ]
    assert owed == [(1, (Route("es", 0),)), (2, (Route("es", 1), Route("fr", None)))]
    assert driver.of(do.ExpectLanguages) == [do.ExpectLanguages(("es",))]


def test_an_outcome_that_could_not_be_told_is_tried_again_before_long() -> None:
    driver = Driver(entries=[entry_of(0)])
    driver.event(lambda now: driver.session.not_delivered(0, now, None))
    driver.pass_s(DELIVER_AGAIN_S - 1)
    assert len(driver.of(do.Deliver)) == 1
    driver.pass_s(2)
    assert [each.utterance.entry.number for each in driver.of(do.Deliver)] == [0, 0]
    driver.event(lambda _now: driver.session.delivered(0, "es"))
    driver.event(lambda now: driver.session.not_delivered(0, now, None))
    driver.pass_s(DELIVER_AGAIN_S + 1)
    assert len(driver.of(do.Deliver)) == 2, "delivered meanwhile"


def test_the_ledgers_head_moves_with_time_and_never_past_what_is_owed() -> None:
    driver = Driver(entries=[entry_of(number) for number in range(3)])
    for number in (1, 2):
        driver.event(lambda _now, n=number: driver.session.delivered(n, "es"))
    driver.pass_s(2 * SUMMARISE_EVERY_S)
    assert driver.of(do.SaveHead) == []
    driver.event(lambda _now: driver.session.delivered(0, "es"))
    assert driver.of(do.SaveHead) == []
    driver.pass_s(SUMMARISE_EVERY_S)
    (saved,) = driver.of(do.SaveHead)
    assert saved.head.number == 2
    again = Coverage.from_text(saved.head.coverage)
    assert again.of(1).resume_sequence == 3
    assert again.last_numbers == {"es": 2}
    driver.pass_s(3 * SUMMARISE_EVERY_S)
    assert len(driver.of(do.SaveHead)) == 1


def test_a_restart_goes_on_in_mid_word() -> None:
    """The stream begins at the end of the last committed word; what is in front was read again."""
    pcm, said = words(1, 14)
    first = Driver()
    first.speak(pcm[: 2 * 4_000 * 13])
    assert first.entries()[-1].end_sample == CELL_S * SAMPLE_RATE_HZ
    second = Driver(entries=first.entries())
    second.speak(pcm)
    second.control(ControlKind.END, after=16)
    assert second.said() == said
    assert [each.number for each in second.entries()] == list(range(len(second.entries())))
    assert second.session.oldest_open() == {}


def test_a_former_owner_commits_nothing_after_the_fence() -> None:
    driver = Driver()
    pcm, _ = words(1, 12)
    driver.speak(pcm[: 2 * 4_000 * 2])
    driver.ledger[0] = fence(SESSION, Coverage(), writer="them", generation=4, now_ms=START_MS)
    driver.speak(pcm[2 * 4_000 * 2 :], first=2)
    assert driver.of(do.Lost) == [do.Lost(4)]
    assert driver.session.is_lost
    commits = len(driver.of(do.Commit))
    driver.control(ControlKind.END, after=99)
    driver.pass_s(ABANDONED_S + 1)
    driver.event(lambda _now: driver.session.close())
    assert len(driver.of(do.Commit)) == commits
    assert driver.of(do.SaveHead) == []


def test_our_own_fence_is_no_loss() -> None:
    ours = fence(SESSION, Coverage(), writer="us", generation=3, now_ms=START_MS)
    driver = Driver(entries=[ours])
    pcm, said = words(1, 5)
    driver.speak(pcm)
    driver.control(ControlKind.END, after=5)
    assert driver.said() == said


# Beside a job of the first edition, which knows of no fences ------------------------------------


def speak_beside(theirs: Callable[[LedgerEntry], LedgerEntry]) -> tuple[Driver, int, list[str]]:
    """Three seconds and more, of which another writer commits something under our number; the next
    sequence, and what was said."""
    driver = Driver()
    pcm, said = words(1, 11)
    driver.is_ledger_up = False
    following = driver.speak(pcm)
    (ours,) = driver.waiting
    driver.ledger[0] = replace(theirs(ours), writer="them", version=1)
    driver.ledger_is_back()
    return driver, following, said


def test_an_entry_of_another_writer_that_ends_within_our_audio_is_followed() -> None:
    at = SAMPLE_RATE_HZ * 6 // 4
    driver, following, said = speak_beside(
        lambda ours: replace(
            ours,
            end_sample=at,
            text=" ".join(ours.text.split()[:5]),
            resume_sample=at,
            resume_sequence=6,
            resume_sequence_sample=at,
        )
    )
    driver.control(ControlKind.END, after=following - 1)
    assert driver.said() == said
    assert not driver.of(do.TakeOverAgain)


def test_a_gap_of_another_writer_that_is_the_one_we_meant_is_followed() -> None:
    driver = Driver()
    pcm, said = words(1, 10)
    driver.speak(pcm)
    driver.is_ledger_up = False
    driver.read(driver.log.control(ControlKind.GAP, 1, 11, until=14))
    driver.ledger_is_back()
    while (ours := driver.entries()[-1]).kind is not EntryKind.GAP:
        driver.pass_s(1)
    again = Driver(entries=driver.entries()[:-1])
    again.ledger[ours.number] = replace(ours, writer="them", version=1)
    again.read(again.log.control(ControlKind.GAP, 1, 11, until=14))
    following, more = words(20, 5)
    again.speak(following, first=14)
    again.control(ControlKind.END, after=19)
    assert again.said() == said + more
    assert not again.of(do.TakeOverAgain)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"end_sample": 10 * SAMPLE_RATE_HZ}, id="ahead of our audio"),
        pytest.param({"resume_sequence": 99}, id="at a chunk that is not here"),
        pytest.param({"resume_sequence_sample": 1}, id="on another axis"),
        pytest.param(
            {
                "kind": EntryKind.GAP,
                "end_sample": 0,
                "text": "",
                "resume_sample": 0,
                "resume_sequence": 9,
                "resume_sequence_sample": 0,
                "gap_from_sequence": 0,
                "gap_until_sequence": 9,
            },
            id="passes chunks that are here",
        ),
        pytest.param(
            {"epoch": 0, "gap_from_sequence": 3, "gap_until_sequence": 9}, id="of another stream"
        ),
    ],
)
def test_a_session_that_cannot_follow_another_writer_is_taken_over_again(
    changes: dict[str, object],
) -> None:
    driver, _, _ = speak_beside(lambda ours: replace(ours, **changes))  # type: ignore[arg-type]
    assert driver.of(do.TakeOverAgain) == [do.TakeOverAgain()]
    assert driver.commands[-1] == do.TakeOverAgain()
    assert driver.session.oldest_open(), "what is not covered is read again from its place"
    commits = len(driver.of(do.Commit))
    driver.pass_s(ABANDONED_S + 1)
    assert len(driver.of(do.Commit)) == commits


# Listeners --------------------------------------------------------------------------------------


def test_each_language_counts_what_it_was_sent() -> None:
    driver = Driver(listeners=SPANISH)
    after = driver.speak(words(1, 10)[0])
    driver.read(driver.log.control(ControlKind.LISTENERS, languages=("es", "fr"), revision=2))
    driver.speak(words(20, 14)[0], first=after)
    routes = [each.routes for each in driver.entries() if each.kind is EntryKind.SPEECH]
    assert routes[0] == (Route("es", None),)
    assert routes[1] == (Route("es", 0), Route("fr", None))
    assert driver.of(do.ExpectLanguages)[-1] == do.ExpectLanguages(("fr",))


def test_the_highest_revision_of_listeners_wins_and_somebody_beats_nobody() -> None:
    driver = Driver()
    for revision, languages in ((0, ("ca",)), (3, ("es",)), (2, ("fr",)), (3, ("de",))):
        driver.event(
            lambda now, r=revision, each=languages: driver.session.listeners_known(
                ListenerLanguages(each, r), now
            )
        )
        if revision == 0:
            assert driver.session.listeners.languages == ("ca",)
    assert driver.session.listeners == ListenerLanguages(("es",), 3)


def test_the_tables_are_asked_now_and_then() -> None:
    driver = Driver()
    after = driver.speak(words(1, 12)[0])
    assert driver.of(do.LookUpListeners) == []
    driver.now_s += RECONCILE_EVERY_S
    driver.speak(words(20, 14)[0], first=after)
    assert len(driver.of(do.LookUpListeners)) == 1


# Forgetting -------------------------------------------------------------------------------------


def test_a_session_that_ended_is_forgotten_after_a_minute_and_an_idle_one_later() -> None:
    ended, idle = Driver(), Driver()
    for driver in (ended, idle):
        driver.speak(words(1, 4)[0])
    ended.control(ControlKind.END, after=99)
    idle.control(ControlKind.PAUSE, after=4)
    for driver in (ended, idle):
        driver.pass_s(ENDED_KEPT_S + 1)
    assert ended.session.is_over(ended.now())
    assert not idle.session.is_over(idle.now())
    idle.pass_s(IDLE_KEPT_S)
    assert idle.session.is_over(idle.now())


def test_a_session_that_owes_something_is_not_forgotten() -> None:
    driver = Driver(entries=[entry_of(0)], base=Coverage(positions={1: EpochPosition(1)}))
    driver.pass_s(2 * IDLE_KEPT_S)
    assert not driver.session.is_over(driver.now())
    driver.event(lambda _now: driver.session.delivered(0, "es"))
    assert driver.session.is_over(driver.now())
    driver.event(lambda _now: driver.session.close())
    assert driver.of(do.SaveHead)[-1].head.number == 0
