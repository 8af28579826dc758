"""A talk's audio and its captions are on one timeline, at the gateway and on a listener's disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from connectors.audio.mp3 import RATE_HZ, decode_clip, encode_clip
from connectors.calls.policy import Policies
from connectors.memory.clip_store import MemoryClipStore
from ingest_gateway.client.reports import ReceivedClip
from ingest_gateway.client.saved_talk import SavedTalk
from ingest_gateway.read_side.talk import Talk
from schemas.captions import Cue, web_vtt
from schemas.names import clip_key
from schemas.values import LEDGER_VERSION, EntryKind, FixedOutcome, LedgerEntry, Release, Route

pytestmark = pytest.mark.unit

SESSION = "calm-sea-1"
T0_MS = 1_790_000_000_000
MP3 = encode_clip(
    (0.5 * np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(2 * RATE_HZ))).astype(np.float32)
).body
"""Two seconds of a tone."""


def entry(number: int, at_s: float, *outcomes: FixedOutcome, kind: EntryKind) -> LedgerEntry:
    """Without outcomes: a row of the first edition, which had none."""
    return LedgerEntry(
        version=LEDGER_VERSION if outcomes else 1,
        session_id=SESSION,
        number=number,
        epoch=0,
        kind=kind,
        first_sample=0,
        end_sample=32_000,
        text=f"sentence {number}" if kind is EntryKind.SPEECH else "",
        language="en",
        captured_at_ms=T0_MS + round(at_s * 1000),
        committed_at_ms=T0_MS,
        writer="one",
        resume_sample=0,
        resume_sequence=0,
        resume_sequence_sample=0,
        routes=(Route("es", None),),
        outcomes=outcomes,
    )


class StandingLedger:
    """A ledger in which all is written already."""

    def __init__(self, *entries: LedgerEntry) -> None:
        self._entries = entries

    async def after(self, session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        return tuple(each for each in self._entries if each.number > number)


def tone_starts_s(mp3: bytes) -> list[float]:
    """Where each sound begins that follows a second of silence at least."""
    loud = np.flatnonzero(np.abs(decode_clip(mp3)) > 0.1) / RATE_HZ
    return [float(loud[0]), *(float(loud[at + 1]) for at in np.flatnonzero(np.diff(loud) > 1.0))]


@pytest.fixture
async def clips() -> AsyncIterator[MemoryClipStore]:
    store = MemoryClipStore()
    for at_s in (3.0, 64.0):
        await store.put(
            clip_key(SESSION, "es", T0_MS + round(at_s * 1000)),
            MP3,
            content_type="audio/mpeg",
            metadata={"transcript": f"frase%20{at_s:.0f}"},
        )
    yield store
    await store.close()


async def test_a_pause_of_a_minute_is_in_the_audio_and_in_the_captions(
    clips: MemoryClipStore,
) -> None:
    ledger = StandingLedger(
        entry(0, 1.0, kind=EntryKind.SILENCE),
        entry(1, 3.0, kind=EntryKind.SPEECH),
        entry(2, 64.0, kind=EntryKind.SPEECH),
    )
    talk = Talk(ledger, clips, Policies())  # type: ignore[arg-type]
    audio = b"".join([part async for part in talk.audio(SESSION, "es")])
    cues = await talk.cues(SESSION, "es")
    assert cues == (Cue(0.0, 2.0, "frase 3"), Cue(61.0, 63.0, "frase 64"))
    starts_s = tone_starts_s(audio)
    assert starts_s == [pytest.approx(cue.start_s, abs=0.12) for cue in cues]


async def test_captions_are_the_outcomes_that_stand_in_the_ledger(clips: MemoryClipStore) -> None:
    """A clip's metadata has room for 1,500 bytes, and what was only shown has no clip."""
    ledger = StandingLedger(
        entry(0, 3.0, FixedOutcome("es", "entera", None, 1), kind=EntryKind.SPEECH),
        entry(1, 6.0, FixedOutcome("es", "tarde", "late", 1), kind=EntryKind.SPEECH),
        entry(2, 9.0, FixedOutcome("es", "", "failed", 1), kind=EntryKind.SPEECH),
        entry(3, 12.0, kind=EntryKind.SPEECH),
    )
    talk = Talk(ledger, clips, Policies())  # type: ignore[arg-type]
    assert await talk.cues(SESSION, "es") == (Cue(0.0, 2.0, "entera"), Cue(3.0, 5.0, "tarde"))
    assert [cue.text for cue in await talk.cues(SESSION, "en")] == [
        f"sentence {number}" for number in range(4)
    ]
    assert await talk.cues(SESSION, "fr") == ()


