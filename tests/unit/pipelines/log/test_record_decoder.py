"""Records become what a session takes, by session and in order; a bad one is a dead letter."""

from __future__ import annotations

import hashlib

import pytest

from connectors.interfaces.shard_source import ShardRecord
from pipelines.log.reader import ReadBatch
from pipelines.log.record_decoder import decoded
from pipelines.session.records import Place, ReadRecord
from schemas.avro_codec import MAX_RECORD_BYTES, encode
from schemas.values import AudioChunk, ControlKind, DeadLetter, SessionControl, StreamRecord

pytestmark = pytest.mark.unit

NOW_MS = 1_800_000_009_000
ARRIVED_MS = 1_800_000_000_000


def chunk(session_id: str, sequence: int) -> AudioChunk:
    return AudioChunk(session_id, 0, sequence, ARRIVED_MS - 300, ARRIVED_MS - 100, b"\1\0" * 8)


def control(session_id: str) -> SessionControl:
    return SessionControl(session_id, 0, 7, 1, ControlKind.PAUSE, ARRIVED_MS)


def stored(number: int, record: StreamRecord | bytes, key: str = "talk") -> ShardRecord:
    data = record if isinstance(record, bytes) else encode(record)
    return ShardRecord(key, str(number), ARRIVED_MS + number, data)


class Decoding:
    """``letters`` are those of the last batch."""

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    def __call__(
        self, *records: ShardRecord, loss: int = 0, raw: bool = False
    ) -> dict[str, list[ReadRecord]]:
        placed = [(place(int(each.sequence_number)), each) for each in records]
        self.letters.clear()
        return decoded(ReadBatch(placed, loss), NOW_MS, self.letters.append, raw=raw)


def place(number: int) -> Place:
    return Place("shard-1", str(number), str(number - 1))


@pytest.fixture
def decoding() -> Decoding:
    return Decoding()


def test_records_come_by_session_in_the_order_of_the_log(decoding: Decoding) -> None:
    records = [chunk("a", 0), chunk("b", 0), chunk("a", 1), control("b")]
    found = decoding(*(stored(number, each) for number, each in enumerate(records, 1)))
    assert {key: [each.place.number for each in reads] for key, reads in found.items()} == {
        "a": ["1", "3"],
        "b": ["2", "4"],
    }
    assert [each.chunk for each in found["a"]] == [chunk("a", 0), chunk("a", 1)]
    assert [(each.chunk, each.control) for each in found["b"]] == [
        (chunk("b", 0), None),
        (None, control("b")),
    ]
    assert not decoding.letters


def test_a_record_keeps_its_place_and_its_times(decoding: Decoding) -> None:
    ((read,),) = decoding(stored(5, chunk("a", 0))).values()
    assert read == ReadRecord(place(5), ARRIVED_MS + 5, NOW_MS, chunk("a", 0))


def test_all_records_of_a_batch_after_a_loss_say_so(decoding: Decoding) -> None:
    found = decoding(stored(1, chunk("a", 0)), stored(2, control("b")), loss=3)
    assert all(each.loss == 3 for reads in found.values() for each in reads)


def test_a_bad_record_becomes_a_dead_letter_and_its_neighbours_are_read(
    decoding: Decoding,
) -> None:
    found = decoding(stored(1, chunk("a", 0)), stored(2, b"secret words"), stored(3, control("a")))
    assert [each.place.number for each in found["a"]] == ["1", "3"]
    (letter,) = decoding.letters
    assert (letter.stage, letter.key, letter.at_ms) == ("read", "shard-1/2", NOW_MS)
    assert letter.record_sha256 == hashlib.sha256(b"secret words").hexdigest()
    assert letter.record_bytes == 12
    assert "secret" not in repr(letter)


def test_a_batch_of_bad_records_brings_nothing(decoding: Decoding) -> None:
    assert decoding(stored(1, b""), stored(2, b"\xc3\x01 and no more")) == {}
    assert [each.key for each in decoding.letters] == ["shard-1/1", "shard-1/2"]
    assert decoding() == {}


# Raw PCM ------------------------------------------------------------------------------------------


def test_raw_pcm_is_of_the_session_that_is_its_key(decoding: Decoding) -> None:
    pcm = b"\1\0" * 8
    found = decoding(stored(1, pcm, "a"), stored(2, pcm, "b"), stored(3, pcm, "a"), raw=True)
    assert {key: [each.place.number for each in reads] for key, reads in found.items()} == {
        "a": ["1", "3"],
        "b": ["2"],
    }
    at_ms = ARRIVED_MS + 1
    assert found["a"][0].chunk == AudioChunk("a", 0, 0, at_ms, at_ms, pcm)


def test_raw_pcm_is_never_taken_for_avro(decoding: Decoding) -> None:
    avro = encode(chunk("a", 0))
    padded = avro if len(avro) % 2 == 0 else avro + b"\0"
    ((read,),) = decoding(stored(1, padded, "b"), raw=True).values()
    assert read.chunk is not None
    assert (read.chunk.session_id, read.chunk.pcm) == ("b", padded)


@pytest.mark.parametrize(
    ("data", "key", "cause"),
    [
        (b"\0" * 3, "a", "odd number"),
        (b"\0" * 2, "", "no session"),
        (b"\0" * (MAX_RECORD_BYTES + 2), "a", "over 1000000 bytes"),
    ],
)
def test_raw_pcm_that_cannot_be_counted_becomes_a_dead_letter(
    decoding: Decoding, data: bytes, key: str, cause: str
) -> None:
    assert decoding(stored(1, data, key), raw=True) == {}
    (letter,) = decoding.letters
    assert cause in letter.cause
