"""The protocol's JSON messages as types: ``action`` from clients, ``type`` from the gateway.

Field names are the wire's (camelCase in JSON, renamed by msgspec). Unknown fields are ignored,
missing ones and wrong types are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ingest_gateway.protocol.error_codes import ErrorCode

MOST_ID_CHARACTERS = 128
Id = Annotated[str, Meta(min_length=1, max_length=MOST_ID_CHARACTERS)]
Language = Annotated[str, Meta(min_length=2, max_length=16)]
Counter = Annotated[int, Meta(ge=0, lt=2**53)]
TimestampMs = Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]
"""Until the year 9999; what is merely wrong by years is corrected (``speaker_stream``)."""


Secret = Annotated[str, Meta(max_length=128)]
Minutes = Annotated[int, Meta(ge=1, le=8 * 60)]
AccessCode = Annotated[str, Meta(min_length=6, max_length=32)]
ListeningBy = Literal["id", "link"]
"""What lets a listener in: the session's id as well as its link, or the link alone."""


class ClientMessage(Struct, frozen=True, rename="camel"):
    """Base of what clients send; the action is looked at before."""


class CreateSession(ClientMessage, frozen=True):
    source_language: Language
    target_languages: Annotated[tuple[Language, ...], Meta(max_length=64)] = ()
    quality_tier: Literal["standard", "premium"] = "standard"
    max_languages: Annotated[int, Meta(ge=1, le=64)] | None = None
    """That may be listened to at a time, where no target languages are named."""
    max_minutes: Minutes | None = None
    """After which the session ends by itself."""
    listening: ListeningBy | None = None
    """None: as the gateway's option says."""
    access_code: AccessCode | None = None


class JoinAsSpeaker(ClientMessage, frozen=True):
    session_id: Id
    stream_id: Id
    next_sequence: Counter = 0


class AudioChunkMessage(ClientMessage, frozen=True):
    session_id: Id
    audio_data: str
    timestamp: TimestampMs
    format: str
    sample_rate: int
    channels: int
    encoding: str
    stream_id: Id | None = None
    sequence: Counter | None = None


class PauseBroadcast(ClientMessage, frozen=True):
    session_id: Id


class ResumeBroadcast(ClientMessage, frozen=True):
    session_id: Id


class MuteBroadcast(ClientMessage, frozen=True):
    session_id: Id


class UnmuteBroadcast(ClientMessage, frozen=True):
    session_id: Id


class SetVolume(ClientMessage, frozen=True):
    session_id: Id
    volume: Annotated[float, Meta(ge=0, le=1)]


class EndSession(ClientMessage, frozen=True):
    session_id: Id


class GetSessionStatus(ClientMessage, frozen=True):
    session_id: Id


class JoinSession(ClientMessage, frozen=True):
    session_id: Id
    target_language: Language
    capabilities: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
    since_sequence: Annotated[int, Meta(ge=-1, lt=2**53)] | None = None
    key: Secret | None = None
    access_code: Secret | None = None
    seat: Secret | None = None
    """Of ``sessionJoined``: lets the same listener in again."""


class JoinRoom(ClientMessage, frozen=True):
    """``key``: the secret of the room's link."""

    room_id: Id
    key: Id
    access_code: Annotated[str, Meta(max_length=MOST_ID_CHARACTERS)] | None = None


class ChangeLanguage(ClientMessage, frozen=True):
    session_id: Id
    target_language: Language


class LeaveSession(ClientMessage, frozen=True):
    session_id: Id


class RefreshUrl(ClientMessage, frozen=True):
    session_id: Id
    target_language: Language
    sequence_number: Counter


class Heard(ClientMessage, frozen=True):
    sequence_number: Counter
    heard_at: TimestampMs


class Heartbeat(ClientMessage, frozen=True):
    pass


class RefreshToken(ClientMessage, frozen=True):
    """A newer token of the same person, for a connection that should outlive the older one."""

    token: Annotated[str, Meta(min_length=1, max_length=8192)]


Command = (
    CreateSession
    | JoinAsSpeaker
    | AudioChunkMessage
    | PauseBroadcast
    | ResumeBroadcast
    | MuteBroadcast
    | UnmuteBroadcast
    | SetVolume
    | EndSession
    | GetSessionStatus
    | JoinSession
    | JoinRoom
    | ChangeLanguage
    | LeaveSession
    | RefreshUrl
    | Heard
    | Heartbeat
    | RefreshToken
)

ACTIONS: dict[str, type[ClientMessage]] = {
    "createSession": CreateSession,
    "joinAsSpeaker": JoinAsSpeaker,
    "audioChunk": AudioChunkMessage,
    "pauseBroadcast": PauseBroadcast,
    "resumeBroadcast": ResumeBroadcast,
    "muteBroadcast": MuteBroadcast,
    "unmuteBroadcast": UnmuteBroadcast,
    "setVolume": SetVolume,
    "endSession": EndSession,
    "getSessionStatus": GetSessionStatus,
    "joinSession": JoinSession,
    "joinRoom": JoinRoom,
    "changeLanguage": ChangeLanguage,
    "leaveSession": LeaveSession,
    "refreshUrl": RefreshUrl,
    "heard": Heard,
    "heartbeat": Heartbeat,
    "refreshToken": RefreshToken,
}
ACTION_OF: dict[type[ClientMessage], str] = {kind: action for action, kind in ACTIONS.items()}

Place = Literal["here", "away"]
"""Of a speaker: whether the connection is there. Unset: nobody has spoken yet."""


class ServerMessage(Struct, frozen=True, rename="camel", tag_field="type"):
    """Base of what the gateway sends."""


