"""A speaker without a browser: real time, resends what was not acknowledged, reconnects."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.audio.recorded_audio import read_recording
from ingest_gateway.client.account import (
    GatewayRefusedError,
    create_session,
    fetch_token,
)
from ingest_gateway.client.account import end_session as end_session_over_http
from ingest_gateway.client.connection import (
    BROKEN,
    GatewayConnection,
    Reconnect,
    is_final,
    now_ms,
    open_connection,
)
from ingest_gateway.client.reports import ReceivedMessage, SpeakReport
from ingest_gateway.protocol.frames import AudioFrame, encode_frame
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

CHUNK_SAMPLES = 4096
_ACK_TIMEOUT_S = 60.0
_BREATH_S = 0.02
"""Between chunks that are sent again: other sessions' sockets are read meanwhile."""


class _NotAcknowledgedError(TimeoutError):
    """An open connection takes audio and nothing of it becomes durable: another one will not help.
    A connection that does not open in time is another matter."""


async def speak(
    url: str,
    audio: Path | bytes,
    *,
    session_id: str | None = None,
    token: str | None = None,
    source_language: str = "en",
    target_languages: Sequence[str] = (),
    stream_id: str | None = None,
    chunk_samples: int = CHUNK_SAMPLES,
    pace: float = 1.0,
    end_session: bool = True,
    on_session: Callable[[str], None] | None = None,
    on_message: Callable[[ReceivedMessage], None] | None = None,
    stop: asyncio.Event | None = None,
    json_audio: bool = False,
) -> SpeakReport:
    """Speak ``audio`` into a session and return when all of it is acknowledged.

    ``audio``: a recording, or samples of 16 kHz mono s16le. ``session_id`` None: create one;
    ``on_session`` gets its id as soon as it is joined. ``token`` None: ask the gateway's local
    issuer. ``pace`` 1 is real time, 2 twice as fast. Without ``end_session`` the session goes on
    and can be spoken into again. ``json_audio``: chunks as messages, not as frames, which API
    Gateway does not take. ``stop`` ends early: what was sent is still acknowledged first.
    Raises OSError when the gateway was out of reach for a minute, TimeoutError when sent audio
    was not acknowledged for a minute, GatewayRefusedError when it refuses for good (another
    speaker, session ended).
    """
    if isinstance(audio, Path):
        audio = (await asyncio.to_thread(read_recording, audio)).pcm
    token = token or await fetch_token(url)
    if session_id is None:
        session_id = await create_session(
            url, token=token, source_language=source_language, target_languages=target_languages
        )
    speaker = _Speaker(
        url=url,
        token=token,
        session_id=session_id,
        stream_id=stream_id or uuid.uuid4().hex,
        chunks=_cut(audio, chunk_samples),
        chunk_ms=chunk_samples * 1000 / SAMPLE_RATE_HZ / pace,
        on_session=on_session,
        on_message=on_message,
        stop=stop or asyncio.Event(),
        json_audio=json_audio,
    )
    await speaker.run()
    if end_session:
        await end_session_over_http(url, session_id, token=token)
    return speaker.report()


def _cut(pcm: bytes, samples: int) -> list[bytes]:
    size = samples * BYTES_PER_SAMPLE
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


