"""The live graph from records on the stream to messages for listeners, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from connectors.interfaces.session_tables import CountChange
from connectors.interfaces.shard_source import StartAt, StartKind
from connectors.interfaces.speech_to_text import Word
from connectors.testing.faults import Fault, FaultKind
from connectors.testing.speech_to_text import ScriptedSpeechToTextSettings, StreamBreak
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from connectors.testing.words import write_silence, write_words
from pipelines.session.coverage import Coverage
from pipelines.session.takeover import fence
from schemas.values import ControlKind, EntryKind, LedgerEntry
from tests.pipeline.world import START_MS, World, ms

pytestmark = pytest.mark.pipeline


def talk(first_word: int, count: int) -> tuple[bytes, tuple[Word, ...]]:
    """Two words a second, and a breath behind them, by which the last one is surely over."""
    pcm, words = write_words(first_word, count, 0.4, 0.1)
    return pcm + write_silence(0.5), words


def spoken(words: Sequence[Word]) -> list[str]:
    return [word.text for word in words]


def translated(world: World, session_id: str, language: str) -> list[str]:
    """Every word that listeners of a language were told, in the order of the numbers."""
    messages = [each for each in world.messages(session_id, language) if "transcript" in each]
    by_number = {int(str(each["sequenceNumber"])): str(each["transcript"]) for each in messages}
    texts = [by_number[number].removeprefix(f"{language}:") for number in sorted(by_number)]
    return [word for text in texts for word in text.split()]


def assert_seamless(entries: Sequence[LedgerEntry], samples: int) -> None:
    """The entries of one epoch cover its samples once, in the order of their numbers."""
    assert all(before.number < after.number for before, after in pairwise(entries))
    assert entries[0].first_sample == 0
    assert all(before.end_sample == after.first_sample for before, after in pairwise(entries))
    assert entries[-1].end_sample == samples


def test_windows_cut_every_three_seconds_and_end_with_the_session() -> None:
    world = World()
    pcm, words = talk(0, 20)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 0.5) - 1
    world.control("talk", ControlKind.END, 11.5, after=last)
    world.run(18.0)
    entries = world.entries("talk")
    assert spoken(words) == world.words("talk") == translated(world, "talk", "es")
    assert_seamless(entries, len(pcm) // 2)
    assert [entry.end_sample for entry in entries[:-1]] == [48_000, 96_000, 144_000]
    assert entries[1].captured_at_ms == ms(3.5)


def test_session_windows_in_front_of_the_transcription_change_nothing_that_is_said() -> None:
    """The ``window`` segmentation: panes, lost with the job, come again from the log."""
    world = World()
    pcm, words = talk(0, 30)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 0.5) - 1
    world.control("talk", ControlKind.END, 16.5, after=last)
    world.run(9.0, windows=True)
    world.run(40.0, from_s=12.0, resume=True, windows=True)
    assert world.words("talk") == spoken(words) == translated(world, "talk", "es")
    assert_seamless(world.entries("talk"), len(pcm) // 2)


def test_a_job_with_windows_that_was_superseded_says_so_once_and_says_nothing_else() -> None:
    world = World()
    known = Coverage(last_number=6, last_captured_at_ms=0)
    newer = fence("talk", known, writer="newer", generation=99, now_ms=START_MS)
    asyncio.run(world.ledger.commit(newer))
    pcm, _words = talk(0, 16)
    world.listen("talk", 0.1, "es", revision=1)
    world.speak("talk", pcm, 0.5)
    world.run(20.0, windows=True)
    assert world.entries("talk") == ()
    assert world.notifier.notices == []
    letters = [(each.stage, each.cause) for each in world.letters.letters]
    assert letters == [("transcribe", "SupersededError")]


def test_a_session_without_listeners_is_recognised_and_not_translated() -> None:
    world = World()
    pcm, words = talk(0, 8)
    world.speak("talk", pcm, 0.5)
    world.run(14.0)
    assert world.words("talk") == spoken(words)
    assert world.notifier.notices == []
    assert all(not entry.routes for entry in world.entries("talk"))


def test_disorder_repeats_and_lateness_change_nothing() -> None:
    """Chunks that a gateway put again, some 30 s late, and everything twice."""
    world = World()
    pcm, words = talk(0, 20)
    world.listen("talk", 0.1, "ca", revision=1)
    world.speak("talk", pcm, 0.5, late_by_s=lambda sequence: 30.0 if sequence in (7, 8) else 0.0)
    last = world.speak("talk", pcm, 0.9) - 1
    world.control("talk", ControlKind.END, 12.5, after=last)
    world.run(30.0)
    assert world.words("talk") == spoken(words)
    assert translated(world, "talk", "ca") == spoken(words)
    assert_seamless(world.entries("talk"), len(pcm) // 2)


def test_a_hole_waits_for_its_chunk_and_not_for_a_clock() -> None:
    """A chunk comes 30 s late, within the gateway's deadline: nothing is passed over."""
    world = World()
    pcm, words = talk(0, 16)
    world.listen("talk", 0.1, "es", revision=1)
    world.speak("talk", pcm, 0.5, late_by_s=lambda sequence: 30.0 if sequence == 12 else 0.0)
    world.run(45.0)
    assert world.words("talk") == spoken(words)
    assert all(entry.kind is not EntryKind.GAP for entry in world.entries("talk"))


