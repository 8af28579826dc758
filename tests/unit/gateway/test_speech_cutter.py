"""Tones through RTP order and Opus: what is lost, late or silent keeps its length."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest_gateway.audio_in.concealment import LONGEST_SAMPLES, TAIL_SAMPLES, concealed
from ingest_gateway.audio_in.packet_decoders import PacketError
from ingest_gateway.audio_in.speech_cutter import SpeechCutter, TimedPcm
from ingest_gateway.webrtc.reorder import OpusPacket, Reorder, RtpAudio
from schemas.values import SAMPLE_RATE_HZ
from tests.unit.gateway.opus_tones import (
    FRAME_MS,
    FRAME_SAMPLES,
    OPUS_HZ,
    heard,
    level,
    opus_packets,
    silent_ms,
    strongest_hz,
    sweep,
    tone,
)

pytestmark = pytest.mark.unit

SECONDS = 3.0
TONE = opus_packets(tone(440, SECONDS, OPUS_HZ))
FRAME_16K = FRAME_SAMPLES * SAMPLE_RATE_HZ // OPUS_HZ


def rtp(
    packets: Iterable[bytes], first_number: int = 65_500, first_time: int = 2**32 - 9_000
) -> list[RtpAudio]:
    """Both counters wrap around soon, as they do in every talk."""
    return [
        RtpAudio((first_number + at) % 2**16, (first_time + at * FRAME_SAMPLES) % 2**32, payload)
        for at, payload in enumerate(packets)
    ]


def received(
    packets: Iterable[RtpAudio], reorder: Reorder, cutter: SpeechCutter, began_ms: int = 50_000
) -> list[TimedPcm]:
    chunks: list[TimedPcm] = []
    for at, packet in enumerate(packets):
        for opus in reorder.push(packet):
            chunks += cutter.add(opus.at_sample, opus.payload, began_ms + at * FRAME_MS)
    return chunks + cutter.flush()


def samples(chunks: Iterable[TimedPcm]) -> NDArray[np.float64]:
    return heard([chunk.pcm for chunk in chunks])


# Order


def numbers(ready: list[OpusPacket]) -> list[bytes]:
    return [packet.payload for packet in ready]


def test_packets_in_order_leave_at_once() -> None:
    reorder = Reorder()
    for packet in rtp([bytes([at]) for at in range(1, 100)]):
        assert numbers(reorder.push(packet)) == [packet.payload]
    assert (reorder.received, reorder.lost, reorder.late) == (99, 0, 0)


def test_swapped_packets_are_put_right_and_a_repeat_is_dropped() -> None:
    one, two, three, four = rtp([b"1", b"2", b"3", b"4"])
    reorder = Reorder()
    assert numbers(reorder.push(one)) == [b"1"]
    assert numbers(reorder.push(three)) == []
    assert numbers(reorder.push(three)) == []
    assert numbers(reorder.push(two)) == [b"2", b"3"]
    assert numbers(reorder.push(two)) == []
    assert numbers(reorder.push(four)) == [b"4"]
    assert (reorder.lost, reorder.late) == (0, 2)


def test_a_hole_is_waited_for_as_long_as_the_hold_and_then_counted() -> None:
    packets = rtp([bytes([at]) for at in range(10)])
    reorder = Reorder(hold=3)
    reorder.push(packets[0])
    waited = [numbers(reorder.push(packet)) for packet in packets[3:7]]
    assert waited == [[], [], [], [b"\x03", b"\x04", b"\x05", b"\x06"]]
    assert numbers(reorder.push(packets[2])) == []
    assert (reorder.lost, reorder.late) == (2, 1)


@given(st.permutations(list(range(1, 6))))
def test_any_order_within_the_hold_is_put_right(order: list[int]) -> None:
    packets = rtp([bytes([at]) for at in range(7)])
    reorder = Reorder(hold=5)
    ready = reorder.push(packets[0])
    for at in [*order, 6]:
        ready += reorder.push(packets[at])
    assert numbers(ready) == [packet.payload for packet in packets]
    times = [packet.at_sample for packet in ready]
    assert np.diff(times).tolist() == [FRAME_SAMPLES] * 6


def test_a_sender_that_starts_anew_is_followed() -> None:
    reorder = Reorder()
    for packet in rtp([b"a", b"b"], first_number=100):
        reorder.push(packet)
    assert numbers(reorder.push(RtpAudio(30_000, 5, b"new"))) == [b"new"]
    assert reorder.lost == 0


# Samples


def test_every_packet_becomes_its_samples_in_chunks_that_keep_time() -> None:
    chunks = received(rtp(TONE), Reorder(), SpeechCutter())
    assert len(samples(chunks)) == pytest.approx(SECONDS * SAMPLE_RATE_HZ, abs=32)
    assert {len(chunk.pcm) for chunk in chunks[:-1]} == {4096 * 2}
    assert [chunk.timestamp_ms for chunk in chunks] == [
        50_000 + at * 256 for at in range(len(chunks))
    ]
    assert strongest_hz(samples(chunks), SAMPLE_RATE_HZ) == pytest.approx(440, abs=1)
    assert level(samples(chunks)) == pytest.approx(0.25 / np.sqrt(2), rel=0.05)
    assert silent_ms(samples(chunks)[800:], SAMPLE_RATE_HZ) == 0


def test_a_sweep_arrives_at_every_frequency_speech_has() -> None:
    packets = opus_packets(sweep(100, 7000, SECONDS, OPUS_HZ))
    whole = samples(received(rtp(packets), Reorder(), SpeechCutter()))
    for second in np.arange(0.25, SECONDS - 0.25, 0.25):
        at = int(second * SAMPLE_RATE_HZ)
        part = whole[at - 800 : at + 800]
        wanted_hz = 100 + 6900 * second / SECONDS
        assert strongest_hz(part, SAMPLE_RATE_HZ) == pytest.approx(wanted_hz, rel=0.1)
        assert level(part) == pytest.approx(0.25 / np.sqrt(2), rel=0.15)


@pytest.mark.parametrize("lost", [{70}, {70, 71, 72}, set(range(3, 150, 33))])
def test_lost_packets_keep_their_length_and_what_follows_keeps_its_place(lost: set[int]) -> None:
    kept = [packet for at, packet in enumerate(rtp(TONE)) if at not in lost]
    reorder, cutter = Reorder(), SpeechCutter()
    whole = samples(received(kept, reorder, cutter))
    complete = samples(received(rtp(TONE), Reorder(), SpeechCutter()))
    assert len(whole) == len(complete)
    assert reorder.lost == len(lost)
    assert cutter.filled_samples == len(lost) * FRAME_SAMPLES
    behind = (max(lost) + 3) * FRAME_16K
    assert level(whole[behind : behind + 3200] - complete[behind : behind + 3200]) < 0.02


def test_one_lost_packet_is_no_dropout_and_no_click() -> None:
    kept = [packet for at, packet in enumerate(rtp(TONE)) if at != 70]
    whole = samples(received(kept, Reorder(), SpeechCutter()))
    hole = whole[70 * FRAME_16K : 71 * FRAME_16K]
    assert silent_ms(whole[800:], SAMPLE_RATE_HZ) == 0
    assert strongest_hz(np.tile(hole[:290], 8), SAMPLE_RATE_HZ) == pytest.approx(440, abs=30)
    assert 0.6 < level(hole) / (0.25 / np.sqrt(2)) < 1
    steepest = 0.25 * 2 * np.pi * 440 / SAMPLE_RATE_HZ
    assert np.abs(np.diff(whole[70 * FRAME_16K - 400 : 71 * FRAME_16K - 60])).max() < 2 * steepest


def test_a_long_hole_is_silent_behind_its_fade() -> None:
    lost = set(range(60, 75))
    kept = [packet for at, packet in enumerate(rtp(TONE)) if at not in lost]
    whole = samples(received(kept, Reorder(), SpeechCutter()))
    fade_ms = LONGEST_SAMPLES * 1000 / OPUS_HZ
    silent = silent_ms(whole[800:], SAMPLE_RATE_HZ)
    assert silent == pytest.approx(len(lost) * FRAME_MS - fade_ms, abs=15)
    middle = whole[66 * FRAME_16K : 73 * FRAME_16K]
    assert not middle.any()


def test_a_hole_in_silence_is_silent() -> None:
    assert not concealed(np.zeros((TAIL_SAMPLES, 2), np.int16), 3_000).any()
    assert not concealed(np.full((TAIL_SAMPLES - 1, 2), 900, np.int16), 3_000).any()


@pytest.mark.parametrize("hz", [80, 110, 220, 390])
def test_the_pitch_of_a_voice_goes_on(hz: int) -> None:
    """A pulse train is all pitch: its next pulses are where they would have been."""
    at = np.arange(TAIL_SAMPLES + LONGEST_SAMPLES) / OPUS_HZ
    voice = 8_000 * np.clip(np.cos(2 * np.pi * hz * at), 0.8, 1)
    stereo = np.repeat((voice - voice.mean()).astype(np.int16)[:, None], 2, axis=1)
    went_on = concealed(stereo[:TAIL_SAMPLES], 960)[:, 0].astype(float)
    truth = stereo[TAIL_SAMPLES : TAIL_SAMPLES + 960, 0].astype(float)
    assert np.corrcoef(went_on, truth)[0, 1] > 0.9


def test_a_long_pause_of_the_sender_begins_a_new_run_and_no_hour_of_silence() -> None:
    cutter = SpeechCutter()
    chunks = cutter.add(0, TONE[0], 1_000)
    chunks += cutter.add(960, TONE[1], 1_020)
    chunks += cutter.add(3_600 * OPUS_HZ, TONE[2], 3_601_000)
    chunks += cutter.flush()
    assert [chunk.timestamp_ms for chunk in chunks] == [1_000, 3_601_000]
    assert len(samples(chunks)) <= 3 * FRAME_16K
    assert cutter.filled_samples == 0


def test_a_clock_that_goes_back_begins_a_new_run() -> None:
    cutter = SpeechCutter()
    cutter.add(10 * OPUS_HZ, TONE[0], 1_000)
    chunks = cutter.add(0, TONE[1], 5_000) + cutter.flush()
    assert [chunk.timestamp_ms for chunk in chunks] == [1_000, 5_000]


def test_broken_packets_are_refused_and_their_time_is_kept() -> None:
    cutter = SpeechCutter()
    whole: list[TimedPcm] = []
    refused = 0
    for at, payload in enumerate(TONE):
        broken = {50: b"", 60: b"\xff"}.get(at, payload)
        try:
            whole += cutter.add(at * FRAME_SAMPLES, broken, 0)
        except PacketError:
            refused += 1
    whole += cutter.flush()
    assert refused == 2
    assert cutter.filled_samples == 2 * FRAME_SAMPLES
    assert len(samples(whole)) == pytest.approx(SECONDS * SAMPLE_RATE_HZ, abs=32)


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_any_bytes_are_decoded_or_refused(payloads: list[bytes]) -> None:
    cutter = SpeechCutter()
    for at, payload in enumerate(payloads):
        try:
            cutter.add(at * FRAME_SAMPLES, payload, 0)
        except PacketError:
            continue
    cutter.add(len(payloads) * FRAME_SAMPLES, TONE[0], 0)
