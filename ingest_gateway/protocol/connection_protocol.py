"""One connection's side of the protocol as a pure state machine: frames in, events out.

No I/O and no clock; time is an argument. The rules:

    state      may send                                               becomes
    new        createSession, joinAsSpeaker, joinSession, audioChunk   (by the answer)
    new, listener  joinRoom                                            as it was
    speaker    audio of its session, broadcast controls, status        new: taken over
    listener   changeLanguage, leaveSession, refreshUrl, heard         new: left
    any        heartbeat

A ``Refused`` event is the sender's to read; the connection goes on as it was. What a command
leads to outside (a session joined, a stream taken over) comes back through ``became_*``.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import cast

import msgspec
from msgspec import UNSET

from ingest_gateway.protocol.frames import HEADER_BYTES, FrameError, decode_frame
from ingest_gateway.protocol.limits import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, Limits, TokenBucket
from ingest_gateway.protocol.messages import (
    ACTION_OF,
    ACTIONS,
    AudioChunkMessage,
    ChangeLanguage,
    ClientMessage,
    Command,
    CreateSession,
    EndSession,
    ErrorCode,
    ErrorMessage,
    GetSessionStatus,
    Heard,
    JoinAsSpeaker,
    JoinRoom,
    JoinSession,
    LeaveSession,
    MuteBroadcast,
    PauseBroadcast,
    RefreshUrl,
    ResumeBroadcast,
    SetVolume,
    UnmuteBroadcast,
)
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

MAX_PCM_BYTES = MAX_FRAME_BYTES - HEADER_BYTES
_SPEAKERS_OWN = (
    PauseBroadcast,
    ResumeBroadcast,
    MuteBroadcast,
    UnmuteBroadcast,
    SetVolume,
    EndSession,
    GetSessionStatus,
)
_LISTENERS_OWN = (ChangeLanguage, LeaveSession, RefreshUrl)


@dataclass(frozen=True, slots=True)
class Speaking:
    session_id: str
    stream_id: str


@dataclass(frozen=True, slots=True)
class Listening:
    session_id: str
    language: str


@dataclass(frozen=True, slots=True)
class Audio:
    """A run of samples of this connection's stream; ``sequence`` None: number it by arrival."""

    session_id: str
    sequence: int | None
    timestamp_ms: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class RecorderFragment:
    """A piece of what a MediaRecorder writes: WebM, Ogg or MP4 (legacy input). ``timestamp_ms``:
    when it began."""

    session_id: str
    sequence: int | None
    timestamp_ms: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    error: ErrorMessage


