"""What travels on the stream reads back as it was written; anything else is refused, by name."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.coders import ValueCoder
from pipelines.session.records import Place, ReadRecord
from schemas.avro_codec import (
    MAX_RECORD_BYTES,
    UndecodableRecordError,
    check_audio,
    decode,
    encode,
)
from schemas.values import (
    AudioChunk,
    ControlKind,
    ListenerLanguages,
    SessionControl,
    StreamRecord,
)

pytestmark = pytest.mark.unit

LONG = st.integers(-(2**63), 2**63 - 1)
COUNT = st.integers(0, 2**63 - 1)
NAME = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)

CHUNKS = st.builds(
    AudioChunk,
    session_id=NAME,
    epoch=COUNT,
    sequence=COUNT,
    captured_at_ms=LONG,
    received_at_ms=LONG,
    pcm=st.binary(max_size=200).map(lambda pcm: pcm[: len(pcm) // 2 * 2]),
)
CONTROLS = st.builds(
    SessionControl,
    session_id=NAME,
    epoch=LONG,
    after_sequence=LONG,
    revision=LONG,
    kind=st.sampled_from(ControlKind),
    at_ms=LONG,
    languages=st.none() | st.lists(NAME, max_size=4).map(tuple),
    next_sequence=st.none() | LONG,
    partial_languages=st.none() | st.lists(NAME, max_size=4).map(tuple),
    generation=st.just(0) | LONG,
    caption_languages=st.lists(NAME, max_size=4).map(tuple),
)
CHUNK = AudioChunk("joyful-mountain-789", 2, 77, 1_800_000_000_000, 1_800_000_000_040, b"\1\2" * 9)
CONTROL = SessionControl(
    "joyful-mountain-789",
    2,
    77,
    5,
    ControlKind.LISTENERS,
    1_800_000_000_000,
    ("ca", "es"),
    80,
    ("es",),
)
OPENED = SessionControl(
    "joyful-mountain-789", 2, 77, 0, ControlKind.OPENED, 1_800_000_000_000, generation=9
)
WRITTEN_BEFORE = bytes.fromhex(
    "c3016ab163dcb9012a8d266a6f7966756c2d6d6f756e7461696e2d373839049a010a0c02040463610465730002a00180c0e285e368"
)
"""CONTROL without ``partial_languages``, as it was written before there was such a field."""


@settings(deadline=None)
@given(CHUNKS | CONTROLS)
def test_what_is_written_reads_back(record: StreamRecord) -> None:
    assert decode(encode(record)) == record


@pytest.mark.parametrize(
    ("record", "schema"),
    [
        (CHUNK, "audio_chunk"),
        (replace(CONTROL, caption_languages=("es",)), "session_control"),
        (OPENED, "session_control_v3"),
        (replace(CONTROL, generation=1), "session_control_v3"),
        (CONTROL, "session_control_v2"),
        (replace(CONTROL, partial_languages=None), "session_control_v1"),
    ],
)
def test_the_header_is_that_of_avro_single_object_encoding(
    record: StreamRecord, schema: str
) -> None:
    """C3 01 and the little-endian CRC-64-AVRO, reckoned here as the specification says. A control
    record is written in the oldest schema that can carry it."""
    data = encode(record)
    assert data[:2] == b"\xc3\x01"
    assert data[2:10] == struct.pack("<Q", crc_64_avro(canonical(schema)))


def test_a_record_of_before_partial_captions_still_reads() -> None:
    found = decode(WRITTEN_BEFORE)
    assert found == replace(CONTROL, partial_languages=None)
    assert isinstance(found, SessionControl)
    assert found.listeners() == ListenerLanguages(("ca", "es"), 5, ())
    assert CONTROL.listeners() == ListenerLanguages(("ca", "es"), 5, ("es",))
    for length in range(len(WRITTEN_BEFORE)):
        with pytest.raises(UndecodableRecordError):
            decode(WRITTEN_BEFORE[:length])


FINGERPRINTS_OF_9BC5D6E = {"6ab163dcb9012a8d", "fb7aec5456b52442"}
"""Of the control records that the job of that commit reads."""


@pytest.mark.parametrize("kind", [kind for kind in ControlKind if kind is not ControlKind.OPENED])
@pytest.mark.parametrize("partial_languages", [None, ("es",)])
def test_a_job_that_was_rolled_back_reads_every_kind_it_knows(
    kind: ControlKind, partial_languages: tuple[str, ...] | None
) -> None:
    record = replace(CONTROL, kind=kind, partial_languages=partial_languages)
    assert encode(record)[2:10].hex() in FINGERPRINTS_OF_9BC5D6E
    assert encode(OPENED)[2:10].hex() not in FINGERPRINTS_OF_9BC5D6E


@pytest.mark.parametrize("record", [CHUNK, CONTROL, OPENED])
def test_truncation_at_every_byte_is_refused(record: StreamRecord) -> None:
    data = encode(record)
    for length in range(len(data)):
        with pytest.raises(UndecodableRecordError):
            decode(data[:length])


@pytest.mark.parametrize("record", [CHUNK, CONTROL])
@pytest.mark.parametrize("trailing", [b"\0", b"more than one"])
def test_bytes_behind_the_record_are_refused(record: StreamRecord, trailing: bytes) -> None:
    with pytest.raises(UndecodableRecordError, match="behind"):
        decode(encode(record) + trailing)


@settings(deadline=None)
@given(st.binary(min_size=8, max_size=8), st.binary(max_size=60))
def test_an_unknown_fingerprint_is_refused(fingerprint: bytes, body: bytes) -> None:
    with pytest.raises(UndecodableRecordError, match="fingerprint"):
        decode(b"\xc3\x01" + fingerprint + body)


@pytest.mark.parametrize("data", [b"", b"\xc3", b"\xc3\x01", b"\xc3\x02" + bytes(20), bytes(500)])
def test_what_is_not_single_object_encoding_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableRecordError, match="single-object"):
        decode(data)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([CHUNK, CONTROL, OPENED]), st.binary(max_size=80), st.data())
def test_random_bytes_raise_nothing_else(
    record: StreamRecord, noise: bytes, data: st.DataObject
) -> None:
    """And what is taken for a record can travel on in the job."""
    good = encode(record)
    at = data.draw(st.integers(0, len(good)))
    for damaged in (good[:10] + noise, good[:at] + noise + good[at:], good[:at] + noise, noise):
        try:
            found = decode(damaged)
        except UndecodableRecordError:
            continue
        coder = ValueCoder(ReadRecord)
        if isinstance(found, AudioChunk):
            read = ReadRecord(Place("s", "1", ""), 0, 0, chunk=found)
        else:
            read = ReadRecord(Place("s", "1", ""), 0, 0, control=found)
        assert coder.decode(coder.encode(read)) == read


def test_numbers_of_more_than_64_bits_are_refused() -> None:
    header = encode(CHUNK)[:10]
    session = b"\x02s"
    body = b"\xff" * 11 + b"\x01" + b"\0" * 4 + b"\x80\xfa\x01" + b"\x02" + b"\0" + b"\0"
    with pytest.raises(UndecodableRecordError):
        decode(header + session + body)


def test_a_length_beyond_the_record_costs_no_memory() -> None:
    header = encode(CHUNK)[:10]
    with pytest.raises(UndecodableRecordError):
        decode(header + b"\xfe\xff\xff\xff\xff\xff\xff\x7f" + b"short")


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (replace(CHUNK, pcm=b"\1\2\3"), "odd number"),
        (replace(CHUNK, sample_rate_hz=44_100), "44100 Hz"),
        (replace(CHUNK, channels=2), "2 channels"),
        (replace(CHUNK, session_id=""), "no session"),
        (replace(CHUNK, sequence=-1), "negative"),
        (replace(CHUNK, epoch=-1), "negative"),
    ],
)
def test_audio_that_cannot_be_counted_is_refused(broken: AudioChunk, cause: str) -> None:
    with pytest.raises(UndecodableRecordError, match=cause):
        check_audio(broken)
    with pytest.raises(UndecodableRecordError, match=cause):
        decode(encode(broken))


def test_a_control_without_session_is_refused() -> None:
    with pytest.raises(UndecodableRecordError, match="no session"):
        decode(encode(replace(CONTROL, session_id="")))


def test_empty_audio_is_a_chunk_like_any_other() -> None:
    """It has a number, and a number that is missing would be waited for."""
    empty = replace(CHUNK, pcm=b"")
    assert decode(encode(empty)) == empty
    assert empty.samples == 0


def test_a_record_over_the_limit_is_refused_before_it_is_read() -> None:
    frame = len(encode(replace(CHUNK, pcm=b"")))
    fits = replace(CHUNK, pcm=bytes((MAX_RECORD_BYTES - frame) // 2 * 2 - 2))
    assert decode(encode(fits)) == fits
    with pytest.raises(UndecodableRecordError, match="over 1000000 bytes"):
        decode(encode(replace(CHUNK, pcm=bytes(MAX_RECORD_BYTES))))


def test_no_message_holds_what_was_said() -> None:
    secret = replace(CHUNK, pcm=b"spoken" * 5 + b"x")
    with pytest.raises(UndecodableRecordError) as refused:
        decode(encode(secret))
    assert "spoken" not in str(refused.value)
    assert refused.value.__cause__ is None


def canonical(schema: str) -> bytes:
    """Parsing canonical form, for schemas as simple as ours."""

    def form(part: object, namespace: str) -> object:
        if isinstance(part, str):
            return part
        if isinstance(part, list):
            return [form(each, namespace) for each in part]
        assert isinstance(part, dict)
        out: dict[str, object] = {}
        if "name" in part and "type" in part and part["type"] in ("record", "enum"):
            out["name"] = f"{namespace}.{part['name']}"
        elif "name" in part:
            out["name"] = part["name"]
        out["type"] = form(part["type"], namespace)
        for key in ("fields", "symbols", "items"):
            if key in part:
                out[key] = form(part[key], namespace)
        return out

    text = resources.files("schemas").joinpath(f"{schema}.avsc").read_text()
    loaded = json.loads(text)
    return json.dumps(form(loaded, loaded["namespace"]), separators=(",", ":")).encode()


def crc_64_avro(data: bytes) -> int:
    """As in the specification's "Schema Fingerprints"."""
    empty = 0xC15D213AA4D7A795
    value = empty
    for byte in data:
        step = (value ^ byte) & 0xFF
        for _ in range(8):
            step = (step >> 1) ^ (empty & -(step & 1))
        value = (value >> 8) ^ step
    return value