def test_a_declared_gap_is_told_to_listeners_at_once() -> None:
    world = World()
    pcm, words = talk(0, 20)
    world.listen("talk", 0.1, "es", revision=1)
    world.speak("talk", pcm, 0.5, late_by_s=lambda sequence: None if 10 <= sequence < 14 else 0.0)
    world.control("talk", ControlKind.GAP, 4.5, after=9, next_sequence=14)
    world.run(18.0)
    gaps = [entry for entry in world.entries("talk") if entry.kind is EntryKind.GAP]
    assert [(gap.gap_from_sequence, gap.gap_until_sequence) for gap in gaps] == [(10, 14)]
    skipped = [each for each in world.messages("talk", "es") if each["type"] == "skipped"]
    assert [(each["sequenceNumber"], each["reason"]) for each in skipped] == [
        (gaps[0].number, "gap")
    ]
    lost = [word for word in words if word.start_s < 3.584 and word.end_s > 2.56]
    assert set(spoken(words)) - set(world.words("talk")) == set(spoken(lost))


def test_an_undeclared_hole_is_passed_at_the_end_and_by_no_clock() -> None:
    world = World()
    pcm, words = talk(0, 10)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 0.5, late_by_s=lambda at: None if at == 5 else 0.0) - 1
    world.control("talk", ControlKind.END, 300.0, after=last)
    world.run(299.0)
    assert world.words("talk") == [word.text for word in words if word.end_s <= 5 * 0.256]
    world.run(320.0, from_s=299.0, resume=True)
    gaps = [entry for entry in world.entries("talk") if entry.kind is EntryKind.GAP]
    assert [(gap.gap_from_sequence, gap.gap_until_sequence) for gap in gaps] == [(5, 6)]
    assert world.words("talk")[-1] == "w9"


