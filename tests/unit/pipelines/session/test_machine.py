"""Decisions of the session's machine: events in, commands out, no loop and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from connectors.interfaces.speech_to_text import Recognition
from connectors.testing.words import WordReader, write_silence, write_word, write_words
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.session import commands as do
from pipelines.session.coverage import Coverage, EpochPosition, late_epoch
from pipelines.session.machine import (
    ABANDONED_S,
    ENDED_KEPT_S,
    IDLE_KEPT_S,
    RECONCILE_EVERY_S,
    SUMMARISE_EVERY_S,
    Session,
)
from pipelines.session.outbox import DELIVER_AGAIN_S
from pipelines.session.recogniser import (
    FINISH_WITHIN_S,
    PAUSE_AFTER_GIVING_UP_S,
    SETTLE_AFTER_S,
)
from pipelines.session.recognition import GIVE_UP_AFTER_S
from pipelines.session.records import Now, ReadRecord
from pipelines.session.takeover import SessionSettings, TakenOver, fence
from schemas.values import (
    SAMPLE_RATE_HZ,
    ControlKind,
    EntryKind,
    LedgerEntry,
    ListenerLanguages,
    Route,
)
from tests.unit.pipelines.session.records_of import SESSION, START_MS, LogOf

pytestmark = pytest.mark.unit

T = TypeVar("T")
NOBODY = ListenerLanguages((), 0)
SPANISH = ListenerLanguages(("es",), 1)
CELL_S = 3


class Driver:
    """A ledger that is a dict, and a recogniser that answers at once unless it ``is_deaf``.
    ``finishes``: its streams end when they are asked to."""

    def __init__(
        self,
        *,
        listeners: ListenerLanguages = NOBODY,
        base: Coverage | None = None,
        entries: Sequence[LedgerEntry] = (),
        language: str = "en",
    ) -> None:
        self.ledger = {entry.number: entry for entry in entries}
        self.is_ledger_up = True
        self.is_deaf = False
        self.finishes = True
        self.now_s = 100.0
        self.commands: list[do.Command] = []
        self.waiting: deque[LedgerEntry] = deque()
        self.log = LogOf()
        self._readers: dict[int, WordReader] = {}
        settings = SessionSettings(WindowSegmenter(), None, 0.25, "us", 3)
        known = TakenOver(base or Coverage(), tuple(entries), listeners, language)
        self.session = Session(SESSION, settings, known)
        self.event(self.session.begin)

    def now(self) -> Now:
        return Now(START_MS + int(self.now_s * 1000), self.now_s)

    def event(self, happened: Callable[[Now], list[do.Command]]) -> None:
        events = deque([happened])
        while events:
            for command in events.popleft()(self.now()):
                self.commands.append(command)
                answer = self._answer(command)
                if answer is not None:
                    events.append(answer)

    def _answer(self, command: do.Command) -> Callable[[Now], list[do.Command]] | None:
        session = self.session
        match command:
            case do.OpenStream(number) if not self.is_deaf:
                self._readers[number] = WordReader()
                return lambda now: session.stream_opened(number, now)
            case do.SendAudio(number, pieces):
                reader = self._readers[number]
                words = tuple(reader.read(b"".join(pieces)))
                result = Recognition(words, True, reader.through_s)
                return lambda now: session.recognised(number, result, now)
            case do.FinishStream(number) if self.finishes:
                return lambda now: session.stream_ended(number, now)
            case do.Commit(entry) if not self.is_ledger_up:
                self.waiting.append(entry)
            case do.Commit(entry):
                stands = self.ledger.setdefault(entry.number, entry)
                return lambda now: session.committed(stands, now)
            case _:
                pass
        return None

    def ledger_is_back(self) -> None:
        self.is_ledger_up = True
        while self.waiting:
            stands = self.ledger.setdefault(self.waiting[0].number, self.waiting.popleft())
            self.event(lambda now, s=stands: self.session.committed(s, now))

    def read(self, *records: ReadRecord) -> None:
        self.event(lambda now: self.session.read(records, now))

    def speak(self, pcm: bytes, *, epoch: int = 1, first: int = 0, samples: int = 4_000) -> int:
        """Chunks of a quarter of a second; returns the next sequence."""
        step = 2 * samples
        pieces = [pcm[at : at + step] for at in range(0, len(pcm), step)]
        self.read(
            *(self.log.chunk(epoch, first + number, each) for number, each in enumerate(pieces))
        )
        return first + len(pieces)

    def control(self, kind: ControlKind, epoch: int = 1, after: int = -1) -> None:
        self.read(self.log.control(kind, epoch, after))

    def pass_s(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / 0.5))):
            self.now_s += seconds / max(1, round(seconds / 0.5))
            self.event(self.session.time_passed)

    def entries(self) -> list[LedgerEntry]:
        return [self.ledger[number] for number in sorted(self.ledger)]

    def said(self) -> list[str]:
        return [word for entry in self.entries() for word in entry.text.split()]

    def of(self, kind: type[T]) -> list[T]:
        return [command for command in self.commands if isinstance(command, kind)]


def words(first: int, count: int) -> tuple[bytes, list[str]]:
    """0.3 s each."""
    pcm, written = write_words(first, count)
    return pcm, [word.text for word in written]


def entry_of(number: int, **changes: object) -> LedgerEntry:
    plain = LedgerEntry(
        session_id=SESSION,
        number=number,
        epoch=1,
        kind=EntryKind.SPEECH,
        first_sample=number * 100,
        end_sample=number * 100 + 100,
        text=f"text {number}",
        language="en",
        captured_at_ms=START_MS + number,
        committed_at_ms=START_MS + number,
        writer="before",
        resume_sample=number * 100 + 100,
        resume_sequence=number + 1,
        resume_sequence_sample=number * 100 + 100,
        routes=(Route("es", number - 1 if number else None),),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


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
    driver.event(lambda now: driver.session.not_delivered(0, now))
    driver.pass_s(DELIVER_AGAIN_S - 1)
    assert len(driver.of(do.Deliver)) == 1
    driver.pass_s(2)
    assert [each.utterance.entry.number for each in driver.of(do.Deliver)] == [0, 0]
    driver.event(lambda _now: driver.session.delivered(0, "es"))
    driver.event(lambda now: driver.session.not_delivered(0, now))
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
    driver.event(driver.session.accept)
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
