"""A clip on its way to its listeners: who is told when, and what is left when something fails."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.notifier import INLINE_AUDIO, Audience, Delivery
from pipelines.session.messages import INLINE_AUDIO_BYTES, inline_audio
from schemas.values import Clip, DeadLetter, FixedOutcome, Outcome
from tests.unit.pipelines.runtime.publish_stage import (
    BIG,
    KEY,
    SMALL,
    UPLOAD_S,
    URL,
    Publishing,
)
from tests.unit.pipelines.session.records_of import SESSION

pytestmark = pytest.mark.unit


@pytest.fixture
def publishing() -> Publishing:
    return Publishing()


def test_who_takes_clips_inside_messages_does_not_wait_for_the_upload(
    publishing: Publishing,
) -> None:
    publishing.listen()
    (outcome,) = publishing.publish()
    assert publishing.notifier.calls == [(0.0, "inline"), (UPLOAD_S, "link")]
    (inline,) = publishing.got("inline")
    assert base64.b64decode(str(inline["audio"])) == SMALL.body
    assert (inline["url"], inline["stages"]) == (URL, {"synthesize": 200, "publish": 0})
    (link,) = publishing.got("link")
    assert link == {name: value for name, value in inline.items() if name != "audio"} | {
        "stages": {"synthesize": 200, "publish": 500}
    }
    assert asyncio.run(publishing.store.get(KEY)) == SMALL.body
    assert isinstance(outcome, Outcome)
    assert (outcome.clip_key, outcome.skipped) == (KEY, None)
    assert (outcome.notified, outcome.listeners) == (3, 3)
    assert outcome.timeline.as_dict()["publish"] == 500


def test_an_outcome_is_as_late_as_the_last_message_that_somebody_got(
    publishing: Publishing,
) -> None:
    publishing.notifier.connect(SESSION, "es", "inline", [INLINE_AUDIO])
    (outcome,) = publishing.publish()
    assert isinstance(outcome, Outcome)
    assert (outcome.notified, outcome.timeline.as_dict()["publish"]) == (1, 0)


def test_nobody_takes_clips_inside_messages(publishing: Publishing) -> None:
    publishing.notifier.connect(SESSION, "es", "link")
    (outcome,) = publishing.publish()
    assert publishing.notifier.calls == [(UPLOAD_S, "all")]
    assert "audio" not in publishing.got("link")[0]
    assert isinstance(outcome, Outcome)
    assert (outcome.notified, outcome.listeners) == (1, 1)


def test_a_clip_that_is_too_big_goes_by_its_link_only(publishing: Publishing) -> None:
    publishing.listen()
    (outcome,) = publishing.publish(BIG)
    assert publishing.notifier.calls == [(UPLOAD_S, "all")]
    assert ["audio" in message for message in publishing.got("inline")] == [False]
    assert isinstance(outcome, Outcome)
    assert (outcome.notified, outcome.listeners) == (3, 3)


def test_what_fits_into_a_message() -> None:
    fits = Clip(bytes(INLINE_AUDIO_BYTES // 4 * 3), 1.0)
    assert len(inline_audio(fits) or "") == INLINE_AUDIO_BYTES
    assert inline_audio(Clip(fits.body + b"\0", 1.0)) is None


def test_a_failed_upload_takes_back_nothing_and_the_others_are_told(
    publishing: Publishing,
) -> None:
    publishing.listen()
    publishing.store.error = PermanentError("no such bucket")
    letter, outcome = publishing.publish()
    assert [message["type"] for message in publishing.got("inline")] == ["translatedAudio"]
    (notice,) = publishing.got("link")
    assert (notice["type"], notice["reason"], notice["sequenceNumber"]) == ("skipped", "failed", 7)
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.cause, letter.key) == (
        "publish",
        "PermanentError",
        f"{SESSION}/7/es",
    )
    assert isinstance(outcome, Outcome)
    assert (outcome.clip_key, outcome.skipped) == (None, None)
    assert (outcome.notified, outcome.listeners) == (3, 3)


def test_a_failed_upload_that_nobody_had_inline_is_a_skipped_utterance(
    publishing: Publishing,
) -> None:
    publishing.notifier.connect(SESSION, "es", "link")
    publishing.store.error = PermanentError("no such bucket")
    letter, outcome = publishing.publish()
    assert isinstance(letter, DeadLetter)
    assert isinstance(outcome, Outcome)
    assert (outcome.clip_key, outcome.skipped) == (None, "failed")
    assert (outcome.notified, outcome.listeners) == (1, 1)


@pytest.mark.parametrize(
    ("failing", "reached"), [(Audience.INLINE, "link"), (Audience.LINK, "inline")]
)
def test_one_audience_out_of_reach_does_not_cost_the_other_its_clip_and_stays_owed(
    publishing: Publishing, failing: Audience, reached: str
) -> None:
    publishing.listen()
    publishing.notifier.errors[failing] = RetryableError("broken")
    letter, outcome = publishing.publish()
    assert publishing.notifier.calls == [(0.0 if reached == "inline" else UPLOAD_S, reached)]
    assert isinstance(letter, DeadLetter)
    assert letter.cause == "RetryableError"
    assert isinstance(outcome, Outcome)
    there = 1 if reached == "inline" else 2
    assert (outcome.clip_key, outcome.notified, outcome.listeners) == (KEY, there, there)
    assert publishing.stage.settled == [(SESSION, 7, "es", False)]

    publishing.notifier.errors.clear()
    publishing.publish()
    assert publishing.stage.settled[-1] == (SESSION, 7, "es", True)
    numbers = {
        receiver: [message["sequenceNumber"] for message in publishing.got(receiver)]
        for receiver in ("inline", "link")
    }
    assert numbers == {failing.value: [7], reached: [7, 7]}, "a repeat is dropped by its number"


def test_a_gateway_out_of_reach_is_a_dead_letter(publishing: Publishing) -> None:
    publishing.listen()
    for audience in Audience:
        publishing.notifier.errors[audience] = RetryableError("broken")
    (letter,) = publishing.publish()
    assert isinstance(letter, DeadLetter)
    assert letter.cause == "RetryableError"


def test_a_skipped_utterance_is_told_to_all(publishing: Publishing) -> None:
    publishing.listen()
    (outcome,) = publishing.publish(None, skipped="late")
    assert publishing.notifier.calls == [(0.0, "all")]
    assert publishing.got("inline") == publishing.got("link")
    assert isinstance(outcome, Outcome)
    assert (outcome.clip_key, outcome.skipped, outcome.notified) == (None, "late", 3)


def test_a_repeat_has_the_same_key_and_link(publishing: Publishing) -> None:
    publishing.listen()
    first, second = publishing.publish(), publishing.publish()
    assert len(first) == len(second) == 1
    told = [publishing.got("inline")[0]["audio"], publishing.got("inline")[1]["audio"]]
    assert told[0] == told[1]
    assert [message["url"] for message in publishing.got("link")] == [URL, URL]


def test_what_listeners_were_told_is_traced(publishing: Publishing) -> None:
    publishing.listen()
    late = Publishing(traces=publishing.traces)
    answers = publishing.publish() + late.publish(None, skipped="late")
    assert publishing.traces.told == answers
    assert [outcome.skipped for outcome in publishing.traces.told] == [None, "late"]


def test_an_outcome_is_fixed_before_it_is_told(publishing: Publishing) -> None:
    publishing.listen()
    seen: list[FixedOutcome | None] = []
    notify = publishing.notifier.notify

    async def noted(*arguments: Any, **more: Any) -> Delivery:
        (entry,) = await publishing.stage.ledger.after(SESSION, -1)
        seen.append(entry.outcome("es"))
        return await notify(*arguments, **more)

    publishing.notifier.notify = noted  # type: ignore[method-assign]
    publishing.publish()
    assert [each and each.text for each in seen] == ["así", "así"]
    assert publishing.stage.settled == [(SESSION, 7, "es", True)]


def test_what_another_engine_has_fixed_is_told_to_the_letter(publishing: Publishing) -> None:
    publishing.listen()
    publishing.fixed = (FixedOutcome("es", "de este modo", None, 0),)
    publishing.publish()
    (link,) = publishing.got("link")
    assert link["transcript"] == "de este modo"
    assert asyncio.run(publishing.store.get(KEY)) != SMALL.body, "the clip says the same words"
    assert publishing.outcome == publishing.fixed[0]


def test_what_another_engine_has_skipped_is_skipped(publishing: Publishing) -> None:
    publishing.listen()
    publishing.fixed = (FixedOutcome("es", "de este modo", "late", 0),)
    (outcome,) = publishing.publish()
    assert [message["type"] for message in publishing.got("link")] == ["skipped"]
    assert [message["reason"] for message in publishing.got("inline")] == ["late"]
    assert isinstance(outcome, Outcome)
    assert (outcome.clip_key, outcome.skipped) == (None, "late")


def test_nobody_is_told_while_the_ledger_is_away(publishing: Publishing) -> None:
    publishing.listen()
    ledger, loop = publishing.stage.ledger, publishing.stage.loop
    fix, tries = ledger.fix, list[float]()

    async def away(*arguments: Any) -> FixedOutcome:
        tries.append(loop.now_s())
        if loop.now_s() < 20.0:
            raise RetryableError("scripted: ledger unreachable")
        return await fix(*arguments)

    ledger.fix = away  # type: ignore[method-assign]
    publishing.publish()
    assert len(tries) > 5
    assert min(at_s for at_s, _ in publishing.notifier.calls) >= 19.0
    assert publishing.stage.settled == [(SESSION, 7, "es", True)]


def test_an_entry_that_is_gone_owes_nothing(publishing: Publishing) -> None:
    """Its session was deleted while it was on its way: no listener is told, no clip is kept, and
    nobody begins anew every half minute."""
    publishing.listen()
    for clip, skipped in ((SMALL, None), (None, "late")):
        answers = publishing.publish(clip, skipped, is_erased=True)
        assert answers == []
        assert publishing.stage.settled == [(SESSION, 7, "es", True)]
        assert publishing.stage.unannounced == [(SESSION, 7, "es")]
        publishing.stage.settled.clear()
        publishing.stage.unannounced.clear()
    assert publishing.notifier.calls == []
    assert publishing.store.clips == {}


def test_what_reached_nobody_stays_owed(publishing: Publishing) -> None:
    publishing.listen()
    for audience in Audience:
        publishing.notifier.errors[audience] = RetryableError("broken")
    publishing.publish()
    assert publishing.outcome is not None
    assert publishing.stage.settled == [(SESSION, 7, "es", False)]


def test_what_could_not_be_stored_yet_stays_owed_and_is_not_told_otherwise(
    publishing: Publishing,
) -> None:
    publishing.listen()
    publishing.store.error = RetryableError("scripted: the store is away")
    letter, _ = publishing.publish()
    assert isinstance(letter, DeadLetter)
    assert [message["type"] for message in publishing.got("inline")] == ["translatedAudio"]
    assert publishing.got("link") == []
    assert publishing.stage.settled == [(SESSION, 7, "es", False)]
    assert publishing.outcome is not None
    assert publishing.outcome.skipped is None

    publishing.store.error = None
    publishing.publish()
    assert [message["type"] for message in publishing.got("link")] == ["translatedAudio"]
    assert publishing.stage.settled[-1] == (SESSION, 7, "es", True)


def test_what_another_engine_has_fixed_and_no_voice_says_yet_stays_owed(
    publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.listen()
    publishing.fixed = (FixedOutcome("es", "de este modo", None, 0),)

    async def away(*_: object, **_more: object) -> Clip:
        raise RetryableError("scripted: no voice")

    monkeypatch.setattr(publishing.stage.speculation, "clip", away)
    (letter,) = publishing.publish()
    assert isinstance(letter, DeadLetter)
    assert publishing.notifier.calls == []
    assert publishing.stage.settled == [(SESSION, 7, "es", False)]
