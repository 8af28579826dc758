"""What stands still for good, or is refused for good, stops one talk at most, and not for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.interfaces.errors import PermanentError, UnreadableError
from connectors.interfaces.speech_to_text import Recognition, SpeechStream
from schemas.values import EntryKind, LedgerEntry
from tests.unit.pipelines.runtime.session_stage import (
    PANE_MS,
    SESSION,
    Job,
    Stage,
    assert_every_sample_once,
    flush,
    panes_of,
    pass_time,
    perform,
    said,
    talk_of,
)

pytestmark = pytest.mark.unit


async def never(*_: object, **__: object) -> Any:
    await asyncio.Event().wait()


def test_a_recogniser_that_never_opens_is_asked_again_and_its_audio_told_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    monkeypatch.setattr(stage.connectors.speech_to_text, "open", never)
    job = Job(stage)
    talk = talk_of(6, seed=4)
    perform(stage, job, talk, afterwards_ms=400_000)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert {entry.kind for entry in stage.entries()} == {EntryKind.FAILED}
    assert [letter.cause for letter in job.letters] == ["RetryableError"]
    assert job.is_done()


def test_a_stream_that_never_answers_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that all of the talk would be kept, and in the end take the room of others."""
    stage = Stage()
    opens, calls = stage.connectors.speech_to_text.open, []

    async def silent_once(language: str, *, sample_rate_hz: int) -> SpeechStream:
        calls.append(language)
        stream = await opens(language, sample_rate_hz=sample_rate_hz)
        if len(calls) == 1:
            return _Silent(stream)
        return stream

    monkeypatch.setattr(stage.connectors.speech_to_text, "open", silent_once)
    job = Job(stage)
    talk = talk_of(90, seed=4)
    perform(stage, job, talk)
    assert len(calls) > 1
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words


class _Silent:
    """Takes audio and reports nothing."""

    def __init__(self, stream: SpeechStream) -> None:
        self.send, self.finish, self.close = stream.send, stream.finish, stream.close

    def __aiter__(self) -> _Silent:
        return self

    async def __anext__(self) -> Recognition:
        return await never()


def test_what_the_ledger_refuses_for_good_is_told_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An entry that no ledger takes, say: one utterance, not the rest of the talk."""
    stage = Stage()
    stage.listen("es")
    commit, refused = stage.ledger.commit, []

    async def refuses_one(entry: LedgerEntry) -> LedgerEntry:
        if entry.text and (not refused or entry.text in refused):
            refused.append(entry.text)
            raise PermanentError("scripted: the row is refused")
        return await commit(entry)

    monkeypatch.setattr(stage.ledger, "commit", refuses_one)
    job = Job(stage)
    talk = talk_of(12, seed=4)
    perform(stage, job, talk, afterwards_ms=90_000)
    assert_every_sample_once(stage.entries(), talk.samples)
    (failed,) = [entry for entry in stage.entries() if entry.kind is EntryKind.FAILED]
    assert [route.language for route in failed.routes or ()] == ["es"]
    assert said(stage.entries()) == talk.words[len(refused[0].split()) :]
    assert [letter.cause for letter in job.letters] == ["PermanentError"]


def test_a_ledger_that_refuses_everything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rights were taken away for ten minutes: every word is there in the end but those that
    were refused for a minute."""
    stage = Stage()
    commit, is_refused = stage.ledger.commit, [True]

    async def refuses(entry: LedgerEntry) -> LedgerEntry:
        if is_refused[0] and not entry.takeover:
            raise PermanentError("scripted: no rights")
        return await commit(entry)

    monkeypatch.setattr(stage.ledger, "commit", refuses)
    job = Job(stage)
    talk = talk_of(12, seed=4)
    perform(stage, job, talk, afterwards_ms=600_000)
    assert stage.entries() == ()
    is_refused[0] = False
    pass_time(stage, [job], 60_000)
    assert_every_sample_once(stage.entries(), talk.samples)
    first, *rest = stage.entries()
    assert first.kind is EntryKind.FAILED
    assert said(rest) == talk.words[-len(said(rest)) :]
    assert len(said(rest)) > len(talk.words) // 2


@pytest.mark.parametrize("unreadable", [UnreadableError("scripted: of version 9"), KeyError("x")])
def test_a_session_whose_rows_cannot_be_read_takes_no_room_and_is_given_up(
    monkeypatch: pytest.MonkeyPatch, unreadable: Exception
) -> None:
    stage = Stage()

    async def is_unreadable(session_id: str) -> None:
        raise unreadable

    job = Job(stage)
    with monkeypatch.context() as broken:
        broken.setattr(stage.ledger, "head", is_unreadable)
        job.pane(talk_of(6, seed=4).items)
        pass_time(stage, [job], 3_000)
        for seed in range(50):
            job.pane(talk_of(60, seed=seed, epoch=seed + 2).items)
        pass_time(stage, [job], 60_000)
        assert not job.host.is_full
        assert not job.is_done(), "its place is kept"
        assert job.letters == []
        pass_time(stage, [job], 600_000)
        (letter,) = job.letters
        assert (letter.key, letter.cause) == (SESSION, type(unreadable).__name__)
        assert job.host.sessions == 0
    talk = talk_of(6, seed=4, epoch=99)
    perform(stage, job, talk)
    assert said(stage.entries()) == talk.words


def test_a_session_whose_rows_can_be_read_again_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()

    async def is_unreadable(session_id: str) -> None:
        raise UnreadableError("scripted: of version 9")

    job = Job(stage)
    talk = talk_of(12, seed=4)
    with monkeypatch.context() as broken:
        broken.setattr(stage.ledger, "head", is_unreadable)
        for pane in panes_of(talk.items):
            job.pane(pane)
            pass_time(stage, [job], PANE_MS)
    job.pane([flush()])
    pass_time(stage, [job], 60_000)
    assert_every_sample_once(stage.entries(), talk.samples)
    assert said(stage.entries()) == talk.words


def test_a_command_that_fails_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.listen("es")
    begin, calls = stage.speculation.begin, []

    def falls_once(entry: LedgerEntry) -> None:
        calls.append(entry)
        if len(calls) == 2:
            raise KeyError("scripted: a bug")
        begin(entry)

    monkeypatch.setattr(stage.speculation, "begin", falls_once)
    job = Job(stage)
    talk = talk_of(12, seed=4)
    perform(stage, job, talk)
    assert len(calls) > 2
    routed = [entry.number for entry in stage.entries() if entry.routes]
    assert [utterance.entry.number for utterance in job.sent] == routed
    assert said(stage.entries()) == talk.words
