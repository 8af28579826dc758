"""Avro single-object encoding of what travels on the stream.

``C3 01``, the little-endian CRC-64-AVRO fingerprint of the schema, then the Avro body
(Avro 1.11 specification, "Single-object encoding").

A schema changes by fields with a default and by symbols only, and the files it had before stay as
``*_v1.avsc``, ``*_v2.avsc``: what was written by them decodes for as long as a stream may hold it.
A new job reads an old gateway's records; so the job is updated first. A control record is written
in the oldest schema that can carry it: a job that was rolled back reads all of a new gateway's but
those whose kind it does not know, and refuses these by their fingerprint.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, cast

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form
from fastavro.types import Schema

from schemas.values import AudioChunk, ControlKind, SessionControl, StreamRecord

MARKER = b"\xc3\x01"
_HEADER_BYTES = 10
MAX_RECORD_BYTES = 1_000_000


class UndecodableRecordError(ValueError):
    """Not one of our records. The message names the fault and holds nothing of the content."""


def _load(name: str) -> Schema:
    text = resources.files("schemas").joinpath(f"{name}.avsc").read_text()
    return fastavro.parse_schema(json.loads(text))


def _fingerprint(schema: Schema) -> bytes:
    """The 8 bytes that stand in the header. fastavro gives them in the order they are written."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


AUDIO_CHUNK = _load("audio_chunk")
SESSION_CONTROL = _load("session_control")
_AUDIO_CHUNK_HEADER = MARKER + _fingerprint(AUDIO_CHUNK)
_SESSION_CONTROL_V1 = _load("session_control_v1")
_SESSION_CONTROL_V2 = _load("session_control_v2")
_SESSION_CONTROL_V3 = _load("session_control_v3")
_SESSION_CONTROL_HEADER = MARKER + _fingerprint(SESSION_CONTROL)
_SESSION_CONTROL_V1_HEADER = MARKER + _fingerprint(_SESSION_CONTROL_V1)
_SESSION_CONTROL_V2_HEADER = MARKER + _fingerprint(_SESSION_CONTROL_V2)
_SESSION_CONTROL_V3_HEADER = MARKER + _fingerprint(_SESSION_CONTROL_V3)
_SESSION_CONTROL_WRITERS = {
    _SESSION_CONTROL_HEADER: SESSION_CONTROL,
    _SESSION_CONTROL_V1_HEADER: _SESSION_CONTROL_V1,
    _SESSION_CONTROL_V2_HEADER: _SESSION_CONTROL_V2,
    _SESSION_CONTROL_V3_HEADER: _SESSION_CONTROL_V3,
}


def encode(record: StreamRecord) -> bytes:
    if isinstance(record, AudioChunk):
        return _write(
            _AUDIO_CHUNK_HEADER,
            AUDIO_CHUNK,
            {
                "sessionId": record.session_id,
                "epoch": record.epoch,
                "sequence": record.sequence,
                "capturedAt": record.captured_at_ms,
                "receivedAt": record.received_at_ms,
                "sampleRate": record.sample_rate_hz,
                "channels": record.channels,
                "encoding": record.encoding,
                "pcm": record.pcm,
            },
        )
    header, schema = _oldest_for(record)
    return _write(
        header,
        schema,
        {
            "sessionId": record.session_id,
            "epoch": record.epoch,
            "afterSequence": record.after_sequence,
            "revision": record.revision,
            "kind": record.kind.value,
            "languages": None if record.languages is None else list(record.languages),
            "nextSequence": record.next_sequence,
            "at": record.at_ms,
            "partialLanguages": (
                None if record.partial_languages is None else list(record.partial_languages)
            ),
            "generation": record.generation,
            "captionLanguages": list(record.caption_languages) or None,
        },
    )


