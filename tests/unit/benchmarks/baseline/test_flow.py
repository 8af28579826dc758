"""The flow being replaced, in virtual time: what it gathers, what runs at once, what waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.baseline.delivery import FlowConnectors
from benchmarks.baseline.flow import FlowReport, WindowFlow
from connectors.interfaces.notifier import Delivery
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.session_tables import MemorySessionTables
from connectors.testing.faults import Delay, Fault, FaultKind
from connectors.testing.shard_source import ScriptedShardSource
from connectors.testing.speech_synthesis import ScriptedSynthesizer, ScriptedSynthesizerSettings
from connectors.testing.speech_to_text import ScriptedSpeechToText, ScriptedSpeechToTextSettings
from connectors.testing.translation import ScriptedTranslator, ScriptedTranslatorSettings
from connectors.testing.words import write_words
from schemas.avro_codec import encode
from schemas.values import AudioChunk, ControlKind, SessionControl

pytestmark = pytest.mark.unit

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]
CHUNK_BYTES = 8_192
CHUNK_S = 0.256


class Listeners:
    """Notes what each was told and when, in the loop's time."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str, str, dict[str, Any]]] = []

    async def notify(self, session_id: str, language: str, message: dict[str, object]) -> Delivery:
        at_s = round(asyncio.get_running_loop().time(), 3)
        self.told.append((at_s, session_id, language, message))
        return Delivery(1, 1)

    async def close(self) -> None: ...

    def texts(self, session_id: str, language: str) -> list[str]:
        return [
            message["sourceTranscript"]
            for _, session, heard, message in self.told
            if (session, heard) == (session_id, language)
        ]

    def times_s(self, session_id: str) -> list[float]:
        return [at_s for at_s, session, _, _ in self.told if session == session_id]


def now_ms() -> int:
    try:
        return round(1000 * asyncio.get_running_loop().time())
    except RuntimeError:
        return 0


@dataclass
class World:
    """Say first what will be put and when; ``run`` lets that time come."""

    shards: int = 1
    stt_s: float = 0.5
    translation: ScriptedTranslatorSettings = field(
        default_factory=lambda: ScriptedTranslatorSettings(delay=Delay(0.5))
    )
    speech_s: float = 1.3

    def __post_init__(self) -> None:
        self.source = ScriptedShardSource(self.shards, now_ms=now_ms)
        self.records: list[tuple[int, AudioChunk | SessionControl]] = []
        self.listeners = Listeners()
        self.clips = MemoryClipStore()
        self.flow = WindowFlow(
            FlowConnectors(
                self.source,
                MemorySessionTables(now_ms),
                ScriptedSpeechToText(
                    ScriptedSpeechToTextSettings(delay_s=self.stt_s, results_ahead=10_000)
                ),
                ScriptedTranslator(self.translation),
                ScriptedSynthesizer(ScriptedSynthesizerSettings(delay=Delay(self.speech_s))),
                self.clips,
                self.listeners,
            ),
            now_ms=now_ms,
        )

    def speak(
        self, session: str, pcm: bytes, *, from_s: float = 0.0, languages: tuple[str, ...] = ("es",)
    ) -> None:
        """A chunk is put when its last sample has been spoken; listeners are there before."""
        control = SessionControl(session, 0, -1, 0, ControlKind.LISTENERS, 0, languages)
        self.records.append((round(1000 * from_s) + 1, control))
        for sequence, start in enumerate(range(0, len(pcm), CHUNK_BYTES)):
            captured_ms = round(1000 * (from_s + sequence * CHUNK_S))
            piece = pcm[start : start + CHUNK_BYTES]
            chunk = AudioChunk(session, 0, sequence, captured_ms, captured_ms, piece)
            self.records.append((captured_ms + 256, chunk))

    async def run(self, for_s: float) -> FlowReport:
        for at_ms, record in sorted(self.records, key=lambda one: one[0]):
            self.source.put(record.session_id, encode(record), at_ms=at_ms)
        running = asyncio.create_task(self.flow.run())
        await asyncio.sleep(for_s)
        self.flow.stop()
        await running
        return self.flow.report()


def words(first: int, count: int) -> str:
    return " ".join(f"w{number}" for number in range(first, first + count))


def test_a_window_then_the_services_one_after_the_other(run_virtual: RunVirtual) -> None:
    """Read at once at 0.2 s (the poll after the listeners' record), handed on 3 s later, told
    0.5 + 0.5 + 1.3 s after that."""
    world = World()
    pcm, _ = write_words(0, 8, word_s=0.25, gap_s=0.05)
    world.speak("talk", pcm)
    report = run_virtual(world.run(10.0))
    assert [at_s for at_s, *_ in world.listeners.told] == [5.5]
    message = world.listeners.told[0][3]
    assert message["sourceTranscript"] == words(0, 8)
    assert message["transcript"] == f"es:{words(0, 8)}"
    assert (message["timestamp"], message["sequenceNumber"]) == (0, 0)
    assert message["stages"] == {
        "window": 3_200,
        "recognise": 500,
        "translate": 500,
        "synthesize": 1_300,
        "publish": 0,
    }
    assert report.batches == 1
    assert report.gathered_mean_s == pytest.approx(3.0)
    assert report.worked_mean_s == pytest.approx(2.3)
    assert run_virtual(world.clips.get("sessions/talk/translated/es/0.mp3")) is not None


def test_a_word_across_two_batches_is_lost(run_virtual: RunVirtual) -> None:
    """Each batch has a recognition of its own: that is what the original does."""
    world = World()
    pcm, _ = write_words(0, 30, word_s=0.3, gap_s=0.0)
    world.speak("talk", pcm)
    run_virtual(world.run(20.0))
    heard = [word for text in world.listeners.texts("talk", "es") for word in text.split()]
    missing = {f"w{number}" for number in range(30)} - set(heard)
    assert len(heard) == len(set(heard)) == 30 - len(missing)
    assert 1 <= len(missing) <= 3