def test_audio_read_after_a_stop_of_ten_minutes_is_processed_like_any_other() -> None:
    world = World()
    pcm, words = talk(0, 20)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 3.0) - 1
    world.control("talk", ControlKind.END, 14.5, after=last)
    world.run(622.0, stops=[(5.0, 605.0)])
    assert world.words("talk") == spoken(words) == translated(world, "talk", "es")
    assert_seamless(world.entries("talk"), len(pcm) // 2)


def test_languages_join_and_leave_in_mid_talk() -> None:
    world = World()
    pcm, _words = talk(0, 36)
    world.listen("talk", 0.1, "es", revision=1)
    world.speak("talk", pcm, 0.5)
    world.listen("talk", 7.0, "es", "fr", revision=2)
    world.listen("talk", 12.9, "fr", revision=3)
    world.listen("talk", 13.0, "es", revision=1)  # repeated by a gateway; too old to count
    world.run(26.0)
    es, fr = world.numbers("talk", "es"), world.numbers("talk", "fr")
    assert es[0] == world.entries("talk")[0].number
    assert sorted(map(str, {*es, *fr})) == [str(entry.number) for entry in world.entries("talk")]
    assert len(es) < len(world.entries("talk")) > len(fr)
    previous = [each["previousSequenceNumber"] for each in world.messages("talk", "fr")]
    assert previous == [None, *fr[:-1]]
    routes = {
        entry.number: [route.language for route in entry.routes or ()]
        for entry in world.entries("talk")
    }
    assert [number for number in routes if "fr" in routes[number]] == fr


@pytest.mark.parametrize("second_at_s", [5.2, 4.7], ids=["after", "overlapping"])
def test_a_new_speaker_stream_follows_the_old_one(second_at_s: float) -> None:
    """A page is loaded again: a new epoch, counted from 0 again. Where the two overlap, the older
    one's last chunk waits for a pause of the newer."""
    world = World()
    first, first_words = talk(0, 8)
    second, second_words = talk(100, 8)
    world.listen("talk", 0.1, "es", revision=1)
    world.speak("talk", first, 0.5)
    last = world.speak("talk", second, second_at_s, epoch=1) - 1
    world.control("talk", ControlKind.END, 10.5, epoch=1, after=last)
    world.run(18.0)
    assert world.words("talk") == [*spoken(first_words), *spoken(second_words)]
    for epoch, pcm in enumerate((first, second)):
        entries = [entry for entry in world.entries("talk") if entry.epoch == epoch]
        assert_seamless(entries, len(pcm) // 2)


def test_a_recognition_stream_that_breaks_says_every_word_once() -> None:
    breaks = tuple(StreamBreak(after_s=2.3, stream=number) for number in (1, 2))
    world = World(stt=ScriptedSpeechToTextSettings(breaks=breaks))
    pcm, words = talk(0, 20)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 0.5) - 1
    world.control("talk", ControlKind.END, 12.5, after=last)
    world.run(22.0)
    assert world.words("talk") == spoken(words)
    assert_seamless(world.entries("talk"), len(pcm) // 2)


def test_a_failing_language_is_skipped_and_harms_no_other() -> None:
    fault = Fault(FaultKind.PERMANENT, text="w6")
    world = World(translation=ScriptedTranslatorSettings(faults=(fault,)))
    pcm, words = talk(0, 18)
    world.listen("talk", 0.1, "es", revision=1)
    world.speak("talk", pcm, 0.5)
    world.run(18.0)
    failed = [entry.number for entry in world.entries("talk") if "w6" in entry.text.split()]
    skipped = [each for each in world.messages("talk", "es") if each["type"] == "skipped"]
    assert [(each["sequenceNumber"], each["reason"]) for each in skipped] == [(failed[0], "failed")]
    assert world.numbers("talk", "es") == [entry.number for entry in world.entries("talk")]
    assert [letter.key for letter in world.letters.letters] == [f"talk/{failed[0]}/es"]
    assert not any(word.text in repr(world.letters.letters) for word in words)


@pytest.mark.parametrize("hangs", [False, True], ids=["a fault", "no answer"])
def test_a_step_with_a_bug_in_one_element_skips_it_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    """A bug, no error of the service; the retry policy ends what never answers."""
    translate = ScriptedTranslator.translate

    async def broken(self: ScriptedTranslator, text: str, source: str, target: str) -> str:
        if "w6" in text.split():
            if hangs:
                await asyncio.sleep(10_000)
            raise ValueError("a bug")
        return await translate(self, text, source, target)

    monkeypatch.setattr(ScriptedTranslator, "translate", broken)
    world = World()
    pcm, _words = talk(0, 18)
    world.listen("talk", 0.1, "es", revision=1)
    world.speak("talk", pcm, 0.5)
    world.run(150.0, stops=[(20.0, 148.0)])
    failed = [entry.number for entry in world.entries("talk") if "w6" in entry.text.split()]
    skipped = [each for each in world.messages("talk", "es") if each["type"] == "skipped"]
    assert [(each["sequenceNumber"], each["reason"]) for each in skipped] == [(failed[0], "failed")]
    told = sorted(int(str(number)) for number in world.numbers("talk", "es"))
    assert told == [entry.number for entry in world.entries("talk")]
    (letter,) = world.letters.letters
    assert letter.cause == ("RetryableError" if hangs else "ValueError")


def test_records_that_cannot_be_decoded_are_dead_letters_and_harm_nobody() -> None:
    world = World()
    pcm, words = talk(0, 8)
    world.listen("talk", 0.1, "es", revision=1)
    for data in (b"", b"\xc3\x01 not a fingerprint", b"plain text", bytes(2_000_000)):
        world.put_data(1.0, "talk", data)
    world.speak("talk", pcm, 0.5)
    world.run(14.0)
    assert world.words("talk") == spoken(words) == translated(world, "talk", "es")
    assert [letter.stage for letter in world.letters.letters] == ["read"] * 4
    assert {letter.record_bytes for letter in world.letters.letters} == {0, 20, 10, 2_000_000}


def test_silence_is_recorded_and_not_translated() -> None:
    world = World()
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", bytes(2 * 16_000 * 8), 0.5) - 1
    world.control("talk", ControlKind.END, 9.5, after=last)
    world.run(16.0)
    entries = world.entries("talk")
    assert {entry.kind for entry in entries} == {EntryKind.SILENCE}
    assert_seamless(entries, 16_000 * 8)
    assert world.notifier.notices == []


def test_sessions_do_not_disturb_one_another() -> None:
    world = World(shards=2)
    talks = {f"talk-{number}": talk(number * 100, 12) for number in range(4)}
    for number, (session_id, (pcm, _words)) in enumerate(talks.items()):
        world.listen(session_id, 0.1, "es", revision=1)
        world.speak(session_id, pcm, 0.5 + number * 0.7)
    world.run(18.0)
    for session_id, (_pcm, words) in talks.items():
        assert translated(world, session_id, "es") == spoken(words)


def test_a_split_and_a_merge_lose_and_repeat_nothing() -> None:
    world = World(shards=1)
    talks = {f"talk-{number}": talk(number * 100, 12) for number in range(3)}
    half = {session_id: len(pcm) // 2 // 8192 * 8192 for session_id, (pcm, _w) in talks.items()}
    following: dict[str, int] = {}
    for session_id, (pcm, _words) in talks.items():
        world.listen(session_id, 0.1, "es", revision=1)
        following[session_id] = world.speak(session_id, pcm[: half[session_id]], 0.5)

    def reshard() -> None:
        left, right = world.source.split("shardId-000000000000")
        world.source.merge(left.shard_id, right.shard_id)

    world.at(0.5 + min(half.values()) / 32_000, reshard)
    for session_id, (pcm, _words) in talks.items():
        world.speak(
            session_id,
            pcm[half[session_id] :],
            0.5 + half[session_id] / 32_000,
            first_sequence=following[session_id],
        )
    world.source.throttle(3)
    world.run(24.0)
    for session_id, (_pcm, words) in talks.items():
        assert world.words(session_id) == spoken(words)


def test_raw_pcm_of_the_old_flow_is_read_in_the_order_of_the_log() -> None:
    world = World()
    pcm, words = talk(0, 12)
    for number, start in enumerate(range(0, len(pcm), 8192)):
        world.put_data(0.5 + number * 0.256, "old", pcm[start : start + 8192])
    world.run(16.0, record_format="pcm")
    assert world.words("old") == spoken(words)


def test_listeners_before_any_record_are_looked_up_once() -> None:
    world = World()
    pcm, words = talk(0, 8)
    world.notifier.connect("talk", "es", "one")
    asyncio.run(world.tables.count_listeners("talk", CountChange({"es": 1}), START_MS))
    world.speak("talk", pcm, 0.5)
    world.run(16.0)
    assert translated(world, "talk", "es") == spoken(words)


def test_a_job_without_state_goes_on_where_the_ledger_ends() -> None:
    """The first run ends in mid-talk; the second begins with nothing but tables and stream."""
    world = World()
    pcm, words = talk(0, 30)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 0.5) - 1
    world.control("talk", ControlKind.END, 17.5, after=last)
    world.run(9.0)
    before = world.entries("talk")
    assert 0 < len(before) < 5
    world.run(40.0, from_s=12.0, start=StartAt(StartKind.TRIM_HORIZON))
    assert world.entries("talk")[: len(before)] == before
    assert world.words("talk") == spoken(words) == translated(world, "talk", "es")
    assert_seamless(world.entries("talk"), len(pcm) // 2)


def test_a_job_that_lost_its_state_resumes_at_its_saved_positions() -> None:
    """What was said while no job ran, and before the first minute's positions, is not lost."""
    world = World()
    pcm, words = talk(0, 30)
    world.listen("talk", 0.1, "es", revision=1)
    last = world.speak("talk", pcm, 0.5) - 1
    world.control("talk", ControlKind.END, 17.5, after=last)
    world.run(8.0)
    assert 0 < len(world.entries("talk")) < 5
    world.run(30.0, from_s=14.0, resume=True)
    assert world.words("talk") == spoken(words) == translated(world, "talk", "es")
    assert_seamless(world.entries("talk"), len(pcm) // 2)


def test_audio_that_nobody_ended_is_committed_when_the_session_is_abandoned() -> None:
    world = World()
    pcm, _words = talk(0, 5)
    world.speak("talk", pcm, 0.5)
    world.run(640.0, stops=[(20.0, 615.0)])
    assert_seamless(world.entries("talk"), len(pcm) // 2)