Event = Command | Audio | RecorderFragment | Refused


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """Something is refused with this answer; used inside the gateway, caught at its connection."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        sequence: int | None = None,
        retry_after_ms: int | None = None,
        place: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.sequence = sequence
        self.retry_after_ms = retry_after_ms
        self.place = place

    def answer(self, action: str | None) -> ErrorMessage:
        return ErrorMessage(
            code=self.code,
            message=self.message,
            action=UNSET if action is None else action,
            sequence=UNSET if self.sequence is None else self.sequence,
            retry_after_ms=UNSET if self.retry_after_ms is None else self.retry_after_ms,
            place=UNSET if self.place is None else self.place,
        )


class _Head(msgspec.Struct):
    action: str


_head_decoder = msgspec.json.Decoder(_Head)
_decoders = {action: msgspec.json.Decoder(kind) for action, kind in ACTIONS.items()}
_lenient_decoders = {
    action: msgspec.json.Decoder(kind, strict=False) for action, kind in ACTIONS.items()
}
_BYTE_ORDER_MARK = "\ufeff"
_WHITE_SPACE = str.maketrans("", "", " \t\r\n")


class ConnectionProtocol:
    """``new_stream_id`` names the stream of a client of the old flow, which names none."""

    def __init__(self, limits: Limits, new_stream_id: str, now_ms: int) -> None:
        self.role: Speaking | Listening | None = None
        self._new_stream_id = new_stream_id
        self._commands = TokenBucket(limits.commands_per_s, limits.command_burst, now_ms)

    def became_speaker(self, session_id: str, stream_id: str) -> None:
        self.role = Speaking(session_id, stream_id)

    def became_listener(self, session_id: str, language: str) -> None:
        self.role = Listening(session_id, language)

    def became_nobody(self) -> None:
        self.role = None

    def receive_binary(self, data: bytes) -> list[Event]:
        try:
            return [self._frame(data)]
        except Refusal as refusal:
            return [Refused(refusal.answer("audioChunk"))]

    def receive_text(self, text: str, now_ms: int) -> list[Event]:
        action: str | None = None
        try:
            # Characters are at least a byte each: a cheap test before an exact one.
            if len(text) > MAX_MESSAGE_BYTES or len(text.encode()) > MAX_MESSAGE_BYTES:
                raise Refusal("TOO_LARGE", f"send at most {MAX_MESSAGE_BYTES} bytes a message")
            text = text.removeprefix(_BYTE_ORDER_MARK)
            action = _action(text)
            return self._admit(_message(action, text), now_ms)
        except Refusal as refusal:
            return [Refused(refusal.answer(action))]

    def _frame(self, data: bytes) -> Audio:
        if len(data) > MAX_FRAME_BYTES:
            raise Refusal("TOO_LARGE", f"send at most {MAX_FRAME_BYTES} bytes a frame")
        try:
            frame = decode_frame(data)
        except FrameError as error:
            raise Refusal("BAD_AUDIO", str(error), sequence=error.sequence) from None
        if not isinstance(self.role, Speaking):
            raise Refusal(
                "NOT_SPEAKER", "send joinAsSpeaker before audio frames", sequence=frame.sequence
            )
        if frame.sequence >= 2**53:
            raise Refusal("BAD_FIELD", "count the chunks of a stream from 0")
        if frame.timestamp_ms >= 253_402_300_800_000:
            raise Refusal(
                "BAD_FIELD",
                "timestamp is in milliseconds since 1970, before the year 10000",
                sequence=frame.sequence,
            )
        _check_pcm(frame.pcm, frame.sequence)
        return Audio(self.role.session_id, frame.sequence, frame.timestamp_ms, frame.pcm)

    def _admit(self, message: Command, now_ms: int) -> list[Event]:
        if isinstance(message, AudioChunkMessage):
            return self._audio_chunk(message)
        wait_ms = self._commands.take(now_ms)
        if wait_ms:
            raise Refusal("RATE_LIMITED", "send fewer messages", retry_after_ms=wait_ms)
        if isinstance(message, _SPEAKERS_OWN):
            self._must_speak_into(message.session_id)
        elif isinstance(message, _LISTENERS_OWN):
            self._must_listen_to(message.session_id)
        elif isinstance(message, Heard) and not isinstance(self.role, Listening):
            raise Refusal("FORBIDDEN", "send joinSession first")
        elif isinstance(message, JoinAsSpeaker | CreateSession):
            if isinstance(self.role, Listening):
                raise Refusal("FORBIDDEN", "this connection listens: speak through another one")
        elif isinstance(message, JoinSession | JoinRoom) and isinstance(self.role, Speaking):
            raise Refusal("FORBIDDEN", "this connection speaks: listen through another one")
        return [message]

    def _audio_chunk(self, message: AudioChunkMessage) -> list[Event]:
        audio: Audio | RecorderFragment
        if message.format in ("webm", "ogg", "mp4"):
            audio = RecorderFragment(
                message.session_id, message.sequence, message.timestamp, _bytes_of(message)
            )
        else:
            pcm = _pcm_of(message)
            audio = Audio(message.session_id, message.sequence, message.timestamp, pcm)
        if self.role is None:
            stream_id = message.stream_id or self._new_stream_id
            return [JoinAsSpeaker(message.session_id, stream_id, message.sequence or 0), audio]
        self._must_speak_into(message.session_id, message.sequence)
        if message.stream_id not in (None, cast("Speaking", self.role).stream_id):
            raise Refusal(
                "BAD_FIELD",
                "streamId is not the one of joinAsSpeaker: join again for a new stream",
                sequence=message.sequence,
            )
        return [audio]

    def _must_speak_into(self, session_id: str, sequence: int | None = None) -> None:
        if not isinstance(self.role, Speaking) or self.role.session_id != session_id:
            raise Refusal(
                "NOT_SPEAKER",
                "this connection does not speak into that session: send joinAsSpeaker",
                sequence=sequence,
            )

    def _must_listen_to(self, session_id: str) -> None:
        if not isinstance(self.role, Listening) or self.role.session_id != session_id:
            raise Refusal("FORBIDDEN", "send joinSession for that session first")


def _action(text: str) -> str:
    try:
        return _head_decoder.decode(text).action
    except msgspec.ValidationError:
        pass  # JSON, but not an object with an action: which of both decides the code
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal("BAD_JSON", "send one JSON object a text frame") from None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal("BAD_JSON", "send one JSON object a text frame") from None
    if not isinstance(value, dict):
        raise Refusal("BAD_JSON", "send one JSON object a text frame")
    raise Refusal("UNKNOWN_ACTION", "name the action in the field action, as text")


def _message(action: str, text: str) -> Command:
    decoder = _decoders.get(action)
    if decoder is None:
        raise Refusal("UNKNOWN_ACTION", f"use one of: {', '.join(ACTIONS)}")
    try:
        return cast("Command", decoder.decode(text))
    except msgspec.ValidationError as error:
        if "got `float`" in str(error):  # 16000.0, as languages without integers write it
            return _with_whole_floats(action, text)
        raise Refusal("BAD_FIELD", str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal("BAD_JSON", "send one JSON object a text frame") from None


def _with_whole_floats(action: str, text: str) -> Command:
    try:
        return cast("Command", _lenient_decoders[action].decode(text))
    except msgspec.ValidationError as error:
        raise Refusal("BAD_FIELD", str(error)) from None


def _pcm_of(message: AudioChunkMessage) -> bytes:
    if (message.format, message.encoding) != ("pcm", "s16le"):
        raise Refusal("BAD_AUDIO", "send format pcm with encoding s16le", sequence=message.sequence)
    if message.sample_rate != SAMPLE_RATE_HZ or message.channels != 1:
        raise Refusal("BAD_AUDIO", f"send mono at {SAMPLE_RATE_HZ} Hz", sequence=message.sequence)
    pcm = _bytes_of(message)
    _check_pcm(pcm, message.sequence)
    return pcm


def _bytes_of(message: AudioChunkMessage) -> bytes:
    try:
        return base64.b64decode(message.audio_data, validate=True)
    except (binascii.Error, ValueError):
        pass  # perhaps because of line breaks: MIME encoders put them in
    try:
        return base64.b64decode(message.audio_data.translate(_WHITE_SPACE), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("BAD_AUDIO", "audioData is not base64", sequence=message.sequence) from None


def _check_pcm(pcm: bytes, sequence: int | None) -> None:
    if not pcm:
        raise Refusal("BAD_AUDIO", "a chunk holds at least one sample", sequence=sequence)
    if len(pcm) > MAX_PCM_BYTES:
        raise Refusal(
            "TOO_LARGE", f"send at most {MAX_PCM_BYTES} bytes of audio a chunk", sequence=sequence
        )
    if len(pcm) % BYTES_PER_SAMPLE:
        raise Refusal("BAD_AUDIO", "a sample has two bytes: send an even number", sequence=sequence)


def action_of(command: Command) -> str:
    return ACTION_OF[cast("type[ClientMessage]", type(command))]
