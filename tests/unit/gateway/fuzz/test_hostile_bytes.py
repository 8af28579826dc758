"""Hostile bytes for everything that parses what a stranger sends: refused in words, or taken.

A short run with every test; `make fuzz` runs longer. Seeds are what real clients send, changed.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from ingest_gateway.audio_in.containers import ContainerError
from ingest_gateway.audio_in.mp4_demuxer import MOST_MEDIA_BYTES, Mp4Demuxer
from ingest_gateway.audio_in.ogg_demuxer import OggDemuxer
from ingest_gateway.audio_in.recorder_input import RecorderInput
from ingest_gateway.audio_in.webm_demuxer import MAX_ELEMENT_BYTES, WebmDemuxer
from ingest_gateway.hosts.server.frame_meter import FrameMeter
from ingest_gateway.protocol.connection_protocol import (
    ConnectionProtocol,
    RecorderFragment,
    Refusal,
    Refused,
)
from ingest_gateway.protocol.frames import AudioFrame, encode_frame
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.webrtc.offers import OfferError, We, prepared
from tests.unit.gateway.mp4_files import mp4
from tests.unit.gateway.opus_tones import decoded
from tests.unit.gateway.test_ogg_input import ogg
from tests.unit.gateway.webm_files import clusters, header

pytestmark = pytest.mark.unit

fuzzed = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
OFFERS = [file.read_text() for file in sorted((Path(__file__).parents[1] / "offers").glob("*.sdp"))]
WEBM = header() + clusters([bytes([0xFC]) + bytes(40)] * 60)
OGG = ogg([bytes([0xFC]) + bytes(40)] * 60)
MESSAGES = [
    {"action": "createSession", "sourceLanguage": "en", "targetLanguages": ["es"]},
    {"action": "joinAsSpeaker", "sessionId": "calm-sea-1", "streamId": "s", "nextSequence": 0},
    {"action": "joinSession", "sessionId": "calm-sea-1", "targetLanguage": "es"},
    {"action": "audioChunk", "sessionId": "calm-sea-1", "audioData": "AAAA", "timestamp": 5,
     "format": "pcm", "sampleRate": 16000, "channels": 1, "encoding": "s16le", "sequence": 1},
    {"action": "setVolume", "sessionId": "calm-sea-1", "volume": 0.5},
    {"action": "heard", "sequenceNumber": 1, "heardAt": 5},
]  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with some of it cut out, repeated, or replaced by noise."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        first = draw(st.integers(0, len(data)))
        end = min(len(data), first + draw(st.integers(0, 40)))
        data[first:end] = draw(
            st.one_of(
                st.binary(max_size=24),
                st.integers(0, 60).map(lambda count, part=bytes(data[first:end]): part * count),
            )
        )
    return bytes(data)


@fuzzed
@given(data=changed([one.encode() for one in OFFERS]), we=st.sampled_from(["receive", "send"]))
def test_offers(data: bytes, we: We) -> None:
    text = data.decode(errors="replace")
    try:
        offer = prepared(text, we=we)
    except OfferError as error:
        status, message = error.status, error.message
    else:
        status, message = 201, ""
    assert status in (201, 400, 406, 422)
    assert len(message) < 600
    if status != 201:
        return
    stacks = "v=0\r\n" + "".join(f"m=audio 9 X {at}\r\n" for at in offer.taken)
    answer = offer.answered(stacks)
    assert sum(line.startswith("m=") for line in answer.splitlines()) == len(offer.sections)
    assert offer.sdp.count("a=candidate") <= 64


@fuzzed
@given(data=changed([WEBM]), pieces=st.integers(1, 9))
def test_recorders_files(data: bytes, pieces: int) -> None:
    demuxer = WebmDemuxer()
    edges = [len(data) * at // pieces for at in range(pieces + 1)]
    try:
        for first, end in itertools.pairwise(edges):
            for block in demuxer.feed(data[first:end]):
                round(block.at_ms * 48)
    except ContainerError:
        return
    assert len(demuxer._buffer) <= MAX_ELEMENT_BYTES + 16


RECORDINGS = (
    (OggDemuxer, [OGG], 255 * 257),
    (Mp4Demuxer, [mp4(seconds=0.6), mp4("libopus", seconds=0.6)], MOST_MEDIA_BYTES),
)


@pytest.mark.parametrize(("kind", "seeds", "most_kept"), RECORDINGS)
@fuzzed
@given(draw=st.data(), pieces=st.integers(1, 9))
def test_other_recorders_files(
    kind: type[OggDemuxer | Mp4Demuxer],
    seeds: list[bytes],
    most_kept: int,
    draw: st.DataObject,
    pieces: int,
) -> None:
    data, demuxer = draw.draw(changed(seeds)), kind()
    edges = [len(data) * at // pieces for at in range(pieces + 1)]
    try:
        for first, end in itertools.pairwise(edges):
            for block in demuxer.feed(data[first:end]):
                round(block.at_ms * 48)
    except ContainerError:
        return
    assert len(demuxer._buffer) <= most_kept


@fuzzed
@given(data=changed([mp4(seconds=0.3)]))
def test_packets_of_other_recorders_are_decoded_or_refused(data: bytes) -> None:
    code = None
    try:
        decoded(RecorderInput(), RecorderFragment("session-1", 0, 5, data))
    except Refusal as refusal:
        code = refusal.code
    assert code in (None, "BAD_AUDIO")


@fuzzed
@given(data=changed([json.dumps(one).encode() for one in MESSAGES]))
def test_messages(data: bytes) -> None:
    text = data.decode(errors="replace")
    connection = ConnectionProtocol(Limits(), "s", 0)
    connection.became_speaker("calm-sea-1", "s")
    for event in connection.receive_text(text, 0):
        if isinstance(event, Refused):
            assert len(event.error.message) < 600


@fuzzed
@given(data=changed([encode_frame(AudioFrame(7, 5, bytes(400)))]))
def test_audio_frames(data: bytes) -> None:
    connection = ConnectionProtocol(Limits(), "s", 0)
    connection.became_speaker("calm-sea-1", "s")
    assert len(connection.receive_binary(data)) == 1


WIRE = b"".join(
    Frame(opcode, payload, fin).serialize(mask=True)
    for opcode, payload, fin in (
        (Opcode.TEXT, b"{}", True),
        (Opcode.BINARY, bytes(700), False),
        (Opcode.PING, b"x", True),
        (Opcode.CONT, bytes(70_000), True),
        (Opcode.BINARY, b"", True),
    )
)


@fuzzed
@given(data=changed([WIRE[:1_000], WIRE]), cuts=st.lists(st.integers(0, len(WIRE)), max_size=6))
def test_socket_frames_are_counted_as_they_are_parsed(data: bytes, cuts: list[int]) -> None:
    """Until the parser refuses them, the meter has seen no fewer frames than it has."""
    meter, parser = FrameMeter(), ServerProtocol(max_size=2**18)
    parser.state = parser.state.OPEN
    parser.parser = parser.parse()
    next(parser.parser)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    counted = parsed = 0
    for first, end in itertools.pairwise(edges):
        found = meter.feed(data[first:end], 100_000)
        counted += found.small + found.control
        try:
            parser.receive_data(data[first:end])
        except ProtocolError:
            return
        if parser.parser_exc is not None:
            return
        for event in parser.events_received():
            parsed += isinstance(event, Frame) and len(event.data) <= 512
    assert counted >= parsed
