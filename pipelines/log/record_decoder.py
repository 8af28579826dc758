"""From the bytes of a record to what a session takes; what cannot be read becomes a dead letter."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from connectors.interfaces.shard_source import ShardRecord
from pipelines.log.reader import ReadBatch
from pipelines.session.records import Place, ReadRecord
from schemas.avro_codec import MAX_RECORD_BYTES, UndecodableRecordError, check_audio, decode
from schemas.values import AudioChunk, DeadLetter


def decoded(
    batch: ReadBatch, now_ms: int, refuse: Callable[[DeadLetter], None], *, raw: bool
) -> dict[str, list[ReadRecord]]:
    """The records of a batch by session, in the log's order. ``raw``: they are PCM alone."""
    by_session: dict[str, list[ReadRecord]] = {}
    for place, record in batch.records:
        try:
            value = raw_pcm(record) if raw else decode(record.data)
        except UndecodableRecordError as error:
            refuse(_dead_letter(place, record, str(error), now_ms))
            continue
        chunk = value if isinstance(value, AudioChunk) else None
        control = None if isinstance(value, AudioChunk) else value
        read = ReadRecord(place, record.arrived_at_ms, now_ms, chunk, control, batch.loss)
        by_session.setdefault(value.session_id, []).append(read)
    return by_session


def raw_pcm(record: ShardRecord) -> AudioChunk:
    """A record of the old flow: samples alone, the session as partition key. Its order and identity
    are its place in the log."""
    if len(record.data) > MAX_RECORD_BYTES:
        raise UndecodableRecordError(f"record over {MAX_RECORD_BYTES} bytes")
    at_ms = record.arrived_at_ms
    chunk = AudioChunk(record.partition_key, 0, 0, at_ms, at_ms, record.data)
    check_audio(chunk)
    return chunk


def _dead_letter(place: Place, record: ShardRecord, cause: str, now_ms: int) -> DeadLetter:
    return DeadLetter(
        "read",
        cause,
        f"{place.shard_id}/{record.sequence_number}",
        now_ms,
        record_sha256=hashlib.sha256(record.data).hexdigest(),
        record_bytes=len(record.data),
    )
