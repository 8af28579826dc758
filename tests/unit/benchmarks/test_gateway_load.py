"""The load on the gateway: what it sends is the protocol's, what it counts is right."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from benchmarks.gateway.__main__ import flat
from benchmarks.gateway.chunk_stamp import PCM_BYTES, sent_ns, stamped_pcm
from benchmarks.gateway.histogram import Histogram
from benchmarks.gateway.one_run import Load, Measured
from benchmarks.gateway.stand_in_sink import StandInSink
from benchmarks.gateway.wire import client_head, take_frame
from connectors.interfaces.record_sink import SinkRecord
from ingest_gateway.protocol.frames import AudioFrame, decode_frame, encode_frame
from schemas.avro_codec import encode
from schemas.values import AudioChunk

pytestmark = pytest.mark.unit

LENGTHS = [0, 1, 125, 126, 8216, 65_535, 65_536, 100_000]


def parsed_by_websockets(data: bytes, *, mask: bool) -> Frame:
    """What a library that others wrote reads from the bytes."""
    reader = StreamReader()
    reader.feed_data(data)
    parsing = Frame.parse(reader.read_exact, mask=mask, max_size=None)
    try:
        next(parsing)
    except StopIteration as done:
        return done.value
    raise AssertionError("the frame is not complete")


@pytest.mark.parametrize("length", LENGTHS)
def test_a_websocket_library_reads_what_the_client_sends(length: int) -> None:
    payload = bytes(at % 251 for at in range(length))
    frame = parsed_by_websockets(client_head(Opcode.BINARY, length) + payload, mask=True)
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.BINARY, True, payload)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_client_reads_what_a_websocket_library_sends(length: int) -> None:
    payload = bytes(at % 251 for at in range(length))
    server = ServerProtocol()
    sent = Frame(Opcode.TEXT, payload).serialize(mask=False, extensions=server.extensions)
    data = bytearray(sent + b"\x8a\x00")
    assert take_frame(data) == (Opcode.TEXT, payload)
    assert take_frame(data) == (Opcode.PONG, b"")
    assert take_frame(data) is None


def test_a_frame_that_comes_in_pieces_is_taken_when_it_is_whole() -> None:
    sent = Frame(Opcode.TEXT, b"x" * 300).serialize(mask=False)
    data = bytearray()
    for at in range(len(sent) - 1):
        data.append(sent[at])
        assert take_frame(data) is None
    data.append(sent[-1])
    assert take_frame(data) == (Opcode.TEXT, b"x" * 300)


def test_the_stamp_is_found_in_the_gateways_record_and_in_the_plain_frame() -> None:
    frame = encode_frame(AudioFrame(7, 1_790_000_000_000, stamped_pcm(measured=True)))
    pcm = decode_frame(frame).pcm
    record = encode(AudioChunk("joyful-mountain-1", 0, 7, 1, 2, pcm))
    at_ns = sent_ns(frame)
    assert len(pcm) == PCM_BYTES
    assert at_ns is not None
    assert sent_ns(record) == at_ns == int.from_bytes(pcm[:8], "little")


def test_chunks_of_the_warm_up_and_short_records_have_no_stamp() -> None:
    assert sent_ns(b"a control record") is None
    assert sent_ns(b"head" + stamped_pcm(measured=False)) is None


def test_the_sink_counts_the_chunks_that_are_measured_and_their_whole_way() -> None:
    sink = StandInSink(answer_ms=20)
    records = [
        SinkRecord("a", stamped_pcm(measured=True)),
        SinkRecord("a", stamped_pcm(measured=False)),
        SinkRecord("b", b"control"),
    ]
    assert asyncio.run(sink.put(records)) == (None, None, None)
    assert (sink.calls, sink.records) == (1, 3)
    assert (sink.until_put.count, sink.until_durable.count) == (1, 1)
    assert sink.until_durable.longest_ms >= sink.until_put.longest_ms + 20


def test_percentiles_are_exact_to_a_tenth_of_a_millisecond() -> None:
    histogram = Histogram()
    for ms in range(1, 101):
        histogram.add(ms + 0.04)
    assert histogram.percentile(0.5) == 50.0
    assert histogram.percentile(0.99) == 99.0
    assert histogram.longest_ms == 100.0


def test_one_in_a_hundred_is_behind_the_99th_percentile_not_in_it() -> None:
    histogram = Histogram()
    for _ in range(99):
        histogram.add(1.0)
    histogram.add(20_000.0)
    assert histogram.percentile(0.99) == 1.0
    assert histogram.longest_ms == 10_000.0


def test_nothing_measured_is_zero() -> None:
    assert Histogram().percentile(0.99) == 0.0


def measured(**known: Any) -> Measured:
    kinds = get_type_hints(Measured)
    return Measured(**{one.name: kinds[one.name](0) for one in fields(Measured)} | known)


def test_the_flat_figures_are_of_the_whole_way_to_the_answer() -> None:
    gateway = measured(put_p99_ms=1.0, durable_p50_ms=20.5, durable_p99_ms=41.2, dropped=3)
    found = flat(Load(1000, 500, 30.0, 10.0, None), gateway, measured(durable_p99_ms=30.1))
    assert found["gateway_p50_ms_1000_speakers"] == 20.5
    assert found["gateway_p99_ms_1000_speakers"] == 41.2
    assert found["gateway_plain_p99_ms_1000_speakers"] == 30.1
    assert found["gateway_dropped"] == 3


def test_whether_memory_is_flat_is_told_by_the_second_half() -> None:
    grown = measured(
        memory_growth_kb=4_000.4,
        memory_growth_first_half_kb=3_500.0,
        memory_growth_second_half_kb=500.4,
    )
    found = flat(Load(1000, 500, 30.0, 10.0, None), grown, None)
    assert found["gateway_memory_growth_kb"] == 4_000
    assert found["gateway_memory_growth_second_half_kb"] == 500


def test_without_the_plain_program_nothing_is_said_of_it() -> None:
    few = flat(Load(100, 50, 5.0, 10.0, None), measured(durable_p99_ms=12.5), None)
    assert not [name for name in few if "plain" in name]
    assert few["gateway_p99_ms_100_speakers"] == 12.5, "a small load is not called a large one"
    assert "notify_50_p99_ms" in few