def clip(number: int, at_s: float, duration_s: float) -> ReceivedClip:
    return ReceivedClip(
        session_id=SESSION,
        language="es",
        sequence_number=number,
        previous_sequence_number=None,
        timestamp_ms=T0_MS + round(at_s * 1000),
        duration_s=duration_s,
        transcript=f"frase {number}",
        source_transcript="",
        url="",
        received_at_ms=0,
        downloaded_at_ms=0,
        body=MP3,
    )


def test_a_listeners_captions_do_not_overlap_and_go_with_the_audio(tmp_path: Path) -> None:
    """A translation is often longer than what it translates."""
    saved = SavedTalk(tmp_path, "es")
    for number, at_s in ((2, 30.0), (0, 5.0), (1, 6.5)):
        saved.add_clip(clip(number, at_s, 2.0))
    saved.finish()
    assert (tmp_path / "es.vtt").read_text() == web_vtt(
        [Cue(0.0, 1.5, "frase 0"), Cue(1.5, 3.5, "frase 1"), Cue(25.0, 27.0, "frase 2")]
    )
    assert tone_starts_s((tmp_path / "es.mp3").read_bytes()) == [
        pytest.approx(0.0, abs=0.12),
        pytest.approx(25.0, abs=0.12),
    ]


def test_a_listener_who_heard_nothing_keeps_empty_files(tmp_path: Path) -> None:
    SavedTalk(tmp_path, "es").finish()
    assert (tmp_path / "es.mp3").read_bytes() == b""
    assert (tmp_path / "es.vtt").read_text() == "WEBVTT\n"


def released(text: str, phrase: str, from_number: int, at_s: float, *, ends: bool) -> FixedOutcome:
    release = Release(0, ends, phrase, from_number, T0_MS + round(at_s * 1000), None)
    return FixedOutcome("es", text, None, T0_MS, release)


async def test_a_talk_that_was_released_in_sentences_is_read_in_sentences() -> None:
    """Two releases are one phrase; the entry that closes the sentence carries the last one."""
    first, second, last = (
        replace(
            entry(number, 2.0 * number, outcome, kind=kind),
            sentence=0,
            ends_sentence=outcome.release is not None and outcome.release.ends,
        )
        for number, kind, outcome in (
            (0, EntryKind.SPEECH, released("la casa", "", 0, 0.0, ends=False)),
            (1, EntryKind.SPEECH, released(" es", "la casa es", 0, 0.0, ends=False)),
            (2, EntryKind.SILENCE, released(" vieja.", "vieja.", 2, 4.0, ends=True)),
        )
    )
    clips = MemoryClipStore()
    for at_s in (0.0, 4.0):
        key = clip_key(SESSION, "es", T0_MS + round(at_s * 1000))
        await clips.put(key, MP3, content_type="audio/mpeg", metadata={})
    talk = Talk(StandingLedger(first, second, last), clips, Policies())  # pyright: ignore[reportArgumentType]
    assert await talk.cues(SESSION, "es") == (Cue(0.0, 6.0, "la casa es vieja."),)
    assert await talk.cues(SESSION, "en") == (Cue(0.0, 4.0, "sentence 0 sentence 1"),)
    audio = b"".join([part async for part in talk.audio(SESSION, "es")])
    assert 5.5 <= len(decode_clip(audio)) / RATE_HZ <= 6.5
