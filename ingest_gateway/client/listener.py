"""A listener without a browser: downloads clips, saves them, reconnects where it stopped, asks for
what it notices to be missing."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from connectors.interfaces.notifier import INLINE_AUDIO, PARTIAL_CAPTIONS
from ingest_gateway.client.account import GatewayRefusedError
from ingest_gateway.client.connection import (
    BROKEN,
    GatewayConnection,
    Reconnect,
    is_final,
    now_ms,
    open_connection,
)
from ingest_gateway.client.received_numbers import ReceivedNumbers
from ingest_gateway.client.reports import (
    ListenReport,
    ReceivedClip,
    ReceivedMessage,
    ReceivedSkip,
)
from ingest_gateway.client.saved_talk import SavedTalk

_DOWNLOAD_ATTEMPTS = 4
_DOWNLOAD_TIMEOUT = aiohttp.ClientTimeout(total=20)


async def listen(
    url: str,
    session_id: str,
    language: str,
    *,
    token: str | None = None,
    key: str | None = None,
    access_code: str | None = None,
    inline_audio: bool = False,
    partial_captions: bool = False,
    download: bool = True,
    save_to: Path | None = None,
    on_joined: Callable[[], None] | None = None,
    on_message: Callable[[ReceivedMessage], None] | None = None,
    on_clip: Callable[[ReceivedClip], None] | None = None,
    linger_s: float = 20.0,
    stop: asyncio.Event | None = None,
) -> ListenReport:
    """Listen until the session has ended and nothing came for ``linger_s``, or until ``stop``.

    ``key`` is the secret of the session's link, ``access_code`` what its owner may ask for.
    ``inline_audio`` asks for clips inside messages, ``partial_captions`` for what is being said.
    A clip that does not come inside its message is downloaded once (``download`` False: for load
    tests); each is given to ``on_clip``, every message to ``on_message``. ``on_joined`` is called
    after each (re)join. ``save_to`` receives ``messages.jsonl``, ``clips/000012.mp3``,
    ``{language}.mp3`` and ``{language}.vtt``.
    Raises GatewayRefusedError when the gateway refuses for good (no session, no such language),
    OSError when it was out of reach for a minute.
    """
    saved = SavedTalk(save_to, language) if save_to is not None else None

    def seen(message: ReceivedMessage) -> None:
        if saved is not None:
            saved.add_message(message)
        if on_message is not None:
            on_message(message)

    capabilities = [
        name
        for name, wanted in ((INLINE_AUDIO, inline_audio), (PARTIAL_CAPTIONS, partial_captions))
        if wanted
    ]
    async with aiohttp.ClientSession(timeout=_DOWNLOAD_TIMEOUT) as http:
        listener = _Listener(
            url=url,
            session_id=session_id,
            language=language,
            token=token,
            shown={"key": key, "accessCode": access_code},
            capabilities=capabilities,
            download=download,
            on_joined=on_joined,
            on_message=seen,
            on_clip=on_clip,
            linger_s=linger_s,
            stop=stop or asyncio.Event(),
            http=http,
            saved=saved,
        )
        try:
            await listener.run()
        finally:
            if saved is not None:
                saved.finish()
    return listener.report()


@dataclass(slots=True)
class _Listener:
    url: str
    session_id: str
    language: str
    token: str | None
    shown: dict[str, str | None]
    capabilities: list[str]
    download: bool
    on_joined: Callable[[], None] | None
    on_message: Callable[[ReceivedMessage], None]
    on_clip: Callable[[ReceivedClip], None] | None
    linger_s: float
    stop: asyncio.Event
    http: aiohttp.ClientSession
    saved: SavedTalk | None
    clips: list[ReceivedClip] = field(default_factory=list[ReceivedClip])
    skips: list[ReceivedSkip] = field(default_factory=list[ReceivedSkip])
    errors: list[ReceivedMessage] = field(default_factory=list[ReceivedMessage])
    repeats: int = 0
    _numbers: ReceivedNumbers = field(default_factory=ReceivedNumbers)
    _in_history: set[int] = field(default_factory=set[int])
    _joined_before: bool = False
    _ended: bool = False
    _last_at_s: float = 0.0
    _downloads: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _reconnect: Reconnect = field(default_factory=Reconnect)

    async def run(self) -> None:
        while not self._is_over():
            try:
                await self._one_connection()
            except GatewayRefusedError as error:
                if error.code == "SESSION_ENDED" and self._joined_before:
                    break
                if is_final(error):
                    raise
                await self._reconnect.failed(error)
            except BROKEN as error:
                await self._reconnect.failed(error)
        await asyncio.gather(*self._downloads)

    def report(self) -> ListenReport:
        return ListenReport(
            session_id=self.session_id,
            language=self.language,
            clips=tuple(self.clips),
            skips=tuple(self.skips),
            repeats=self.repeats,
            reconnects=self._reconnect.attempts,
            errors=tuple(self.errors),
        )

    def _is_over(self) -> bool:
        if self.stop.is_set():
            return True
        quiet_s = asyncio.get_running_loop().time() - self._last_at_s
        return self._ended and quiet_s >= self.linger_s and not self._downloads

    async def _one_connection(self) -> None:
        async with open_connection(self.url, self.token, self.on_message) as connection:
            await self._ask_to_join(connection)
            async with asyncio.timeout(20):
                joined = await self._joined(connection)
            self._reconnect.connected()
            history = joined.fields.get("history", [])
            if self._joined_before:
                for caption in history:
                    self._take(caption, joined.received_at_ms, from_history=True)
            elif history:
                self._numbers.joined_after = int(history[-1]["sequenceNumber"])
                self._in_history = {int(caption["sequenceNumber"]) for caption in history}
            self._joined_before = True
            self._touch()
            if self.on_joined is not None:
                self.on_joined()
            beating = asyncio.create_task(connection.beat())
            try:
                while not self._is_over():
                    await self._receive_for_a_moment(connection)
                    if self._numbers.is_to_ask(asyncio.get_running_loop().time()):
                        await self._ask_to_join(connection)
            finally:
                beating.cancel()

    async def _ask_to_join(self, connection: GatewayConnection) -> None:
        """Join, for the first time or again: the answer then brings what was missed."""
        wanted: dict[str, Any] = {
            "sessionId": self.session_id,
            "targetLanguage": self.language,
            "capabilities": self.capabilities,
            **{name: text for name, text in self.shown.items() if text is not None},
        }
        if self._joined_before:
            wanted["sinceSequence"] = self._numbers.complete_until()
        await connection.send("joinSession", **wanted)

    async def _joined(self, connection: GatewayConnection) -> ReceivedMessage:
        """What comes for us before the answer is taken too."""
        while True:
            message = await connection.receive()
            if message.type == "sessionJoined":
                self.shown["seat"] = message.fields.get("seat")
                return message
            if message.type == "error":
                raise GatewayRefusedError(
                    str(message.fields.get("code")), str(message.fields.get("message"))
                )
            self._handle(message)

    async def _receive_for_a_moment(self, connection: GatewayConnection) -> None:
        receiving = asyncio.create_task(connection.receive())
        stopping = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait(
                {receiving, stopping}, timeout=0.5, return_when=asyncio.FIRST_COMPLETED
            )
            if receiving.done():
                self._handle(receiving.result())
        finally:
            receiving.cancel()
            stopping.cancel()
            await asyncio.gather(receiving, stopping, return_exceptions=True)

    def _handle(self, message: ReceivedMessage) -> None:
        if message.type in ("translatedAudio", "skipped"):
            self._take(message.fields, message.received_at_ms, from_history=False)
        elif message.type == "sessionJoined":
            for caption in message.fields.get("history", []):
                self._take(caption, message.received_at_ms, from_history=True)
        elif message.type == "broadcastState":
            self._ended = message.fields.get("state") == "ended"
            self._touch()
        elif message.type == "error":
            self.errors.append(message)

    def _take(self, fields: Mapping[str, Any], at_ms: int, *, from_history: bool) -> None:
        self._touch()
        number = int(fields["sequenceNumber"])
        previous = fields.get("previousSequenceNumber")
        if number in self._in_history or not self._numbers.add(number, previous):
            self.repeats += not from_history
            return
        reason = fields.get("skipped") or fields.get("reason")
        if reason is not None:
            self.skips.append(ReceivedSkip(number, previous, str(reason), at_ms))
            return
        task = asyncio.create_task(self._fetch(dict(fields), at_ms, from_history))
        self._downloads.add(task)
        task.add_done_callback(self._downloads.discard)

    async def _fetch(self, fields: dict[str, Any], at_ms: int, from_history: bool) -> None:
        body = _inline_body(fields)
        came_inline = body is not None
        failure: str | None = None
        if body is None and self.download:
            body, failure = await self._download(str(fields["url"]))
        clip = ReceivedClip(
            session_id=self.session_id,
            language=self.language,
            sequence_number=int(fields["sequenceNumber"]),
            previous_sequence_number=fields.get("previousSequenceNumber"),
            timestamp_ms=int(fields["timestamp"]),
            duration_s=fields.get("duration"),
            transcript=str(fields.get("transcript") or ""),
            source_transcript=str(fields.get("sourceTranscript") or ""),
            url=str(fields.get("url") or ""),
            received_at_ms=at_ms,
            downloaded_at_ms=now_ms(),
            body=body,
            from_history=from_history,
            stages_ms=fields.get("stages") or {},
            failure=failure,
            came_inline=came_inline,
        )
        self.clips.append(clip)
        if self.saved is not None:
            await asyncio.to_thread(self.saved.add_clip, clip)
        if self.on_clip is not None:
            self.on_clip(clip)

    async def _download(self, url: str) -> tuple[bytes | None, str | None]:
        """The clip, or why there is none."""
        failure = "never tried"
        for attempt in range(_DOWNLOAD_ATTEMPTS):
            try:
                async with self.http.get(url) as answer:
                    if answer.status == 200:
                        return await answer.read(), None
                    failure = f"HTTP {answer.status}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failure = type(error).__name__
            await asyncio.sleep(0.2 * 2**attempt)
        return None, failure

    def _touch(self) -> None:
        self._last_at_s = asyncio.get_running_loop().time()


def _inline_body(fields: Mapping[str, Any]) -> bytes | None:
    """The clip inside a message; None: there is none, or it is damaged and has to be fetched."""
    try:
        return base64.b64decode(str(fields["audio"]), validate=True)
    except (KeyError, ValueError):
        return None
