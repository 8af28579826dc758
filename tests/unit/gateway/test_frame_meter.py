"""Frames are counted by their headers alone, wherever reads cut them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from ingest_gateway.hosts.server.frame_meter import SMALL_BYTES, Counted, FrameMeter

pytestmark = pytest.mark.unit

ENOUGH = 10_000


def wire(opcode: Opcode, payload: bytes, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=mask)


@given(
    sizes=st.lists(st.sampled_from([0, 1, 125, 126, 512, 513, 65_535, 65_536]), max_size=8),
    controls=st.integers(0, 3),
    cuts=st.lists(st.integers(0, 2**18), max_size=12),
    mask=st.booleans(),
)
def test_the_same_is_counted_wherever_reads_are_cut(
    sizes: list[int], controls: int, cuts: list[int], mask: bool
) -> None:
    data = b"".join(wire(Opcode.BINARY, bytes(size), mask=mask) for size in sizes)
    data += wire(Opcode.PING, b"x", mask=mask) * controls
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    meter = FrameMeter()
    reads = [meter.feed(data[first:end], ENOUGH) for first, end in itertools.pairwise(edges)]
    assert sum(one.small for one in reads) == sum(size <= SMALL_BYTES for size in sizes)
    assert sum(one.control for one in reads) == controls
    assert max(one.message_bytes for one in reads) == max(sizes, default=0)
    assert meter.is_between


def test_a_message_in_frames_is_counted_together_and_waited_for() -> None:
    meter = FrameMeter()
    first = meter.feed(wire(Opcode.TEXT, b"a" * 300, fin=False), ENOUGH)
    assert (first.message_bytes, meter.is_between) == (300, False)
    meter.feed(wire(Opcode.PING, b""), ENOUGH)
    assert not meter.is_between
    last = meter.feed(wire(Opcode.CONT, b"b" * 300), ENOUGH)
    assert (last.message_bytes, meter.is_between) == (600, True)
    assert meter.feed(wire(Opcode.TEXT, b"c"), ENOUGH) == Counted(1, 0, 1)


def test_what_is_announced_counts_before_it_comes() -> None:
    meter = FrameMeter()
    assert meter.feed(wire(Opcode.BINARY, bytes(100_000))[:14], ENOUGH).message_bytes == 100_000
    assert not meter.is_between


def test_no_more_is_read_of_who_sends_too_many() -> None:
    flood = bytes.fromhex("81810000000078") * 100_000
    assert FrameMeter().feed(flood, 400).small == 401
