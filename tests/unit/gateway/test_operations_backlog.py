"""Which records wait: from stored to passed, or to an entry that needs no passing."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.operations.backlog import (
    ASK_AFTER_MS,
    KEPT_AFTER_END_MS,
    ROUTED_WITHIN_MS,
    RUNS_OF_A_LENGTH,
    Backlog,
    Waiting,
)
from ingest_gateway.operations.windows import PassedUtterance
from schemas.values import AudioChunk, EntryKind, LedgerEntry, Route

pytestmark = pytest.mark.unit

T0_MS = 1_790_000_000_000
CHUNK_MS = 100
SAMPLES = 1600


def chunk(sequence: int, epoch: int = 0) -> AudioChunk:
    at_ms = T0_MS + sequence * CHUNK_MS
    return AudioChunk("talk", epoch, sequence, at_ms, at_ms + CHUNK_MS, b"\0\0" * SAMPLES)


def received_ms(sequence: int) -> int:
    return chunk(sequence).received_at_ms


def passed(number: int, until_chunk: int | None, language: str = "es") -> PassedUtterance:
    """An utterance that ends where this chunk begins; None: it does not say where."""
    ended_at_ms = None if until_chunk is None else T0_MS + until_chunk * CHUNK_MS
    return PassedUtterance("talk", language, number, T0_MS + 60_000, ended_at_ms, {})


def entry(
    number: int,
    resume_sequence: int,
    kind: EntryKind = EntryKind.SILENCE,
    routes: tuple[str, ...] | None = None,
    epoch: int = 0,
) -> LedgerEntry:
    return LedgerEntry(
        session_id="talk",
        number=number,
        epoch=epoch,
        kind=kind,
        first_sample=0,
        end_sample=resume_sequence * SAMPLES,
        text="",
        language="en",
        captured_at_ms=T0_MS,
        committed_at_ms=T0_MS,
        writer="w",
        resume_sample=resume_sequence * SAMPLES,
        resume_sequence=resume_sequence,
        resume_sequence_sample=resume_sequence * SAMPLES,
        routes=None if routes is None else tuple(Route(one, None) for one in routes),
    )


def backlog_of(chunks: int) -> Backlog:
    backlog = Backlog()
    backlog.stored("talk", map(chunk, range(chunks)))
    return backlog


def committed(backlog: Backlog, *entries: LedgerEntry, heard: str = "es", after_ms: int = 0):
    backlog.committed("talk", entries, heard.split(), T0_MS + after_ms)
    return backlog.waiting("talk").records


def test_what_is_stored_waits_since_it_was_received() -> None:
    backlog = backlog_of(5)
    assert backlog.waiting("talk") == Waiting(5, received_ms(0))
    assert backlog.last_chunk_at_ms("talk") == received_ms(4)
    assert (backlog.waiting("other"), backlog.last_chunk_at_ms("other")) == (Waiting(), None)


def test_an_utterance_that_passed_settles_what_was_spoken_before_its_end() -> None:
    backlog = backlog_of(5)
    backlog.passed(passed(0, 3))
    assert backlog.waiting("talk") == Waiting(2, received_ms(3))
    backlog.passed(passed(0, 2, "ca"))  # a slower language
    assert backlog.waiting("talk") == Waiting(2, received_ms(3))
    backlog.passed(passed(1, 5))
    assert backlog.waiting("talk") == Waiting()


def test_half_a_chunk_still_waits() -> None:
    backlog = backlog_of(2)
    backlog.passed(PassedUtterance("talk", "es", 0, 0, T0_MS + 150, {}))
    assert backlog.waiting("talk").records == 1


def test_silence_is_settled_by_the_ledger_and_asked_for_only_when_old() -> None:
    backlog = backlog_of(5)
    assert backlog.to_ask(received_ms(0) + ASK_AFTER_MS, 9) == ()
    assert backlog.to_ask(received_ms(0) + ASK_AFTER_MS + 1, 9) == (("talk", -1),)
    assert committed(backlog, entry(0, 2), entry(1, 4)) == 1
    assert backlog.to_ask(received_ms(4) + ASK_AFTER_MS + 1, 9) == (("talk", 1),)
    assert committed(backlog, entry(2, 5)) == 0
    assert backlog.to_ask(received_ms(4) + ASK_AFTER_MS + 9, 9) == ()


def test_speech_waits_until_it_has_passed() -> None:
    backlog = backlog_of(9)
    entries = (
        entry(0, 2),
        entry(1, 4, EntryKind.SPEECH, ("es",)),
        entry(2, 6),
    )
    assert committed(backlog, *entries) == 7
    backlog.passed(passed(1, None))  # a notice without a time: its number counts
    assert backlog.to_ask(received_ms(9) + ASK_AFTER_MS, 9) == (("talk", 1),)
    assert committed(backlog, *entries[1:]) == 3


@pytest.mark.parametrize(
    ("kind", "routes", "heard", "after_ms", "waits"),
    [
        (EntryKind.SPEECH, ("es",), "es", 0, True),
        (EntryKind.SPEECH, ("es",), "ca", 0, False),  # its listeners are elsewhere, or gone
        (EntryKind.SPEECH, ("es", "ca"), "ca", 0, True),
        (EntryKind.SPEECH, (), "es", 0, False),
        (EntryKind.SPEECH, None, "es", ROUTED_WITHIN_MS - 1, True),  # not routed yet
        (EntryKind.SPEECH, None, "es", ROUTED_WITHIN_MS, False),  # nor will be
        (EntryKind.SPEECH, None, "", 0, False),  # nobody listens
        (EntryKind.FAILED, ("es",), "es", 0, True),
        (EntryKind.GAP, ("es",), "es", 0, True),
        (EntryKind.SILENCE, None, "es", 0, False),
    ],
)
def test_which_entries_are_waited_for(
    kind: EntryKind, routes: tuple[str, ...] | None, heard: str, after_ms: int, waits: bool
) -> None:
    left = committed(backlog_of(3), entry(0, 3, kind, routes), heard=heard, after_ms=after_ms)
    assert (left == 3) is waits


def test_a_new_stream_of_the_speakers_leaves_the_old_one_behind() -> None:
    backlog = backlog_of(3)
    backlog.stored("talk", [chunk(0, epoch=1), chunk(1, epoch=1)])
    assert committed(backlog, entry(0, 1, epoch=1)) == 1


def test_those_asked_least_recently_have_their_turn_first() -> None:
    backlog = Backlog()
    for name in ("a", "b", "c"):
        backlog.stored(name, [chunk(0)])
    now_ms = received_ms(0) + ASK_AFTER_MS + 1
    turns = [[name for name, _ in backlog.to_ask(now_ms + turn, 2)] for turn in range(3)]
    assert turns == [["a", "b"], ["c", "a"], ["b", "a"]]


def test_an_hour_that_nobody_hears_takes_little_memory() -> None:
    tracemalloc.start()
    try:
        backlog = Backlog()
        for sequence in range(36_000):
            backlog.stored("talk", [chunk(sequence)])
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert backlog.waiting("talk") == Waiting(36_000, received_ms(0))
    assert used_bytes < 20 * 1024


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1)), min_size=1, max_size=8))
def test_none_goes_too_early_and_the_later_ones_not_much_too_late(
    turns: list[tuple[int, float]],
) -> None:
    """Of each turn: how many chunks come, and which share of what waits then passes."""
    backlog = Backlog()
    stored = gone = 0
    for number, (more, share) in enumerate(turns):
        backlog.stored("talk", map(chunk, range(stored, stored + more)))
        stored += more
        gone += int((stored - gone) * share)
        backlog.passed(passed(number, gone))
        left, exact = backlog.waiting("talk"), stored - gone
        assert exact <= left.records <= exact * RUNS_OF_A_LENGTH / (RUNS_OF_A_LENGTH - 1)
        oldest_at_ms = received_ms(stored - left.records) if left.records else None
        assert left.oldest_at_ms == oldest_at_ms


def test_the_total_has_the_oldest_of_all() -> None:
    backlog = backlog_of(2)
    backlog.stored("later", [chunk(7)])
    assert backlog.total() == Waiting(3, received_ms(0))
    assert Backlog().total() == Waiting()


def test_a_session_that_has_gone_is_watched_while_records_of_it_wait() -> None:
    backlog = backlog_of(2)
    backlog.stored("done", [chunk(0)])
    backlog.passed(PassedUtterance("done", "es", 0, 0, T0_MS + 100, {}))
    backlog.forget({"talk"}, received_ms(1))
    assert backlog.last_chunk_at_ms("done") is None
    backlog.forget(set(), received_ms(1) + KEPT_AFTER_END_MS)
    assert backlog.total().records == 2
    backlog.forget({"talk"}, received_ms(1) + KEPT_AFTER_END_MS + 1)
    assert backlog.total().records == 2
    backlog.forget(set(), received_ms(1) + KEPT_AFTER_END_MS + 1)
    assert backlog.total() == Waiting()


def test_news_of_a_session_that_speaks_elsewhere_is_let_by() -> None:
    backlog = Backlog()
    backlog.passed(passed(0, 5))
    backlog.committed("talk", [entry(0, 5)], ["es"], T0_MS)
    assert backlog.total() == Waiting()