def _oldest_for(record: SessionControl) -> tuple[bytes, Schema]:
    """The oldest schema that can carry the record, with its header."""
    if record.caption_languages:
        return _SESSION_CONTROL_HEADER, SESSION_CONTROL
    if record.kind is ControlKind.OPENED or record.generation != 0:
        return _SESSION_CONTROL_V3_HEADER, _SESSION_CONTROL_V3
    if record.partial_languages is not None:
        return _SESSION_CONTROL_V2_HEADER, _SESSION_CONTROL_V2
    return _SESSION_CONTROL_V1_HEADER, _SESSION_CONTROL_V1


def decode(data: bytes) -> StreamRecord:
    """Raises UndecodableRecordError for anything that ``encode`` could not have written, now or
    by an earlier schema."""
    if len(data) > MAX_RECORD_BYTES:
        raise UndecodableRecordError(f"record over {MAX_RECORD_BYTES} bytes")
    if len(data) < _HEADER_BYTES or data[:2] != MARKER:
        raise UndecodableRecordError("not Avro single-object encoding")
    header = data[:_HEADER_BYTES]
    if header == _AUDIO_CHUNK_HEADER:
        return _audio_chunk(_read(AUDIO_CHUNK, data))
    if header in _SESSION_CONTROL_WRITERS:
        written_by = _SESSION_CONTROL_WRITERS[header]
        return _session_control(_read(written_by, data, SESSION_CONTROL))
    raise UndecodableRecordError("unknown schema fingerprint")


def _write(header: bytes, schema: Schema, record: Mapping[str, object]) -> bytes:
    body = io.BytesIO()
    body.write(header)
    fastavro.schemaless_writer(body, schema, record)
    return body.getvalue()


def _read(written_by: Schema, data: bytes, read_as: Schema | None = None) -> dict[str, Any]:
    """``read_as`` None: as it was written."""
    body = io.BytesIO(data)
    body.seek(_HEADER_BYTES)
    if read_as is written_by:
        read_as = None  # the same fields, without matching them
    try:
        record = cast("dict[str, Any]", fastavro.schemaless_reader(body, written_by, read_as))
    except Exception as error:  # fastavro raises many kinds, IndexError and struct.error among them
        raise UndecodableRecordError(
            f"truncated or malformed Avro: {type(error).__name__}"
        ) from None
    if body.tell() != len(data):
        raise UndecodableRecordError("bytes behind the Avro record")
    return record


def _audio_chunk(record: dict[str, Any]) -> AudioChunk:
    chunk = AudioChunk(
        session_id=record["sessionId"],
        epoch=record["epoch"],
        sequence=record["sequence"],
        captured_at_ms=record["capturedAt"],
        received_at_ms=record["receivedAt"],
        pcm=record["pcm"],
        sample_rate_hz=record["sampleRate"],
        channels=record["channels"],
        encoding=record["encoding"],
    )
    check_audio(chunk)
    return chunk


def check_audio(chunk: AudioChunk) -> None:
    """Refuse what the pipeline cannot count in 16 kHz mono samples."""
    if not chunk.session_id:
        raise UndecodableRecordError("no session")
    if chunk.epoch < 0 or chunk.sequence < 0:
        raise UndecodableRecordError("negative epoch or sequence")
    if chunk.sample_rate_hz != 16_000 or chunk.channels != 1:
        raise UndecodableRecordError(
            f"{chunk.sample_rate_hz} Hz, {chunk.channels} channels; needs 16000 Hz, mono"
        )
    if len(chunk.pcm) % 2:
        raise UndecodableRecordError("odd number of PCM bytes")


def _session_control(record: dict[str, Any]) -> SessionControl:
    if not record["sessionId"]:
        raise UndecodableRecordError("no session")
    languages, partial = record["languages"], record["partialLanguages"]
    return SessionControl(
        session_id=record["sessionId"],
        epoch=record["epoch"],
        after_sequence=record["afterSequence"],
        revision=record["revision"],
        kind=ControlKind(record["kind"]),
        at_ms=record["at"],
        languages=None if languages is None else tuple(languages),
        next_sequence=record["nextSequence"],
        partial_languages=None if partial is None else tuple(partial),
        generation=record["generation"],
        caption_languages=tuple(record["captionLanguages"] or ()),
    )