def test_a_hundred_records_do_not_wait_for_the_window(run_virtual: RunVirtual) -> None:
    world = World()
    for number in range(16):
        pcm, _ = write_words(100 * number, 10)
        world.speak(f"talk-{number}", pcm)
    report = run_virtual(world.run(12.0))
    assert report.talks_a_shard == 16
    assert report.records_mean <= 100
    assert min(at_s for at_s, *_ in world.listeners.told) < 3.2 + 2.3


def test_languages_are_side_by_side(run_virtual: RunVirtual) -> None:
    world = World()
    pcm, _ = write_words(0, 4)
    world.speak("talk", pcm, languages=("ca", "es", "fr"))
    run_virtual(world.run(10.0))
    assert {(at_s, language) for at_s, _, language, _ in world.listeners.told} == {
        (5.5, "ca"),
        (5.5, "es"),
        (5.5, "fr"),
    }


def test_nobody_listens_and_nothing_is_translated(run_virtual: RunVirtual) -> None:
    world = World()
    world.speak("talk", write_words(0, 4)[0], languages=())
    report = run_virtual(world.run(10.0))
    assert (world.listeners.told, report.batches, report.failed) == ([], 1, 0)


def test_silence_makes_no_calls_behind_the_recogniser(run_virtual: RunVirtual) -> None:
    world = World()
    world.speak("talk", bytes(3 * 32_000))
    report = run_virtual(world.run(10.0))
    assert (world.listeners.told, report.failed) == ([], 0)


def test_a_session_waits_for_its_own_last_part_and_for_no_other(run_virtual: RunVirtual) -> None:
    """Speech takes 5 s: the slow talk's second batch waits, the first of the other does not."""
    world = World(speech_s=5.0)
    world.speak("slow", write_words(0, 20)[0])
    world.speak("late", write_words(100, 4)[0], from_s=4.0)
    run_virtual(world.run(30.0))
    first, second = world.listeners.times_s("slow")
    assert first == pytest.approx(3.2 + 6.0)
    assert second == pytest.approx(first + 6.0)
    assert world.listeners.times_s("late") < [second]
    assert world.listeners.texts("slow", "es")[0].startswith("w0 w1")


def test_ten_batches_of_a_shard_at_once_and_no_more(run_virtual: RunVirtual) -> None:
    """Every 0.3 s a full batch of a talk of its own; the eleventh waits for the first."""
    world = World(speech_s=5.0)
    for number in range(12):
        pcm, _ = write_words(9 * number, 1, gap_s=0.0)
        world.speak(f"talk-{number}", pcm, from_s=0.3 * number)
        world.records += [
            (300 * number + 256, AudioChunk(f"talk-{number}", 0, sequence, 0, 0, bytes(2)))
            for sequence in range(1, 99)
        ]
    report = run_virtual(world.run(30.0))
    assert (report.batches, report.records_mean) == (12, 100)
    told = [world.listeners.times_s(f"talk-{number}")[0] for number in range(12)]
    assert told[9] == pytest.approx(told[0] + 9 * 0.3, abs=0.21)
    assert told[10] == pytest.approx(told[0] + 6.0, abs=0.21)
    assert told[11] == pytest.approx(told[1] + 6.0, abs=0.21)


def test_what_is_put_before_latest_is_not_read(run_virtual: RunVirtual) -> None:
    world = World()
    world.source.put("early", b"no record of ours", at_ms=0)
    world.speak("talk", write_words(0, 4)[0], from_s=1.0)
    report = run_virtual(world.run(10.0))
    assert world.listeners.texts("talk", "es") == [words(0, 4)]
    assert report.failed == 0


def test_a_repeated_chunk_is_recognised_once(run_virtual: RunVirtual) -> None:
    world = World()
    pcm, _ = write_words(0, 4)
    world.speak("talk", pcm)
    again = AudioChunk("talk", 0, 0, 0, 0, pcm[:CHUNK_BYTES])
    world.records.append((2_000, again))
    run_virtual(world.run(10.0))
    assert world.listeners.texts("talk", "es") == [words(0, 4)]


def test_one_language_that_fails_is_counted_and_keeps_nobody(run_virtual: RunVirtual) -> None:
    faults = (Fault(FaultKind.PERMANENT, calls=(1,)),)
    world = World(translation=ScriptedTranslatorSettings(faults=faults))
    world.speak("talk", write_words(0, 4)[0], languages=("ca", "es"))
    report = run_virtual(world.run(10.0))
    assert report.failed == 1
    assert world.listeners.texts("talk", "ca") == []
    assert world.listeners.texts("talk", "es") == [words(0, 4)]


def test_shards_do_not_wait_for_each_other(run_virtual: RunVirtual) -> None:
    world = World(shards=2)
    world.speak("a", write_words(0, 4)[0])
    world.speak("d", write_words(10, 4)[0], from_s=0.5)
    report = run_virtual(world.run(10.0))
    assert report.batches == 2
    assert world.listeners.texts("a", "es") == [words(0, 4)]
    assert world.listeners.texts("d", "es") == [words(10, 4)]


def test_every_language_that_fails_is_counted(run_virtual: RunVirtual) -> None:
    faults = (Fault(FaultKind.PERMANENT),)
    world = World(translation=ScriptedTranslatorSettings(faults=faults))
    world.speak("talk", write_words(0, 4)[0], languages=("ca", "es"))
    assert run_virtual(world.run(10.0)).failed == 2
