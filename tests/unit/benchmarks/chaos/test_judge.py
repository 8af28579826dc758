"""The verdict of ``make chaos``: which promise a fault breaks, and whose a silence is."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.chaos.judge import (
    LOOK_AFTER_S,
    Faults,
    Found,
    PlayedAct,
    Silence,
    arrivals_ms,
    content_faults,
    faults_of,
    find,
    last_line,
    silences,
)
from benchmarks.crowd import Held, Talk
from ingest_gateway.client import ListenReport, ReceivedClip, ReceivedSkip, SpeakReport
from local_stack.audience import Content
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, Release, Route

pytestmark = pytest.mark.unit

SECOND = 16_000
STARTED_AT_MS = 50_000


def entry(number: int, text: str, first_s: int, end_s: int) -> LedgerEntry:
    return LedgerEntry(
        session_id="s",
        number=number,
        epoch=0,
        kind=EntryKind.SPEECH,
        first_sample=first_s * SECOND,
        end_sample=end_s * SECOND,
        text=text,
        language="es",
        captured_at_ms=0,
        committed_at_ms=0,
        writer="w",
        resume_sample=end_s * SECOND,
        resume_sequence=0,
        resume_sequence_sample=0,
        routes=(Route("ca", None),),
        outcomes=(FixedOutcome("ca", f"ca:{text}", None, 0),),
    )


def clip(number: int, received_at_ms: int) -> ReceivedClip:
    return ReceivedClip(
        "s", "ca", number, None, 0, 1.0, "", "", "", received_at_ms, received_at_ms, None
    )


def held(*entries: LedgerEntry) -> Held:
    """A talk of four seconds, all of which has arrived as it is in the ledger."""
    told = {(one.number, "ca"): frozenset({_told(one)}) for one in entries}
    return Held(
        Talk("scripted 3", b"", ("w1", "w2", "w3"), "es", ("ca",)),
        SpeakReport("s", "stream", 0, 16, 4 * SECOND, 15, 4 * SECOND, STARTED_AT_MS, 0, 0),
        (ListenReport("s", "ca", (clip(1, 53_000), clip(0, 52_000)), (), 0, 0),),
        entries,
        frozenset(told),
        frozenset(),
        {},
        told,
    )


def _told(one: LedgerEntry) -> Content:
    return Content(None, f"ca:{one.text}", f"/{one.number}.mp3")


def whole() -> Held:
    return held(entry(0, "w1 w2", 0, 2), entry(1, "w3", 2, 4))


def test_a_session_that_is_whole_has_no_faults() -> None:
    assert faults_of(whole()) == Faults()


def test_audio_in_no_entry_and_words_that_are_nowhere_are_lost() -> None:
    faults = faults_of(held(entry(0, "w1 w2", 0, 2)))
    assert faults == Faults(
        lost=(
            "scripted 3: samples 32000-64000 of epoch 0 are in no entry",
            "scripted 3: 1 words missing, 0 unknown",
            "scripted 3: 1 words missing, 0 unknown in ca",
        )
    )


def test_audio_in_two_entries_is_repeated_and_so_are_its_words() -> None:
    faults = faults_of(held(entry(0, "w1 w2", 0, 2), entry(1, "w2 w3", 1, 4)))
    assert faults.lost == ()
    assert faults.repeated == (
        "scripted 3: samples 16000-32000 of epoch 0 are in 2 entries",
        "scripted 3: 1 words said twice",
        "scripted 3: 1 words said twice in ca",
    )


def test_what_was_never_acknowledged_is_lost() -> None:
    one = whole()
    spoken = replace(one.spoken, samples=6 * SECOND)
    assert faults_of(replace(one, spoken=spoken)).lost == (
        "scripted 3: 2.0 s were never acknowledged",
    )


def test_words_in_another_order_are_lost_too() -> None:
    faults = faults_of(held(entry(0, "w3", 0, 2), entry(1, "w1 w2", 2, 4)))
    assert faults == Faults(
        lost=("scripted 3: words out of order", "scripted 3: words out of order in ca")
    )


def test_an_outcome_that_is_not_fixed_once_breaks_its_own_bar() -> None:
    late = entry(1, "w3", 2, 4)
    twice = replace(late, outcomes=late.outcomes * 2)
    assert faults_of(held(entry(0, "w1 w2", 0, 2), twice)) == Faults(
        outcomes=("scripted 3: entry 1 has 2 outcomes in ca",)
    )


def test_what_was_told_must_be_what_was_fixed() -> None:
    one = whole()
    told = {**one.contents, (1, "ca"): frozenset({Content("late", "ca:w3")})}
    assert faults_of(replace(one, contents=told)).outcomes == (
        "scripted 3: utterance 1 in ca was told otherwise than it is fixed (clip, 1 words): "
        "late, 1 words",
    )


def released(text: str, phrase: str, skipped: str | None = None) -> tuple[FixedOutcome, ...]:
    release = Release(0, bool(phrase), phrase, 0, 0, None)
    return (FixedOutcome("ca", text, skipped, 0, release),)


def test_a_release_that_waits_for_its_phrase_reaches_nobody_by_itself() -> None:
    first = replace(entry(0, "w1 w2", 0, 2), outcomes=released("ca:w1", ""), sentence=0)
    last = replace(entry(1, "w3", 2, 4), outcomes=released(" w2 w3", "ca:w1 w2 w3"), sentence=0)
    one = held(first, last)
    told = {(1, "ca"): frozenset({Content(None, "ca:w1 w2 w3", "/1.mp3")})}
    one = replace(one, reached=frozenset(told), contents=told)
    assert faults_of(one) == Faults()

    without = {(1, "ca"): frozenset({Content(None, "ca:w2 w3", "/1.mp3")})}
    assert faults_of(replace(one, contents=without)) == Faults(
        lost=(
            "scripted 3: 1 words missing, 0 unknown in ca",
            "scripted 3: 1 utterances not told in ca, said at 0 s",
        ),
        outcomes=(
            "scripted 3: utterance 1 in ca was told otherwise than it is fixed (clip, 2 words): "
            "clip, 2 words",
        ),
    )


def test_what_is_released_must_be_voiced_once() -> None:
    last = replace(entry(0, "w1 w2 w3", 0, 4), outcomes=released("ca:w1 w2 w3", "w2 w3"))
    told = {(0, "ca"): frozenset({Content(None, "w2 w3", "/1.mp3")})}
    assert faults_of(replace(held(last), contents=told)) == Faults(
        lost=(
            "scripted 3: 1 words missing, 0 unknown in ca",
            "scripted 3: 1 utterances told without text in ca, said at 0 s",
        ),
        outcomes=("scripted 3: sentence 0 in ca is voiced otherwise than it was released",),
    )


def test_words_of_a_sentence_that_failed_are_not_lost() -> None:
    first = replace(entry(0, "w1 w2", 0, 2), outcomes=released("", ""), sentence=0)
    last = replace(entry(1, "w3", 2, 4), outcomes=released("", "", "failed"), sentence=0)
    told = {(1, "ca"): frozenset({Content("failed", None)})}
    one = replace(held(first, last), reached=frozenset(), skipped=frozenset(told), contents=told)
    assert faults_of(one) == Faults()


def test_a_repeat_is_none_when_it_says_the_same() -> None:
    same = {Content(None, "hola", "/1.mp3"), Content(None, "hola"), Content(None, None, "/1.mp3")}
    other = {Content(None, "hola", "/1.mp3"), Content("failed", None)}
    assert content_faults({(1, "ca"): same}) == []
    assert content_faults({(1, "ca"): other}) == [
        "utterance 1 in ca was told in 2 ways: clip, 1 words, failed, without text"
    ]


def test_who_hears_nothing_until_the_talks_end_has_waited_until_then() -> None:
    assert arrivals_ms(whole()) == [[52_000, 53_000, 54_000]]


def act(name: str, at_s: int, over_s: int, *beside: str) -> PlayedAct:
    return PlayedAct(name, float(at_s), 0.0, at_s * 1000, over_s * 1000, beside)


def test_a_silence_is_put_down_to_the_act_it_falls_into_or_follows() -> None:
    listeners = [[1_000, 3_000, 12_000, 14_000], [2_000, 11_000, 30_000, 35_000]]
    found, usual_s = silences([act("worker-killed", 10, 12)], listeners)
    assert found == (Silence("worker-killed", 1, 2.0, 14.0, 19.0),)
    assert usual_s == 5.0


def test_a_silence_long_after_an_act_is_not_its() -> None:
    later_ms = 12_000 + round(LOOK_AFTER_S * 1000)
    found, usual_s = silences([act("worker-killed", 10, 12)], [[9_000, later_ms, later_ms + 8_000]])
    assert found[0].max_s == 18.0
    assert usual_s == 8.0


def test_a_silence_that_a_later_act_began_in_is_the_later_ones() -> None:
    acts = [act("shard-split", 10, 11), act("ledger-away", 15, 30)]
    by_act, _ = silences(acts, [[9_000, 12_000, 13_000, 33_000]])
    assert [(one.act, one.max_s) for one in by_act] == [("ledger-away", 20.0), ("shard-split", 3.0)]


def test_an_act_that_fell_into_another_is_told_apart() -> None:
    acts = [act("ledger-away", 5, 60), act("worker-killed", 10, 12, "ledger-away")]
    found, _ = silences(acts, [[4_000, 62_000]])
    assert [(one.act, one.max_s) for one in found] == [
        ("ledger-away", 58.0),
        ("worker-killed (ledger-away)", 58.0),
    ]


def test_what_is_found_in_sessions_adds_up_and_can_be_saved() -> None:
    late = ReceivedSkip(3, 2, "late", 53_500)
    (report,) = whole().heard
    first = replace(whole(), heard=(replace(report, skips=(late,), repeats=2, reconnects=1),))
    fence = replace(entry(2, "", 4, 4), kind=EntryKind.SILENCE, takeover=4, routes=(), outcomes=())
    spoken = entry(0, "w1 w2 w3", 0, 4)
    second = replace(held(spoken), entries=(spoken, replace(fence, number=1)))
    acts = [act("worker-killed", 51, 52)]
    total = find([first, second], acts, ["second-job"], [], minutes=2.0, seed=7, form="cluster")

    saved = json.loads(json.dumps(asdict(total)))
    assert total.broken_bars == ()
    assert (total.sessions, total.entries, total.fences, total.outcomes) == (2, 4, 1, 3)
    assert (total.repeats_dropped, total.listener_reconnects) == (2, 1)
    assert saved["skipped"] == {"late": 1}
    assert saved["silences"][0]["act"] == "worker-killed"
    assert saved["not_played"] == ["second-job"]


def found(faults: Faults, *acts: PlayedAct) -> Found:
    return Found(
        sessions=20,
        minutes=15.5,
        seed=1,
        form="cluster",
        entries=10,
        fences=2,
        outcomes=18,
        clips=17,
        skipped={"late": 1},
        repeats_dropped=3,
        speaker_reconnects=1,
        chunks_resent=4,
        listener_reconnects=2,
        acts=acts,
        not_played=(),
        ended=(),
        silences=(Silence("second-job", 1, 30.0, 8.0, 12.5),),
        usual_max_s=3.0,
        faults=faults,
    )


def test_the_last_line_says_that_all_held_and_the_longest_silence() -> None:
    good = found(Faults(), act("second-job", 1, 2), act("second-job", 30, 31))
    assert good.broken_bars == ()
    assert last_line(good) == (
        "chaos: 20 sessions, 15.5 min, 2 acts of 1 kinds (seed 1, cluster), 18 outcomes; 0 lost, "
        "0 repeated, every outcome once; longest silence 12.5 s (second-job)"
    )


def test_the_last_line_says_which_bars_did_not_hold() -> None:
    failed = replace(act("second-job", 1, 2), failure="ProcessError: no second job")
    bad = found(Faults(("a", "b"), (), ("c",)), failed)
    assert last_line(bad).endswith("NOT HELD: 2 lost, 1 outcomes not once, 1 acts failed")


def test_a_process_that_ended_by_itself_is_told() -> None:
    dead = replace(found(Faults(), act("second-job", 1, 2)), ended=("the gateway ended with 1",))
    assert dead.broken_bars == ("1 processes ended",)


def test_a_run_that_showed_nothing_is_no_success() -> None:
    empty = replace(found(Faults()), outcomes=0)
    assert empty.broken_bars == ("no act was played", "nothing was heard")