class ErrorMessage(ServerMessage, frozen=True, tag="error"):
    code: ErrorCode
    message: str
    action: str | UnsetType = UNSET
    sequence: int | UnsetType = UNSET
    retry_after_ms: int | UnsetType = UNSET
    place: int | UnsetType = UNSET
    """In the queue of those who wait for the same thing, from 1."""


class SignalingEndpoints(Struct, frozen=True, rename="upper"):
    """Of the channel's master: its WebSocket, and where it asks for ICE servers."""

    wss: str
    https: str


class SessionView(Struct, frozen=True, rename="camel"):
    """A session as HTTP and ``sessionCreated`` show it. ``kvs_*``: with a signaling channel; from
    ``listening_key`` on: for its owner only."""

    session_id: str
    speaker_id: str
    source_language: str
    target_languages: tuple[str, ...]
    quality_tier: str
    status: str
    created_at: int
    ended_at: int | None = None
    kvs_channel_arn: str | UnsetType = UNSET
    kvs_channel_name: str | UnsetType = UNSET
    kvs_signaling_endpoints: SignalingEndpoints | UnsetType = UNSET
    listening_key: str | UnsetType = UNSET
    listening: ListeningBy | UnsetType = UNSET
    access_code: str | UnsetType | None = UNSET
    locked: bool | UnsetType = UNSET
    max_languages: int | UnsetType | None = UNSET
    max_minutes: int | UnsetType | None = UNSET


class SessionCreated(SessionView, ServerMessage, frozen=True, tag="sessionCreated"): ...


class SpeakerJoined(ServerMessage, frozen=True, tag="speakerJoined"):
    session_id: str
    epoch: int
    sequence: int
    state: str


class AudioAck(ServerMessage, frozen=True, tag="audioAck"):
    session_id: str
    sequence: int


class BroadcastState(ServerMessage, frozen=True, tag="broadcastState"):
    session_id: str
    state: str
    volume: float
    speaker: Place | UnsetType = UNSET


TalkPhase = Literal["waiting", "live", "paused", "speakerAway", "ended"]
"""``waiting``: nobody has spoken yet, or the next talk is to come. ``speakerAway``: the speaker's
connection is lost and may come back; what was said before is still delivered."""


class TalkView(Struct, frozen=True, rename="camel"):
    """A talk as listeners are told of it; ``planned_at`` in UTC milliseconds, None: no time is
    given."""

    talk_id: str
    title: str
    speaker: str
    language: str
    planned_at: int | None = None


class TalkState(ServerMessage, frozen=True, tag="talkState"):
    """What a listener waits for or hears. ``session_id`` None: nothing is to be joined yet; another
    one than before: join that. ``since``: when the state began (UTC milliseconds). The other fields
    come in rooms only: ``talk`` is on the stage, ``next`` follows it, ``retention_days`` is how
    long what is said is kept (0: not beyond its delivery)."""

    state: TalkPhase
    since: int
    session_id: str | None = None
    room_id: str | UnsetType = UNSET
    talk: TalkView | UnsetType | None = UNSET
    next: TalkView | UnsetType | None = UNSET
    retention_days: int | UnsetType = UNSET


FeedbackKind = Literal["cannotHear", "good", "poor"]
"""What listeners say of how they hear; the last two when a talk is over."""


class SessionStatus(ServerMessage, frozen=True, tag="sessionStatus"):
    """``feedback``: how often each kind was said, since the session began."""

    session_id: str
    state: str
    listeners: dict[str, int]
    lag_ms: dict[str, int]
    sequence: int
    feedback: Mapping[str, int] = {}


class Caption(Struct, frozen=True, rename="camel"):
    """A past utterance in ``history``; with ``skipped`` it has no clip."""

    sequence_number: int
    target_language: str
    timestamp: int
    source_transcript: str
    source_duration: float
    previous_sequence_number: int | None = None
    transcript: str | None = None
    url: str | None = None
    duration: float | None = None
    content_type: str | None = None
    skipped: str | None = None
    sentence: int | UnsetType = UNSET
    ends_sentence: bool | UnsetType = UNSET


class SessionJoined(ServerMessage, frozen=True, tag="sessionJoined"):
    session_id: str
    source_language: str
    target_language: str
    target_languages: tuple[str, ...]
    state: str
    volume: float
    history: tuple[Caption, ...]
    speaker: Place | UnsetType = UNSET
    seat: str | UnsetType = UNSET


class SessionLeft(ServerMessage, frozen=True, tag="sessionLeft"):
    session_id: str


class ClipUrl(ServerMessage, frozen=True, tag="clipUrl"):
    session_id: str
    target_language: str
    sequence_number: int
    url: str


class ListenerCount(ServerMessage, frozen=True, tag="listenerCount"):
    session_id: str
    by_language: dict[str, int]


class Playing(ServerMessage, frozen=True, tag="playing"):
    """On a track's data channel: this utterance's clip begins on the track now, for ``duration`` s.
    The listener hears it as much later as its buffer holds sound back."""

    session_id: str
    target_language: str
    sequence_number: int
    duration: float


class TokenExpiring(ServerMessage, frozen=True, tag="tokenExpiring"):
    """The connection ends then, unless a newer token comes (``refreshToken``)."""

    expires_at: int


class TokenRefreshed(ServerMessage, frozen=True, tag="tokenRefreshed"):
    expires_at: int


class TokenEnded(ServerMessage, frozen=True, tag="tokenEnded"):
    """The last message of a connection whose token is over. Not an error: who has a newer token
    connects again and goes on."""

    reason: Literal["expired", "revoked"]


class HeartbeatAck(ServerMessage, frozen=True, tag="heartbeatAck"):
    pass


_encoder = msgspec.json.Encoder()


def encode(message: ServerMessage | Struct | dict[str, Any]) -> str:
    """A text frame."""
    return _encoder.encode(message).decode()
