"""The log of a partition: what its pages say together, and that writing it anew says the same."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from pipelines.core.journal import Coverage, EpochPosition, JournalItem, JournalKind
from pipelines.core.session_log import (
    REWRITE_BYTES,
    LogPage,
    Remembered,
    SessionLog,
    SessionState,
)

pytestmark = pytest.mark.unit

CHUNK = bytes(8_192)


def audio(index: int, pcm: bytes = CHUNK) -> JournalItem:
    return JournalItem(index, JournalKind.AUDIO, 1, index, pcm=pcm)


def covered(through_sequence: int) -> Coverage:
    return Coverage(through_sequence, 0, (EpochPosition(1, resume_sequence=through_sequence + 1),))


def read(pages: Iterable[LogPage]) -> SessionLog:
    log = SessionLog()
    for page in pages:
        log.apply(page)
    return log


def said(log: SessionLog) -> dict[str, tuple[SessionState, tuple[JournalItem, ...]]]:
    return {name: (each.state, each.journal) for name, each in log.sessions.items()}


def test_audio_is_kept_until_it_is_covered() -> None:
    log = read([LogPage("a", SessionState(next_index=2), (audio(0), audio(1)))])
    log.apply(LogPage("b", SessionState(next_index=1), (audio(0),)))
    log.apply(LogPage("a", SessionState(coverage=covered(0), next_index=2)))
    assert [item.index for item in log.sessions["a"].journal] == [1]
    assert [item.index for item in log.sessions["b"].journal] == [0]


def test_a_session_that_is_over_leaves_nothing() -> None:
    log = read([LogPage("a", SessionState(), (audio(0),)), LogPage("a", None)])
    assert said(log) == {}
    log.apply(LogPage("a", None))
    assert said(log) == {}


def test_a_log_is_written_anew_when_most_of_it_is_over_and_not_before() -> None:
    log = SessionLog()
    state = SessionState()
    for index in range(REWRITE_BYTES // len(CHUNK) * 3):
        state = replace(state, next_index=index + 1)
        log.apply(LogPage("a", state, (audio(index),)))
    assert not log.is_mostly_over, "all of it is still wanted"
    state = replace(state, coverage=covered(state.next_index - 3))
    log.apply(LogPage("a", state))
    assert log.is_mostly_over
    anew = read(log.rewritten())
    assert said(anew) == said(log)
    assert len(anew.sessions["a"].journal) == 2
    assert not log.is_mostly_over


@pytest.mark.parametrize("seed", range(20))
def test_memory_says_what_the_pages_say(seed: int) -> None:
    """Pages that were written, and written anew at some moments, read again from the beginning."""
    chance = random.Random(seed)
    log, kept = SessionLog(), list[LogPage]()
    for _ in range(300):
        name = chance.choice("abcd")
        state = log.sessions.get(name, Remembered(SessionState())).state
        items = tuple(
            audio(state.next_index + number, bytes(2)) for number in range(chance.randint(0, 2))
        )
        state = replace(state, next_index=state.next_index + len(items))
        if chance.random() < 0.3 and state.next_index:
            state = replace(state, coverage=covered(chance.randrange(state.next_index)))
        page = LogPage(name, state if chance.random() < 0.97 else None, items)
        log.apply(page)
        kept.append(page)
        if chance.random() < 0.05:
            kept = list(log.rewritten())
        assert said(read(kept)) == said(log)
