"""Numbers without holes, and times by our clock whatever the speaker's says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.audio_in.speaker_stream import (
    MAX_JUMP,
    MAX_LAG_MS,
    Hole,
    SequenceJumpError,
    SpeakerStream,
    Taken,
)

pytestmark = pytest.mark.unit

PCM = bytes(8000)  # a quarter of a second
CHUNK_MS = 250
T0_MS = 1_790_000_000_000


def a_stream(**known: int) -> SpeakerStream:
    return SpeakerStream("joyful-mountain-789", "s1", 3, **known)  # type: ignore[arg-type]


def taken(one: Taken | None) -> Taken:
    assert one is not None
    return one


def test_chunks_get_their_numbers_epoch_and_times() -> None:
    stream = a_stream()
    chunk = taken(stream.take(0, T0_MS - CHUNK_MS, PCM, T0_MS)).chunk
    assert (chunk.session_id, chunk.epoch, chunk.sequence) == ("joyful-mountain-789", 3, 0)
    assert (chunk.received_at_ms, chunk.pcm) == (T0_MS, PCM)


def test_without_numbers_arrival_numbers() -> None:
    stream = a_stream(durable_sequence=6)
    numbers = [
        taken(stream.take(None, T0_MS + n * CHUNK_MS, PCM, T0_MS + n * CHUNK_MS)).chunk.sequence
        for n in range(3)
    ]
    assert numbers == [7, 8, 9]


def test_repeats_are_dropped_and_a_hole_is_declared_once() -> None:
    stream = a_stream()
    assert taken(stream.take(0, 0, PCM, T0_MS)).hole is None
    assert stream.take(0, 0, PCM, T0_MS + 1) is None
    jumped = taken(stream.take(4, CHUNK_MS * 4, PCM, T0_MS + 2))
    assert jumped.hole == Hole(after_sequence=0, next_sequence=4)
    assert stream.take(2, CHUNK_MS * 2, PCM, T0_MS + 3) is None
    assert taken(stream.take(5, CHUNK_MS * 5, PCM, T0_MS + 4)).hole is None


def test_a_client_that_resumes_past_what_is_durable_leaves_a_hole() -> None:
    stream = a_stream(durable_sequence=10)
    assert taken(stream.take(13, 0, PCM, T0_MS)).hole == Hole(10, 13)


def test_an_unbelievable_number_changes_nothing() -> None:
    stream = a_stream()
    with pytest.raises(SequenceJumpError):
        stream.take(MAX_JUMP + 1, 0, PCM, T0_MS)
    assert taken(stream.take(0, 0, PCM, T0_MS)).hole is None


@given(
    error_ms=st.integers(-(60 * 365 * 24 * 3600 * 1000), 60 * 365 * 24 * 3600 * 1000),
    ways_ms=st.lists(st.integers(0, 5000), min_size=1, max_size=60),
)
def test_any_constant_error_of_the_clock_is_corrected_to_the_fastest_way(
    error_ms: int, ways_ms: list[int]
) -> None:
    """Once the fastest chunk so far is in, capture times are true up to that chunk's way, and
    they always rise."""
    stream = a_stream()
    before = 0
    fastest = 10**9
    arrived_ms = 0
    for number, way_ms in enumerate(ways_ms):
        spoken_ms = T0_MS + number * CHUNK_MS
        arrived_ms = max(arrived_ms, spoken_ms + CHUNK_MS + way_ms)
        fastest = min(fastest, arrived_ms - spoken_ms - CHUNK_MS)
        chunk = taken(stream.take(number, spoken_ms + error_ms, PCM, arrived_ms)).chunk
        assert chunk.captured_at_ms > before
        assert chunk.captured_at_ms == max(before + 1, spoken_ms + fastest)
        before = chunk.captured_at_ms


def test_a_backlog_sent_at_once_keeps_the_times_it_was_spoken_at() -> None:
    stream = a_stream(clock_offset_ms=500)
    arrived_ms = T0_MS + 500 + 20_000
    times = [
        taken(stream.take(n, T0_MS + n * CHUNK_MS, PCM, arrived_ms + n)).chunk.captured_at_ms
        for n in range(60)
    ]
    assert times == [T0_MS + 500 + n * CHUNK_MS for n in range(60)]


@pytest.mark.parametrize("step_ms", [-3_600_000, -5_000, 5_000, 3_600_000])
def test_a_step_of_the_speakers_clock_does_not_step_the_talk(step_ms: int) -> None:
    stream = a_stream()
    captured: list[int] = []
    for number in range(40):
        spoken_ms = T0_MS + number * CHUNK_MS
        shown_ms = spoken_ms + (step_ms if number >= 20 else 0)
        arrived_ms = spoken_ms + CHUNK_MS + 40
        captured.append(taken(stream.take(number, shown_ms, PCM, arrived_ms)).chunk.captured_at_ms)
    assert captured == [T0_MS + 40 + number * CHUNK_MS for number in range(40)]


def test_a_clock_that_stands_far_behind_is_estimated_anew() -> None:
    stream = a_stream(clock_offset_ms=0)
    chunk = taken(stream.take(0, T0_MS - MAX_LAG_MS - 1, PCM, T0_MS)).chunk
    assert chunk.captured_at_ms == T0_MS - CHUNK_MS


def test_times_rise_from_stream_to_stream() -> None:
    """A clip's key is the capture time of its utterance."""
    first = a_stream()
    last = taken(first.take(0, T0_MS, PCM, T0_MS + CHUNK_MS)).chunk.captured_at_ms
    second = a_stream(captured_until_ms=first.captured_at_ms)
    chunk = taken(second.take(0, 5, PCM, T0_MS + CHUNK_MS)).chunk
    assert chunk.captured_at_ms == last + 1
