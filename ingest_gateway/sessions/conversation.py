"""One WebSocket from its first frame to its last: the protocol's events carried out in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.interfaces.errors import ConnectorError
from ingest_gateway.audio_in.intake import AudioIntake
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.operations.security_events import SecurityEvents
from ingest_gateway.protocol.connection_protocol import (
    Audio,
    Command,
    ConnectionProtocol,
    Event,
    RecorderFragment,
    Refusal,
    Refused,
    Speaking,
    action_of,
)
from ingest_gateway.protocol.limits import Limits, TokenBucket
from ingest_gateway.protocol.messages import (
    ChangeLanguage,
    CreateSession,
    EndSession,
    ErrorMessage,
    GetSessionStatus,
    Heard,
    Heartbeat,
    HeartbeatAck,
    JoinAsSpeaker,
    JoinRoom,
    JoinSession,
    LeaveSession,
    MuteBroadcast,
    PauseBroadcast,
    RefreshToken,
    RefreshUrl,
    ResumeBroadcast,
    ServerMessage,
    SetVolume,
    UnmuteBroadcast,
)
from ingest_gateway.read_side.captions import Captions
from ingest_gateway.rooms.stages import Stages
from ingest_gateway.sessions.hub import Connection, known
from ingest_gateway.sessions.listeners import Listeners
from ingest_gateway.sessions.speakers import Speakers
from ingest_gateway.sessions.token_watch import TokenWatch
from ingest_gateway.sessions.views import broadcast_state, session_created

if TYPE_CHECKING:
    from ingest_gateway.audio_in.recorder_input import RecorderInput

_CONTROL_NAMES = {
    PauseBroadcast: "pause",
    ResumeBroadcast: "resume",
    MuteBroadcast: "mute",
    UnmuteBroadcast: "unmute",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConversationServices:
    """Everything that a conversation turns to."""

    intake: AudioIntake
    speakers: Speakers
    listeners: Listeners
    stages: Stages
    captions: Captions
    tokens: TokenWatch
    writer: RecordWriter
    limits: Limits
    metrics: Metrics
    security: SecurityEvents
    now_ms: Callable[[], int]


class Conversation:
    def __init__(self, connection: Connection, services: ConversationServices) -> None:
        self._connection = connection
        self._services = services
        now_ms = services.now_ms()
        self.protocol = ConnectionProtocol(
            services.limits, f"stream-{connection.connection_id}", now_ms
        )
        self._recorder: RecorderInput | None = None  # most speakers send samples
        limits = services.limits
        self._frames = TokenBucket(limits.frames_per_s, limits.frame_burst, now_ms)

    async def receive(self, frame: str | bytes) -> None:
        """Carry out one frame; while this waits, the socket is not read."""
        now_ms = self._services.now_ms()
        self._connection.last_active_at_ms = now_ms
        if isinstance(frame, str):
            events = self.protocol.receive_text(frame, now_ms)
        else:
            events = self.protocol.receive_binary(frame)
        self._connection.is_taking = True
        try:
            for event in events:
                if not await self._carry_out(event):
                    break
        finally:
            self._connection.is_taking = False

    async def closed(self, *, is_lost: bool = False) -> None:
        """The socket is gone: leave what was joined. ``is_lost``: nobody closed it, and its client
        may come back."""
        role = self.protocol.role
        try:
            if isinstance(role, Speaking):
                await self._services.speakers.disconnected(self._connection, role.session_id)
            if is_lost:
                await self._services.listeners.lose(self._connection)
            else:
                await self._services.listeners.leave(self._connection)
        except ConnectorError as error:
            # The row expires by itself and the counter is mended.
            _log.warning("connection %s: %s", self._connection.connection_id, error)

    async def _carry_out(self, event: Event) -> bool:
        """Whether what follows from the same frame may go on."""
        if isinstance(event, Refused):
            self._refuse(event.error)
            return False
        action = "audioChunk" if isinstance(event, Audio | RecorderFragment) else action_of(event)
        try:
            if isinstance(event, Audio):
                await self._audio(event)
            elif isinstance(event, RecorderFragment):
                await self._recorder_fragment(event)
            else:
                answer = await self._command(event)
                if answer is not None:
                    self._connection.send(answer)
        except Refusal as refusal:
            self._refuse(refusal.answer(action))
            return False
        except ConnectorError as error:
            _log.warning("%s failed: %s", action, error)
            self._refuse(Refusal("INTERNAL", "a service does not answer: try again").answer(action))
            return False
        return True

    def _refuse(self, error: ErrorMessage) -> None:
        self._services.metrics.refused.labels(error.code).inc()
        action = error.action if isinstance(error.action, str) else "none"
        self._services.security.refused(
            error.code, address=self._connection.peer.address, action=action
        )
        self._connection.send(error)

    async def _audio(self, audio: Audio) -> None:
        self._services.intake.take(self._connection, audio)
        if not self._services.writer.has_room(audio.session_id):
            self._services.intake.slow_down(self._connection, audio.session_id)
            await self._services.writer.wait_for_room(audio.session_id)
        while wait_ms := self._frames.take(self._services.now_ms()):
            self._services.intake.slow_down(self._connection, audio.session_id)
            await asyncio.sleep(wait_ms / 1000)

    async def _recorder_fragment(self, fragment: RecorderFragment) -> None:
        # Not above: functions, which refuse these messages, have no codec.
        from ingest_gateway.audio_in.recorder_input import RecorderInput

        self._recorder = self._recorder or RecorderInput()
        packets = self._recorder.demux(fragment)
        intake = self._services.intake
        while wait_ms := intake.take_packets(self._connection, fragment, len(packets)):
            intake.slow_down(self._connection, fragment.session_id)
            await asyncio.sleep(wait_ms / 1000)
        decoded: list[Audio] = []
        for some in self._recorder.decode(fragment, packets):
            if decoded:  # a long message: others get their turn
                await asyncio.sleep(0)
            decoded += some
        for audio in decoded:
            await self._audio(audio)

    async def _command(self, command: Command) -> ServerMessage | None:
        match command:
            case Heartbeat():
                return HeartbeatAck()
            case Heard():
                self._record_playback(command)
                return None
            case JoinSession():
                joined = await self._services.listeners.join(self._connection, command)
                self.protocol.became_listener(command.session_id, joined.target_language)
                return joined
            case JoinRoom():
                return await self._services.stages.join(self._connection, command)
            case ChangeLanguage():
                changed = await self._services.listeners.change_language(self._connection, command)
                self.protocol.became_listener(command.session_id, changed.target_language)
                return changed
            case LeaveSession():
                left = await self._services.listeners.leave(self._connection)
                self.protocol.became_nobody()
                return left
            case RefreshToken():
                return await self._services.tokens.refresh(self._connection, command)
            case RefreshUrl():
                return await self._services.listeners.refresh_url(command)
            case _:
                return await self._speakers_command(command)

    async def _speakers_command(self, command: Command) -> ServerMessage | None:
        speakers = self._services.speakers
        match command:
            case CreateSession():
                row = await speakers.create(self._connection.peer, command)
                return session_created(row.info)
            case JoinAsSpeaker():
                before = self.protocol.role
                joined = await speakers.join(
                    self._connection, command.session_id, command.stream_id
                )
                self.protocol.became_speaker(command.session_id, command.stream_id)
                if isinstance(before, Speaking) and before.session_id != command.session_id:
                    await speakers.disconnected(self._connection, before.session_id)
                return joined
            case GetSessionStatus():
                return await speakers.status(command.session_id)
            case EndSession():
                live = await speakers.end(known(self._connection.peer), command.session_id)
            case SetVolume():
                live = await speakers.set_volume(
                    known(self._connection.peer), command.session_id, command.volume
                )
            case PauseBroadcast() | ResumeBroadcast() | MuteBroadcast() | UnmuteBroadcast():
                name = _CONTROL_NAMES[type(command)]
                live = await speakers.control(
                    known(self._connection.peer), command.session_id, name
                )
            case _:
                raise AssertionError(f"a listener's command came here: {type(command).__name__}")
        if live.speaker is self._connection:
            return None  # it was told with everyone else
        return broadcast_state(live.session_id, live.standing(self._services.now_ms()))

    def _record_playback(self, command: Heard) -> None:
        session_id, language = self._connection.session_id, self._connection.language
        if session_id is not None and language is not None:
            self._services.captions.record_playback(session_id, language, command.sequence_number)
