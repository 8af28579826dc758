"""Phonemes, loudness, and which voice speaks when Kokoro is late; no model is loaded."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.audio.mp3 import RATE_HZ, decode_clip
from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.local.loudness import PEAK, TARGET_LUFS, level, loudness_lufs
from connectors.local.model_store import Machine, Manifest, Model, ModelStore
from connectors.local.phonemes import VOCABULARY, Phonemizer, batches, tokens
from connectors.local.speech_synthesis import LocalSynthesizer, LocalSynthesizerSettings
from connectors.local.voice_choice import HOLD
from connectors.local.voice_process import KokoroVoices, read_answer
from schemas.values import Clip

pytestmark = pytest.mark.unit

ECHO = (
    "import sys\n"
    "for line in sys.stdin.buffer.read().decode().split('\\n'):\n"
    "    print(line.replace('ch', 't^ʃ').replace(' ', '\\n') if line else '')\n"
)
"""Plays espeak-ng: a line for each word, an empty line for an empty one."""
PHONEMIZER = Phonemizer((sys.executable, "-c", ECHO))


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("hola, amiɡo mio! bien?", "hola, amiɡo mio! bien?"),
        ("¿chiko... no?", "ʧiko. no?"),
        ("uno\0dos", "uno dos"),
        ("- a 3.5 b", "a . b"),
        ("«uno» [[dos]]", "uno dos"),
        ("!!! uno", "uno"),
    ],
)
def test_punctuation_stands_between_phonemes(text: str, phonemes: str) -> None:
    assert PHONEMIZER.phonemes(text, "es") == phonemes


@pytest.mark.parametrize("text", ["...", "?!", "日本"])
def test_text_without_a_known_sound_is_refused(text: str) -> None:
    with pytest.raises(PermanentError, match="voiced"):
        PHONEMIZER.phonemes(text, "es")


def test_a_machine_without_espeak_is_told_what_to_install() -> None:
    with pytest.raises(PermanentError, match="Debian: espeak-ng"):
        Phonemizer(("/nowhere/espeak-ng",)).phonemes("uno", "es")


def test_an_espeak_that_fails_is_retryable() -> None:
    with pytest.raises(RetryableError):
        Phonemizer((sys.executable, "-c", "raise SystemExit(1)")).phonemes("uno", "es")


def test_the_models_tokens() -> None:
    assert len(VOCABULARY) == 114
    assert tokens("aˈʧ. ᵻX") == [43, 156, 133, 4, 16, 177]


def test_long_phonemes_are_cut_after_punctuation_then_at_spaces() -> None:
    text = "uno dos, tres cuatro. cinco seis siete ocho nueve"
    assert batches(text, 24) == ["uno dos, tres cuatro.", "cinco seis siete ocho", "nueve"]
    assert batches("x" * 50, 24) == ["x" * 24, "x" * 24, "xx"]


def tone(level_db: float, hz: float = 997.0, seconds: float = 2.0) -> NDArray[np.float32]:
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (10 ** (level_db / 20) * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def test_loudness_is_the_standards() -> None:
    """EBU Tech 3341 says -23 LUFS of a stereo tone of -23 dBFS; one channel has 3 dB less."""
    assert loudness_lufs(tone(-20.0), RATE_HZ) == pytest.approx(-23.0, abs=0.1)
    with_pauses = np.concatenate([tone(-20.0), np.zeros(4 * RATE_HZ, np.float32), tone(-20.0)])
    assert loudness_lufs(with_pauses, RATE_HZ) == pytest.approx(-23.0, abs=0.4)
    assert loudness_lufs(tone(-20.0, hz=60.0), RATE_HZ) < -23.0
    assert loudness_lufs(np.zeros(RATE_HZ, np.float32), RATE_HZ) == float("-inf")


@pytest.mark.parametrize("level_db", [-40.0, -20.0, -3.0])
def test_clips_are_levelled(level_db: float) -> None:
    speech = tone(level_db, seconds=1.0) * np.hanning(RATE_HZ).astype(np.float32)
    assert loudness_lufs(level(speech, RATE_HZ), RATE_HZ) == pytest.approx(TARGET_LUFS, abs=0.3)


def test_peaks_are_turned_down_smoothly_and_the_rest_stays_loud() -> None:
    speech = tone(-30.0)
    speech[RATE_HZ // 2 : RATE_HZ // 2 + 24] *= 40.0
    levelled = level(speech, RATE_HZ)
    assert np.max(np.abs(levelled)) <= PEAK
    assert loudness_lufs(levelled, RATE_HZ) == pytest.approx(TARGET_LUFS, abs=0.5)
    before, after = speech[-RATE_HZ // 2 :], levelled[-RATE_HZ // 2 :]
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(1.0, abs=1e-4)


def test_silence_stays_silence() -> None:
    silence = np.zeros(100, np.float32)
    assert np.array_equal(level(silence, RATE_HZ), silence)


class PlayedSession:
    """A tone as long as the phonemes, with the silence around it that Kokoro leaves."""

    def __init__(self) -> None:
        self.runs: list[dict[str, NDArray[np.float32]]] = []

    def run(self, _: None, inputs: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        self.runs.append(inputs)
        speech = tone(-20.0, seconds=0.05 * inputs["tokens"].shape[1])
        return [np.pad(speech, RATE_HZ // 2)]


def test_kokoro_gets_tokens_and_the_style_for_so_many(tmp_path: Path) -> None:
    styles = np.arange(510 * 256, dtype="<f4")
    (tmp_path / "voices").mkdir()
    styles.tofile(tmp_path / "voices" / "ef_dora.bin")
    session = PlayedSession()
    voices = KokoroVoices(session, tmp_path, PHONEMIZER)
    clip, took_s = read_answer(voices(json.dumps({"text": "uno dos", "language": "es"}).encode()))
    (run,) = session.runs
    assert run["tokens"].tolist() == [[0, *tokens("uno dos"), 0]]
    assert run["style"][0, 0] == 256 * (len("uno dos") - 1)
    assert clip.duration_s == pytest.approx(0.05 * 9 + 2 * 0.04, abs=0.02)
    assert took_s > 0
    assert len(decode_clip(clip.body)) == pytest.approx(clip.duration_s * RATE_HZ, abs=1)


class PlayedEngine:
    """Answers when told to."""

    process_id = None

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.was_asked = asyncio.Event()
        self.asked: list[str] = []
        self.took_s = 0.0
        self.fails = False

    async def start(self) -> None: ...

    async def call(self, request: bytes, timeout_s: float) -> bytes:
        self.asked.append(json.loads(request)["text"])
        self.was_asked.set()
        await self.go.wait()
        if self.fails:
            raise RetryableError("voices died")
        return struct.pack(">dd", 1.0, self.took_s) + b"kokoro"

    async def close(self) -> None: ...


class PlayedVoice:
    def can_speak(self, language: str) -> bool:
        return language in ("es", "gl")

    async def synthesize(self, text: str, language: str, *, quality_tier: str = "standard") -> Clip:
        return Clip(b"espeak", 1.0)

    async def close(self) -> None: ...


def synthesizer(folder: Path, engine: PlayedEngine, deadline_s: float) -> LocalSynthesizer:
    model = Model("kokoro", "voice", "kokoro", ("es",), 10, path=folder)
    return LocalSynthesizer(
        LocalSynthesizerSettings(deadline_s=deadline_s),
        ModelStore(Manifest({}, {"kokoro": model})),
        Machine(None, None),
        PlayedVoice(),
        engine,
    )


async def bodies(voice: LocalSynthesizer, texts: Sequence[str]) -> list[bytes]:
    clips = await asyncio.gather(*(voice.synthesize(text, "es") for text in texts))
    return [clip.body for clip in clips]


async def test_kokoro_speaks_in_time_and_espeak_what_kokoro_does_not_know(tmp_path: Path) -> None:
    engine = PlayedEngine()
    engine.go.set()
    voice = synthesizer(tmp_path, engine, 60.0)
    assert await bodies(voice, ["uno"]) == [b"kokoro"]
    assert (await voice.synthesize("un", "gl")).body == b"espeak"
    assert (voice.spoken, voice.late) == (1, 0)


async def test_a_phrase_that_is_not_made_in_time_is_espeaks(tmp_path: Path) -> None:
    engine = PlayedEngine()
    voice = synthesizer(tmp_path, engine, 0.2)
    assert await bodies(voice, ["uno"]) == [b"espeak"]
    assert (voice.spoken, voice.late) == (0, 1)


async def test_a_phrase_that_its_caller_takes_back_before_its_turn_costs_nothing(
    tmp_path: Path,
) -> None:
    engine = PlayedEngine()
    voice = synthesizer(tmp_path, engine, 60.0)
    engine.go.set()
    await voice.synthesize("cero", "es")  # what is checked once, in a thread, is behind it
    engine.go.clear()
    engine.was_asked.clear()
    first = asyncio.create_task(voice.synthesize("uno", "es"))
    second = asyncio.create_task(voice.synthesize("dos", "es"))
    third = asyncio.create_task(voice.synthesize("tres", "es"))
    await engine.was_asked.wait()
    await asyncio.sleep(0)
    second.cancel()
    engine.go.set()
    assert (await first).body == (await third).body == b"kokoro"
    assert engine.asked == ["cero", "uno", "tres"]
    assert second.cancelled()


async def test_a_phrase_behind_too_many_is_not_even_asked_for(tmp_path: Path) -> None:
    """At 0.04 s a sign 100 signs take four seconds: the second would be ready after eight."""
    engine = PlayedEngine()
    voice = synthesizer(tmp_path, engine, 6.0)
    first = asyncio.create_task(voice.synthesize("a" * 100, "es"))
    await engine.was_asked.wait()
    assert await bodies(voice, ["b" * 100]) == [b"espeak"]
    engine.go.set()
    assert (await first).body == b"kokoro"
    assert engine.asked == ["a" * 100]
    assert (voice.spoken, voice.late, voice.changes) == (1, 1, 1)
    assert await bodies(voice, ["c"]) == [b"espeak"], "one speaker, not two who take turns"


async def test_ten_talks_on_a_machine_for_two_are_all_answered_by_the_deadline(
    tmp_path: Path,
) -> None:
    """Kokoro makes what it is in time for, and nobody waits behind the others."""
    engine = PlayedEngine()
    voice = synthesizer(tmp_path, engine, 3.0)
    first = [asyncio.create_task(voice.synthesize("a" * 20, "es")) for _ in range(10)]
    await engine.was_asked.wait()
    answers = asyncio.as_completed(first)
    spare = [await next(answers) for _ in range(8)]  # at 1.1 s each the third would be late
    assert {clip.body for clip in spare} == {b"espeak"}
    assert sum(task.done() for task in first) == 8
    engine.go.set()
    assert [(await task).body for task in first].count(b"kokoro") == 1
    assert (voice.spoken, voice.late, voice.changes) == (1, 9, 1)


async def test_phrases_that_wait_when_their_language_changes_its_voice_change_too(
    tmp_path: Path,
) -> None:
    engine = PlayedEngine()
    voice = synthesizer(tmp_path, engine, 6.0)
    first = asyncio.create_task(voice.synthesize("a" * 100, "es"))
    await engine.was_asked.wait()
    waiting = asyncio.create_task(voice.synthesize("b", "es"))
    await asyncio.sleep(0)
    assert await bodies(voice, ["c" * 100]) == [b"espeak"]
    engine.go.set()
    assert (await first).body == b"kokoro"
    assert (await waiting).body == b"espeak"
    assert engine.asked == ["a" * 100]


async def test_kokoro_comes_back_for_good_after_a_trial_that_nobody_hears(tmp_path: Path) -> None:
    engine = PlayedEngine()
    engine.go.set()
    voice = synthesizer(tmp_path, engine, 6.0)
    engine.took_s = 60.0
    assert await bodies(voice, ["a" * 100]) == [b"kokoro"]
    engine.took_s = 0.1
    spoken: list[bytes] = []
    for _ in range(30):
        spoken += await bodies(voice, ["b" * 100])
        await asyncio.sleep(0)  # a trial goes on beside the phrase
    first = spoken.index(b"kokoro")
    assert first == HOLD + 1
    assert set(spoken[:first]) == {b"espeak"}
    assert set(spoken[first:]) == {b"kokoro"}
    assert (voice.late, voice.spoken, voice.changes) == (first, 31 - first, 2)
    assert len(engine.asked) == voice.spoken + 1


async def test_an_engine_that_fails_its_trial_is_tried_again_later(tmp_path: Path) -> None:
    engine = PlayedEngine()
    engine.go.set()
    voice = synthesizer(tmp_path, engine, 6.0)
    engine.fails = True
    spoken: list[bytes] = []
    for number in range(4 * HOLD):
        engine.fails = number < 2 * HOLD
        spoken += await bodies(voice, ["b"])
        await asyncio.sleep(0)
    assert spoken[: 3 * HOLD] == [b"espeak"] * (3 * HOLD)
    assert spoken[-1] == b"kokoro"
    await voice.close()


async def test_a_missing_model_is_told_and_not_hidden(tmp_path: Path) -> None:
    voice = synthesizer(tmp_path / "nothing", PlayedEngine(), 4.0)
    with pytest.raises(PermanentError, match="nothing is missing"):
        await voice.synthesize("uno", "es")