@dataclass(slots=True)
class _Speaker:
    """``unacknowledged`` holds what was spoken and is not durable yet, oldest first."""

    url: str
    token: str
    session_id: str
    stream_id: str
    chunks: list[bytes]
    chunk_ms: float
    on_session: Callable[[str], None] | None
    on_message: Callable[[ReceivedMessage], None] | None
    stop: asyncio.Event
    json_audio: bool = False
    unacknowledged: deque[AudioFrame] = field(default_factory=deque[AudioFrame])
    spoken: int = 0
    sent_until: int = -1
    acknowledged: int = -1
    epoch: int = -1
    started_at_ms: int = 0
    resent: int = 0
    errors: list[ReceivedMessage] = field(default_factory=list[ReceivedMessage])
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _reconnect: Reconnect = field(default_factory=Reconnect)
    _refused: GatewayRefusedError | None = None

    async def run(self) -> None:
        self.started_at_ms = now_ms()
        speaking = asyncio.create_task(self._speak())
        try:
            while not self._is_done(speaking):
                try:
                    await self._one_connection(speaking)
                except GatewayRefusedError as error:
                    if is_final(error):
                        raise
                    await self._reconnect.failed(error)
                except _NotAcknowledgedError:
                    raise
                except BROKEN as error:
                    await self._reconnect.failed(error)
        finally:
            speaking.cancel()

    def report(self) -> SpeakReport:
        acknowledged = self.chunks[: self.acknowledged + 1]
        spoken = self.chunks[: self.spoken]
        return SpeakReport(
            session_id=self.session_id,
            stream_id=self.stream_id,
            epoch=self.epoch,
            chunks=self.spoken,
            samples=sum(map(len, spoken)) // BYTES_PER_SAMPLE,
            acknowledged_sequence=self.acknowledged,
            acknowledged_samples=sum(map(len, acknowledged)) // BYTES_PER_SAMPLE,
            first_sent_at_ms=self.started_at_ms,
            reconnects=self._reconnect.attempts,
            resent_chunks=self.resent,
            errors=tuple(self.errors),
        )

    def _is_done(self, speaking: asyncio.Task[None]) -> bool:
        return speaking.done() and not self.unacknowledged

    async def _speak(self) -> None:
        """The person: talks on whether there is a connection or not."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        for number, pcm in enumerate(self.chunks):
            due_s = began_s + (number + 1) * self.chunk_ms / 1000  # when its last sample is there
            try:
                async with asyncio.timeout(max(0.0, due_s - loop.time())):
                    await self.stop.wait()
                return
            except TimeoutError:
                pass
            timestamp_ms = self.started_at_ms + round(number * self.chunk_ms)
            self.unacknowledged.append(AudioFrame(number, timestamp_ms, pcm))
            self.spoken = number + 1
            self._changed.set()

    async def _one_connection(self, speaking: asyncio.Task[None]) -> None:
        async with open_connection(self.url, self.token, self.on_message) as connection:
            first = self.unacknowledged[0].sequence if self.unacknowledged else self.spoken
            await connection.send(
                "joinAsSpeaker",
                sessionId=self.session_id,
                streamId=self.stream_id,
                nextSequence=first,
            )
            async with asyncio.timeout(20):
                joined = await connection.expect("speakerJoined")
            self._reconnect.connected()
            self.epoch = int(joined.fields["epoch"])
            self._acknowledge(int(joined.fields["sequence"]))
            if self.on_session is not None:
                self.on_session(self.session_id)
            tasks = [
                asyncio.create_task(self._send(connection, speaking)),
                asyncio.create_task(self._receive(connection)),
                asyncio.create_task(connection.beat()),
            ]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, connection: GatewayConnection, speaking: asyncio.Task[None]) -> None:
        """Everything that is not acknowledged, then what is spoken, until all is acknowledged."""
        sent = -1
        loop = asyncio.get_running_loop()
        progress_at_s, progress = loop.time(), self.acknowledged
        while not self._is_done(speaking):
            for frame in [one for one in self.unacknowledged if one.sequence > sent]:
                again = frame.sequence <= self.sent_until
                self.resent += again
                await self._send_frame(connection, frame)
                sent = frame.sequence
                self.sent_until = max(self.sent_until, sent)
                if again:
                    await asyncio.sleep(_BREATH_S)
            if self.acknowledged != progress or not self.unacknowledged:
                progress_at_s, progress = loop.time(), self.acknowledged
            elif loop.time() - progress_at_s > _ACK_TIMEOUT_S:
                raise _NotAcknowledgedError(f"no acknowledgement for {_ACK_TIMEOUT_S:g} s")
            try:
                async with asyncio.timeout(0.25):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()

    async def _send_frame(self, connection: GatewayConnection, frame: AudioFrame) -> None:
        if not self.json_audio:
            await connection.send_binary(encode_frame(frame))
            return
        await connection.send(
            "audioChunk",
            sessionId=self.session_id,
            streamId=self.stream_id,
            sequence=frame.sequence,
            timestamp=frame.timestamp_ms,
            audioData=base64.b64encode(frame.pcm).decode(),
            format="pcm",
            sampleRate=SAMPLE_RATE_HZ,
            channels=1,
            encoding="s16le",
        )

    async def _receive(self, connection: GatewayConnection) -> None:
        while True:
            message = await connection.receive()
            if message.type == "audioAck":
                self._acknowledge(int(message.fields["sequence"]))
            elif message.type == "broadcastState" and message.fields.get("state") == "ended":
                raise GatewayRefusedError("SESSION_ENDED", "the session was ended")
            elif message.type == "error":
                self.errors.append(message)
                refused = GatewayRefusedError(
                    str(message.fields.get("code")), str(message.fields.get("message"))
                )
                if refused.code in ("SPEAKER_TAKEN", "SESSION_ENDED", "UNAUTHORIZED"):
                    raise refused

    def _acknowledge(self, sequence: int) -> None:
        self.acknowledged = max(self.acknowledged, sequence)
        while self.unacknowledged and self.unacknowledged[0].sequence <= sequence:
            self.unacknowledged.popleft()
        self._changed.set()
