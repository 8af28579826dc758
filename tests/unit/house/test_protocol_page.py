"""docs/protocol.md is what the code reads and writes: every example of it goes through the code."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from connectors.amazon import session_items
from connectors.amazon.layout import tables
from connectors.amazon.ledger import EXPIRES_AT, from_item, outcome_value, to_item
from connectors.files.stored_chunks import read_stored_audio
from connectors.interfaces.dead_letters import letter_json, letter_key, letter_of
from connectors.interfaces.session_events import SessionEventType, event_of
from ingest_gateway.protocol.connection_protocol import ConnectionProtocol, Refused
from ingest_gateway.protocol.frames import AudioFrame, decode_frame, encode_frame
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.protocol.messages import ACTIONS, ErrorCode, ServerMessage, encode
from ingest_gateway.routes.openapi import document
from ingest_gateway.routes.refusals import REFUSAL_STATUS
from pipelines.session.messages import (
    own_caption,
    partial_caption,
    skipped,
    translated_audio,
    translated_caption,
)
from schemas import avro_codec
from schemas.names import RECOGNISED_STAGES, Names, clip_key
from schemas.values import (
    Clip,
    ControlKind,
    EntryKind,
    LedgerEntry,
    Release,
    Route,
    SessionControl,
    Timeline,
    Translation,
    VoicedPhrase,
)
from tests.unit.house.pages import PROTOCOL, blocks, json_lines

pytestmark = pytest.mark.unit

SESSION = "joyful-mountain-789"
SPEAKERS = {"createSession", "joinAsSpeaker"}
ANYBODY = {"joinSession", "joinRoom", "heartbeat"}
LISTENERS = {"changeLanguage", "leaveSession", "refreshUrl", "heard"}
SENT_BY_THE_JOB = {
    *("translatedAudio", "skipped"),
    *("partialCaption", "ownCaption", "translatedCaption"),
}
EXAMPLES = [*json_lines(PROTOCOL, "server"), *json_lines(PROTOCOL, "talk")]


def of_type(name: str) -> list[dict[str, Any]]:
    return [one for one in EXAMPLES if one["type"] == name]


# Messages


@pytest.mark.parametrize("example", json_lines(PROTOCOL, "client"), ids=lambda one: one["action"])
def test_the_gateway_takes_each_message_of_a_client(example: dict[str, Any]) -> None:
    connection = ConnectionProtocol(Limits(), "by-arrival", now_ms=0)
    if example["action"] in LISTENERS:
        connection.became_listener(SESSION, "es")
    elif example["action"] not in {*SPEAKERS, *ANYBODY}:
        connection.became_speaker(SESSION, "6f1c")
    events = connection.receive_text(json.dumps(example), now_ms=0)
    assert not [event for event in events if isinstance(event, Refused)]
    known = {field.encode_name for field in msgspec.structs.fields(ACTIONS[example["action"]])}
    assert set(example) - known == {"action"}


def test_every_action_has_an_example() -> None:
    assert {one["action"] for one in json_lines(PROTOCOL, "client")} == set(ACTIONS)


def server_types() -> dict[str, type[ServerMessage]]:
    return {str(one.__struct_config__.tag): one for one in ServerMessage.__subclasses__()}


def test_every_message_of_the_gateway_has_an_example() -> None:
    assert {one["type"] for one in EXAMPLES} == {*server_types(), *SENT_BY_THE_JOB}


@pytest.mark.parametrize(
    "example",
    [one for one in EXAMPLES if one["type"] not in SENT_BY_THE_JOB],
    ids=lambda one: one["type"],
)
def test_the_gateway_sends_each_message_as_it_stands(example: dict[str, Any]) -> None:
    message = msgspec.convert(example, server_types()[example["type"]])
    assert json.loads(encode(message)) == example


def entry_of(example: dict[str, Any]) -> LedgerEntry:
    """The entry that a message of the job speaks of."""
    samples = round(example["sourceDuration"] * 16_000)
    return LedgerEntry(
        session_id=example["sessionId"],
        number=example["sequenceNumber"],
        epoch=0,
        kind=EntryKind.SPEECH,
        first_sample=0,
        end_sample=samples,
        text=example["sourceTranscript"],
        language="en",
        captured_at_ms=example["timestamp"],
        committed_at_ms=example["timestamp"],
        writer="job",
        resume_sample=samples,
        resume_sequence=0,
        resume_sequence_sample=0,
    )


def translation_of(example: dict[str, Any]) -> Translation:
    route = Route(example["targetLanguage"], example["previousSequenceNumber"])
    timeline = Timeline(0, 0, tuple(example.get("stages", {}).items()))
    phrase = VoicedPhrase(
        Release(
            example["sentence"],
            example["endsSentence"],
            example["transcript"],
            from_number=6,
            at_ms=example["timestamp"],
            previous_number=example["previousSequenceNumber"],
        ),
        example["sourceTranscript"],
        example["sourceDuration"],
    )
    return Translation(entry_of(example), route, example["transcript"], timeline, phrase=phrase)


def test_the_job_sends_a_clip_as_it_stands() -> None:
    (example,) = of_type("translatedAudio")
    clip = Clip(base64.b64decode(example["audio"]), example["duration"])
    translation = translation_of(example)
    url, audio = example["url"], example["audio"]
    assert translated_audio(translation, clip, url, audio=audio) == example
    key = clip_key(SESSION, "es", example["timestamp"])
    assert url.endswith(key)
    assert set(example["stages"]) == set(RECOGNISED_STAGES)


def test_the_job_sends_a_notice_as_it_stands() -> None:
    (example,) = of_type("skipped")
    assert skipped(translation_of(example), example["reason"]) == example


def test_the_job_sends_captions_as_they_stand() -> None:
    (partial,) = of_type("partialCaption")
    assert partial_caption(partial["sequenceNumber"], partial["text"], "en") == partial
    for ahead in of_type("translatedCaption"):
        entry = replace(entry_of(of_type("translatedAudio")[0]), number=ahead["sequenceNumber"])
        text, preview = ahead["text"], ahead["preview"]
        made = translated_caption(entry, "es", 2, text, preview, is_final=ahead["final"])
        assert made == ahead
    (own,) = of_type("ownCaption")
    assert own_caption(own["sequenceNumber"], own["text"], final=own["final"]) == own


def test_the_stages_are_the_ones_that_are_measured() -> None:
    listed = re.search(r"^- `stages` are the.*?: (.*)\.$", PROTOCOL.read_text(), re.MULTILINE)
    assert listed is not None
    assert tuple(re.findall(r"`(\w+)`", listed[1])) == RECOGNISED_STAGES


def test_each_error_stands_with_its_status() -> None:
    rows = re.findall(r"^\| ((?:`[A-Z_]+` ?)+) \| ?(\d*) \|", PROTOCOL.read_text(), re.MULTILINE)
    said = {code: status for codes, status in rows for code in re.findall(r"[A-Z_]+", codes)}
    assert set(said) == set(get_args(ErrorCode))
    # Nothing is refused by SLOW_DOWN: it is a notice.
    assert {code: int(status) for code, status in said.items() if status} == {
        code: REFUSAL_STATUS.get(code, 400) for code in said if code != "SLOW_DOWN"
    }


def test_a_frame_is_read_and_written() -> None:
    (block,) = blocks(PROTOCOL, "frame")
    data = bytes.fromhex(block)
    frame = decode_frame(data)
    assert frame == AudioFrame(7, 1_790_000_000_000, b"\x01\0\x02\0\x03\0")
    assert encode_frame(frame) == data


def test_every_path_of_the_gateway_is_named() -> None:
    code = " ".join(re.findall(r"`([^`\n]+)`", PROTOCOL.read_text()))
    named = set(re.findall(r"/[^\s?,]*", code))
    assert set(document()["paths"]) - named == set()


# Stored names


def test_streams_tables_and_buckets_have_their_names() -> None:
    names = Names("{stage}")
    page = PROTOCOL.read_text()
    stored = [
        names.audio_stream,
        names.dead_letter_stream,
        names.clip_bucket,
        names.audio_bucket,
        *(table.name for table in tables(names)),
    ]
    assert [name for name in stored if f"`{name}`" not in page] == []


def test_keys_are_made_of_the_same_parts() -> None:
    clip, _, letter = blocks(PROTOCOL, "key")[0].splitlines()
    assert clip == clip_key(SESSION, "es", 1_790_000_005_000)
    (example,) = json_lines(PROTOCOL, "letter")
    written = letter_of(json.dumps(example).encode())
    assert written is not None
    assert json.loads(letter_json(written)) == example
    assert letter_key(written) == letter


def test_a_folder_of_recorded_chunks_is_read(tmp_path: Path) -> None:
    _, chunk, _ = blocks(PROTOCOL, "key")[0].splitlines()
    (tmp_path / chunk).parent.mkdir(parents=True)
    (tmp_path / chunk).write_bytes(bytes(8_000))
    (read,) = read_stored_audio(tmp_path).chunks
    assert (read.session_id, read.captured_at_ms) == (SESSION, 1_790_000_005_000)


@pytest.mark.parametrize("example", json_lines(PROTOCOL, "control"), ids=lambda one: one["kind"])
def test_a_gateways_record_goes_through_avro(example: dict[str, Any]) -> None:
    record = SessionControl(
        session_id=example["sessionId"],
        epoch=example["epoch"],
        after_sequence=example["afterSequence"],
        revision=example["revision"],
        kind=ControlKind(example["kind"]),
        at_ms=example["at"],
        languages=_texts(example["languages"]),
        next_sequence=example["nextSequence"],
        partial_languages=_texts(example["partialLanguages"]),
        generation=example["generation"],
        caption_languages=_texts(example["captionLanguages"]) or (),
    )
    assert avro_codec.decode(avro_codec.encode(record)) == record
    schema: Any = avro_codec.SESSION_CONTROL
    assert list(example) == [field["name"] for field in schema["fields"]]


def _texts(value: list[str] | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value)


def test_a_sessions_row_is_read_and_written() -> None:
    (example,) = json_lines(PROTOCOL, "Sessions")
    row = session_items.session_row(example)
    expires_at_ms = int(example[EXPIRES_AT]["N"]) * 1000
    assert session_items.session_item(row, expires_at_ms=expires_at_ms) == example
    assert (row.generation, row.epoch, len(row.earlier)) == (2, 1, 1)


def test_a_listeners_row_is_read_and_written() -> None:
    (example,) = json_lines(PROTOCOL, "Connections")
    assert session_items.connection_item(session_items.connection_row(example)) == example


def test_the_count_of_listeners_is_read() -> None:
    (example,) = json_lines(PROTOCOL, "ListenerCounts")
    counts = session_items.listener_counts(example)
    attributes = session_items.count_attributes(counts)
    written = {name: {"N": str(count)} for name, count in attributes.items()}
    assert written == {name: example[name] for name in example if "#" in name}
    assert counts.revision == 3


def test_an_entry_of_the_ledger_is_read_and_written() -> None:
    (example,) = json_lines(PROTOCOL, "Utterances")
    entry = from_item(example)
    outcomes = {one.language: outcome_value(one) for one in entry.outcomes}
    assert to_item(replace(entry, outcomes=())) | {"outcomes": {"M": outcomes}} == example
    assert set(outcomes) == {"es", "pt"}


@pytest.mark.parametrize("example", json_lines(PROTOCOL, "event"), ids=lambda e: e["eventType"])
def test_an_event_is_read_and_written(example: dict[str, Any]) -> None:
    assert event_of(example).detail() == example


def test_every_event_has_an_example() -> None:
    said = {one["eventType"] for one in json_lines(PROTOCOL, "event")}
    assert said == {kind.value for kind in SessionEventType}
