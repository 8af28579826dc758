"""One StartStreamTranscription on the server's side: audio events in, transcript events out.

Knows the protocol and no sockets: the owner of the connection hands bytes in and sends what
``send`` is given.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.eventstream import EventStreamBuffer

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.speech_to_text import Recognition, SpeechStream, Word
from local_stack.amazon_servers.event_stream import encode_message
from local_stack.amazon_servers.signatures import EventChain

LONGEST_AUDIO_EVENT_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """The ``stream``-th stream (from 1) ends by itself once it has heard more than ``after_s``.

    ``how``: the name of an exception (``InternalFailureException``...), ``break`` (the connection
    is gone), ``idle`` (as after 15 s without audio) or ``end`` (a clean end that nobody asked
    for). ``after_s`` None: when the client has ended its audio, which then is not answered.
    """

    stream: int
    after_s: float | None
    how: str


@dataclass
class ObservedStream:
    """What a test may ask about a stream afterwards. ``request``: the headers that came."""

    number: int
    request: Mapping[str, str]
    pcm: bytearray = field(default_factory=bytearray)
    event_bytes: list[int] = field(default_factory=list)
    """Of audio, in each event."""
    was_finished: bool = False
    error: str = ""
    """What the server found wrong with it."""
    heard_more: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, length: int) -> None:
        """Wait until ``pcm`` has ``length`` bytes."""
        while len(self.pcm) < length:
            self.heard_more.clear()
            await self.heard_more.wait()


class TranscribeStream:
    """``send``: bytes of the response's body, and whether they are the last. What is sent last
    also resets the stream, as HTTP/2 wants it when the request has not come to its end."""

    def __init__(
        self,
        heard: ObservedStream,
        chain: EventChain,
        engine: SpeechStream,
        send: Callable[[bytes, bool], Awaitable[None]],
        break_connection: Callable[[], None],
        *,
        idle_close_s: float,
        ending: Ending | None,
        punctuation: str,
    ) -> None:
        self._heard = heard
        self._chain = chain
        self._engine = engine
        self._send = send
        self._break_connection = break_connection
        self._idle_close_s = idle_close_s
        self._ending = ending
        self._punctuation = punctuation
        self._buffer = EventStreamBuffer()
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._segment = 0
        self._segment_is_open = False

    def receive(self, data: bytes) -> None:
        """Bytes of the request's body: signed messages, each around one of the client's events."""
        self._buffer.add_data(data)
        for message in self._buffer:
            headers: Any = message.headers
            self._chain.check(headers[":date"], headers[":chunk-signature"], message.payload)
            if message.payload:
                self._receive_event(message.payload)
            else:
                self._heard.was_finished = True
                self._audio.put_nowait(None)

    def _receive_event(self, event: bytes) -> None:
        inner = EventStreamBuffer()
        inner.add_data(event)
        for message in inner:
            headers: Any = message.headers
            assert headers[":event-type"] == "AudioEvent"
            assert headers[":message-type"] == "event"
            assert 0 < len(message.payload) <= LONGEST_AUDIO_EVENT_BYTES
            self._heard.event_bytes.append(len(message.payload))
            self._audio.put_nowait(message.payload)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(self._answer())
            if not await self._listen():
                answering.cancel()

    async def _listen(self) -> bool:
        """Whether the engine shall still say what it has left."""
        try:
            while True:
                async with asyncio.timeout(self._idle_close_s):
                    pcm = await self._audio.get()
                ending = self._ending
                if pcm is None:
                    if ending is not None and ending.after_s is None:
                        await self._end_early(ending.how)
                        return False
                    await self._engine.finish()
                    return True
                self._heard.pcm += pcm
                self._heard.heard_more.set()
                await self._engine.send(pcm)
                heard_s = len(self._heard.pcm) / 32_000
                if ending and ending.after_s is not None and heard_s > ending.after_s:
                    await self._end_early(ending.how)
                    return False
        except TimeoutError:
            await self._end_idle()
            return False

    async def _end_early(self, how: str) -> None:
        # What the engine has to say of the audio so far still goes out, as it would live.
        await asyncio.sleep(0.05)
        if how == "break":
            self._break_connection()
        elif how == "idle":
            await self._end_idle()
        elif how == "end":
            await self._send(b"", True)
        else:
            await self.fail(how, "scripted")

    async def _end_idle(self) -> None:
        await self.fail(
            "BadRequestException",
            "Your request timed out because no new audio was received"
            f" for {self._idle_close_s:g} seconds.",
        )

    async def fail(self, code: str, text: str) -> None:
        headers = {
            ":message-type": "exception",
            ":exception-type": code,
            ":content-type": "application/json",
        }
        await self._send(encode_message(headers, json.dumps({"Message": text}).encode()), True)

    async def _answer(self) -> None:
        try:
            async for recognition in self._engine:
                await self._send(self._transcript_event(self._results(recognition)), False)
        except ConnectorError as error:
            await self.fail("InternalFailureException", type(error).__name__)
            return
        await self._send(b"", True)

    def _transcript_event(self, results: list[dict[str, Any]]) -> bytes:
        headers = {
            ":message-type": "event",
            ":event-type": "TranscriptEvent",
            ":content-type": "application/json",
        }
        body = json.dumps({"Transcript": {"Results": results}}).encode()
        return encode_message(headers, body)

    def _results(self, recognition: Recognition) -> list[dict[str, Any]]:
        """Of silence there is no result, as with the real service."""
        words = recognition.words
        if not words:
            return []
        if not self._segment_is_open:
            self._segment += 1
        self._segment_is_open = not recognition.is_final
        items = [item for word in words for item in self._items(word, recognition.is_final)]
        result = {
            "ResultId": f"{self._heard.number}-{self._segment}",
            "StartTime": round(words[0].start_s, 3),
            "EndTime": round(recognition.through_s, 3),
            "IsPartial": not recognition.is_final,
            "Alternatives": [{"Transcript": " ".join(word.text for word in words), "Items": items}],
        }
        if self._heard.request.get("x-amzn-transcribe-identify-language"):
            options = self._heard.request["x-amzn-transcribe-language-options"]
            result["LanguageCode"] = options.split(",")[0]
        return [result]

    def _items(self, word: Word, is_final: bool) -> list[dict[str, Any]]:
        stable: dict[str, Any] = {}
        if self._heard.request.get("x-amzn-transcribe-enable-partial-results-stabilization"):
            stable = {"Stable": is_final or word.is_stable}
        start_s, end_s = round(word.start_s, 3), round(word.end_s, 3)
        item = {
            "Content": word.text,
            "Type": "pronunciation",
            "StartTime": start_s,
            "EndTime": end_s,
            "VocabularyFilterMatch": False,
        }
        mark = {
            "Content": self._punctuation,
            "Type": "punctuation",
            "StartTime": end_s,
            "EndTime": end_s,
            "VocabularyFilterMatch": False,
        }
        return [each | stable for each in ([item, mark] if self._punctuation else [item])]
