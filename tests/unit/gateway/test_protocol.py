"""Each bad input gets its error code; the connection goes on as it was."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.protocol.connection_protocol import (
    MAX_PCM_BYTES,
    Audio,
    ConnectionProtocol,
    Event,
    Refused,
    action_of,
)
from ingest_gateway.protocol.frames import AudioFrame, FrameError, decode_frame, encode_frame
from ingest_gateway.protocol.limits import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Limits
from ingest_gateway.protocol.messages import (
    ACTIONS,
    Heartbeat,
    JoinAsSpeaker,
    JoinSession,
    LeaveSession,
    PauseBroadcast,
    SetVolume,
)

pytestmark = pytest.mark.unit

SESSION = "joyful-mountain-789"
PCM = b"\x01\x00" * 160
CHUNK: dict[str, Any] = {
    "action": "audioChunk",
    "sessionId": SESSION,
    "audioData": base64.b64encode(PCM).decode(),
    "timestamp": 1_790_000_000_000,
    "format": "pcm",
    "sampleRate": 16000,
    "channels": 1,
    "encoding": "s16le",
    "sequence": 7,
}


def new_connection(**limits: Any) -> ConnectionProtocol:
    return ConnectionProtocol(Limits(**limits), "stream-by-arrival", now_ms=0)


@pytest.fixture
def speaker() -> ConnectionProtocol:
    connection = new_connection()
    connection.became_speaker(SESSION, "s1")
    return connection


@pytest.fixture
def listener() -> ConnectionProtocol:
    connection = new_connection()
    connection.became_listener(SESSION, "es")
    return connection


def text(connection: ConnectionProtocol, message: object, now_ms: int = 0) -> list[Event]:
    raw = message if isinstance(message, str) else json.dumps(message)
    return connection.receive_text(raw, now_ms)


def code(events: list[Event]) -> str:
    assert len(events) == 1
    assert isinstance(events[0], Refused), events
    return events[0].error.code


def changed(**fields: Any) -> dict[str, Any]:
    return {**CHUNK, **fields}


BAD_TEXT = [
    ("not json", "BAD_JSON"),
    ("", "BAD_JSON"),
    ('{"action": "heartbeat"', "BAD_JSON"),
    ('{"action": "heartbeat"} {}', "BAD_JSON"),
    ("[1]", "BAD_JSON"),
    ('"heartbeat"', "BAD_JSON"),
    ("null", "BAD_JSON"),
    ("[" * 5000 + "]" * 5000, "BAD_JSON"),
    ("{}", "UNKNOWN_ACTION"),
    ({"action": "shout"}, "UNKNOWN_ACTION"),
    ({"action": 7}, "UNKNOWN_ACTION"),
    ({"action": "createSession"}, "BAD_FIELD"),
    ({"action": "createSession", "sourceLanguage": 5}, "BAD_FIELD"),
    ({"action": "createSession", "sourceLanguage": "en", "qualityTier": "gold"}, "BAD_FIELD"),
    ({"action": "createSession", "sourceLanguage": "en", "targetLanguages": "es"}, "BAD_FIELD"),
    ({"action": "joinAsSpeaker", "sessionId": SESSION}, "BAD_FIELD"),
    ({"action": "joinAsSpeaker", "sessionId": SESSION, "streamId": ""}, "BAD_FIELD"),
    (
        {"action": "joinAsSpeaker", "sessionId": SESSION, "streamId": "s", "nextSequence": -1},
        "BAD_FIELD",
    ),
    ({"action": "joinSession", "sessionId": SESSION}, "BAD_FIELD"),
    ({"action": "joinSession", "sessionId": "x" * 129, "targetLanguage": "es"}, "BAD_FIELD"),
    ({"action": "setVolume", "sessionId": SESSION, "volume": 1.5}, "BAD_FIELD"),
    ({"action": "setVolume", "sessionId": SESSION, "volume": "1"}, "BAD_FIELD"),
    ({"action": "heartbeat", "padding": "x" * MAX_MESSAGE_BYTES}, "TOO_LARGE"),
    ("\u00e9" * (MAX_MESSAGE_BYTES // 2 + 1), "TOO_LARGE"),
]


@pytest.mark.parametrize(("message", "expected"), BAD_TEXT)
def test_bad_text_is_refused_and_the_connection_goes_on(message: object, expected: str) -> None:
    connection = new_connection()
    assert code(text(connection, message)) == expected
    assert text(connection, {"action": "heartbeat"}) == [Heartbeat()]


BAD_CHUNKS = [
    (changed(audioData="@@@"), "BAD_AUDIO"),
    (changed(audioData="QUJD\n"), "BAD_AUDIO"),
    (changed(audioData=base64.b64encode(b"odd").decode()), "BAD_AUDIO"),
    (changed(audioData=""), "BAD_AUDIO"),
    (changed(sampleRate=44100), "BAD_AUDIO"),
    (changed(channels=2), "BAD_AUDIO"),
    (changed(encoding="mulaw"), "BAD_AUDIO"),
    (changed(format="opus"), "BAD_AUDIO"),
    (changed(audioData=base64.b64encode(bytes(MAX_PCM_BYTES + 2)).decode()), "TOO_LARGE"),
    (changed(sampleRate="16000"), "BAD_FIELD"),
    (changed(timestamp="now"), "BAD_FIELD"),
    (changed(timestamp=-1), "BAD_FIELD"),
    (changed(timestamp=253_402_300_800_000), "BAD_FIELD"),
    (changed(sequence=-1), "BAD_FIELD"),
    (changed(sequence=1.5), "BAD_FIELD"),
    (changed(sequence=2**53), "BAD_FIELD"),
    (changed(streamId="another"), "BAD_FIELD"),
    (changed(sessionId="other-session-1"), "NOT_SPEAKER"),
    ({name: value for name, value in CHUNK.items() if name != "audioData"}, "BAD_FIELD"),
]


@pytest.mark.parametrize(("message", "expected"), BAD_CHUNKS)
def test_a_bad_chunk_is_refused_and_the_next_one_is_taken(
    speaker: ConnectionProtocol, message: dict[str, Any], expected: str
) -> None:
    assert code(text(speaker, message)) == expected
    assert text(speaker, CHUNK) == [Audio(SESSION, 7, 1_790_000_000_000, PCM)]


def test_a_refusal_names_action_and_sequence(speaker: ConnectionProtocol) -> None:
    (refused,) = text(speaker, changed(sampleRate=8000, sequence=12))
    assert isinstance(refused, Refused)
    assert (refused.error.action, refused.error.sequence) == ("audioChunk", 12)


def test_a_refusal_repeats_nothing_of_what_was_sent(speaker: ConnectionProtocol) -> None:
    secret = "c3BlZWNoIGlzIHBlcnNvbmFs"
    for message in (changed(audioData=secret + "!"), changed(audioData=[secret]), f'"{secret}'):
        (refused,) = text(speaker, message)
        assert isinstance(refused, Refused)
        assert secret not in refused.error.message


def test_a_frame_becomes_audio_of_the_connections_session(speaker: ConnectionProtocol) -> None:
    frame = encode_frame(AudioFrame(9, 1_790_000_000_123, PCM))
    assert len(frame) == 24 + len(PCM)
    assert speaker.receive_binary(frame) == [Audio(SESSION, 9, 1_790_000_000_123, PCM)]


def raw_frame(
    *,
    magic: int = 0xA1,
    version: int = 1,
    sequence: int = 3,
    at: int = 5,
    pcm: bytes = PCM,
    length: int | None = None,
) -> bytes:
    length = len(pcm) if length is None else length
    return struct.pack(">BBHQQI", magic, version, 0, sequence, at, length) + pcm


BAD_FRAMES = [
    (b"", "BAD_AUDIO"),
    (raw_frame()[:23], "BAD_AUDIO"),
    (raw_frame(magic=0xA2), "BAD_AUDIO"),
    (raw_frame(version=2), "BAD_AUDIO"),
    (raw_frame(length=4), "BAD_AUDIO"),
    (raw_frame(pcm=b""), "BAD_AUDIO"),
    (raw_frame(pcm=b"odd"), "BAD_AUDIO"),
    (raw_frame(sequence=2**64 - 1), "BAD_FIELD"),
    (raw_frame(at=2**64 - 1), "BAD_FIELD"),
    (raw_frame(pcm=bytes(MAX_FRAME_BYTES - 22)), "TOO_LARGE"),
]


@pytest.mark.parametrize(("frame", "expected"), BAD_FRAMES)
def test_a_bad_frame_is_refused_and_the_next_one_is_taken(
    speaker: ConnectionProtocol, frame: bytes, expected: str
) -> None:
    assert code(speaker.receive_binary(frame)) == expected
    assert speaker.receive_binary(raw_frame()) == [Audio(SESSION, 3, 5, PCM)]


def test_the_largest_frame_is_taken(speaker: ConnectionProtocol) -> None:
    frame = raw_frame(pcm=bytes(MAX_PCM_BYTES))
    assert len(frame) == MAX_FRAME_BYTES
    assert speaker.receive_binary(frame) == [Audio(SESSION, 3, 5, bytes(MAX_PCM_BYTES))]


@given(st.binary(max_size=200))
def test_no_bytes_break_a_connection(data: bytes) -> None:
    connection = new_connection()
    connection.became_speaker(SESSION, "s1")
    for event in connection.receive_binary(data):
        assert isinstance(event, Refused | Audio)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    st.sampled_from([*ACTIONS, "shout"]),
)
def test_no_json_breaks_a_connection(value: object, action: str) -> None:
    connection = new_connection()
    fields = value if isinstance(value, dict) else {"sessionId": value}
    for event in text(connection, {**fields, "action": action}):
        assert isinstance(event, Refused) or action_of(event) in ACTIONS  # type: ignore[arg-type]


@given(st.integers(0, 2**53), st.integers(0, 2**45), st.binary(max_size=100))
def test_frames_come_back_as_they_were(sequence: int, at_ms: int, pcm: bytes) -> None:
    frame = AudioFrame(sequence, at_ms, pcm, flags=5)
    assert decode_frame(encode_frame(frame)) == frame


def test_a_frames_header_is_read_before_its_length_is_refused() -> None:
    with pytest.raises(FrameError) as raised:
        decode_frame(raw_frame(sequence=44, length=1))
    assert raised.value.sequence == 44


def test_frames_before_joining_are_refused() -> None:
    assert code(new_connection().receive_binary(raw_frame())) == "NOT_SPEAKER"


def test_a_client_of_the_old_flow_is_joined_by_its_first_chunk() -> None:
    message = {name: value for name, value in CHUNK.items() if name != "sequence"}
    connection = new_connection()
    joined, audio = text(connection, message)
    assert joined == JoinAsSpeaker(SESSION, "stream-by-arrival", 0)
    assert audio == Audio(SESSION, None, 1_790_000_000_000, PCM)


@pytest.mark.parametrize(
    "action",
    [
        "pauseBroadcast",
        "resumeBroadcast",
        "muteBroadcast",
        "unmuteBroadcast",
        "endSession",
        "getSessionStatus",
    ],
)
def test_only_the_speaker_of_the_session_controls_it(
    speaker: ConnectionProtocol, listener: ConnectionProtocol, action: str
) -> None:
    message = {"action": action, "sessionId": SESSION}
    assert code(text(new_connection(), message)) == "NOT_SPEAKER"
    assert code(text(listener, message)) == "NOT_SPEAKER"
    assert code(text(speaker, {**message, "sessionId": "other-session-1"})) == "NOT_SPEAKER"
    (command,) = text(speaker, message)
    assert command == ACTIONS[action](SESSION)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("changeLanguage", {"targetLanguage": "ca"}),
        ("leaveSession", {}),
        ("refreshUrl", {"targetLanguage": "es", "sequenceNumber": 3}),
    ],
)
def test_only_a_listener_of_the_session_changes_what_it_hears(
    speaker: ConnectionProtocol, listener: ConnectionProtocol, action: str, fields: dict[str, Any]
) -> None:
    message = {"action": action, "sessionId": SESSION, **fields}
    assert code(text(new_connection(), message)) == "FORBIDDEN"
    assert code(text(speaker, message)) == "FORBIDDEN"
    assert code(text(listener, {**message, "sessionId": "other-session-1"})) == "FORBIDDEN"
    (command,) = text(listener, message)
    assert action_of(command) == action  # type: ignore[arg-type]


def test_one_connection_does_not_speak_and_listen(
    speaker: ConnectionProtocol, listener: ConnectionProtocol
) -> None:
    join = {"action": "joinSession", "sessionId": SESSION, "targetLanguage": "es"}
    speak = {"action": "joinAsSpeaker", "sessionId": SESSION, "streamId": "s"}
    assert code(text(speaker, join)) == "FORBIDDEN"
    assert code(text(listener, speak)) == "FORBIDDEN"
    listener.became_nobody()
    assert text(listener, speak) == [JoinAsSpeaker(SESSION, "s", 0)]


def test_unknown_fields_and_capabilities_are_ignored() -> None:
    message = {
        "action": "joinSession",
        "sessionId": SESSION,
        "targetLanguage": "es",
        "capabilities": ["inlineAudio", "smell"],
        "sinceSequence": -1,
        "colour": "blue",
    }
    assert text(new_connection(), message) == [
        JoinSession(SESSION, "es", ("inlineAudio", "smell"), -1)
    ]


def test_an_integer_volume_is_a_volume(speaker: ConnectionProtocol) -> None:
    message = {"action": "setVolume", "sessionId": SESSION, "volume": 1}
    assert text(speaker, message) == [SetVolume(SESSION, 1.0)]


def test_too_many_commands_are_told_when_to_come_back() -> None:
    speaker = new_connection(commands_per_s=10.0, command_burst=2)
    speaker.became_speaker(SESSION, "s1")
    pause = {"action": "pauseBroadcast", "sessionId": SESSION}
    assert text(speaker, pause, 0) == [PauseBroadcast(SESSION)]
    assert text(speaker, pause, 0) == [PauseBroadcast(SESSION)]
    (refused,) = text(speaker, pause, 0)
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.error.retry_after_ms) == ("RATE_LIMITED", 100)
    assert code(text(speaker, pause, 99)) == "RATE_LIMITED"
    assert text(speaker, pause, 100) == [PauseBroadcast(SESSION)]


def test_audio_does_not_use_up_the_commands() -> None:
    speaker = new_connection(commands_per_s=0.001, command_burst=1)
    speaker.became_speaker(SESSION, "s1")
    for _ in range(5):
        assert len(text(speaker, CHUNK)) == 1
    assert text(speaker, {"action": "heartbeat"}) == [Heartbeat()]


def test_leaving_needs_no_language(listener: ConnectionProtocol) -> None:
    assert text(listener, {"action": "leaveSession", "sessionId": SESSION}) == [
        LeaveSession(SESSION)
    ]
