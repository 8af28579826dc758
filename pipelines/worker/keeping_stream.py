"""The speech stream of one session: opened, fed, read, ended, and opened again when it broke."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from connectors.errors import ConnectorError, RetryableError
from connectors.policy import RateLimiter, call
from connectors.registry import Connectors
from pipelines.worker.open_stream import OpenStream
from schemas.values import SAMPLE_RATE_HZ

_log = logging.getLogger(__name__)

DEFAULT_LANGUAGE = "en"
"""Of the old flow's producers, whose sessions have no row."""

GIVE_UP_AFTER_S = 60.0
"""Audio that no stream has taken for so long is committed as failed; the talk goes on."""

PAUSE_AFTER_GIVING_UP_S = 3.0
"""So that audio which is refused comes as one failure in three seconds, not as one a chunk."""

FINISH_WITHIN_S = 30.0
IDLE_CLOSE_S = 10.0
"""Amazon Transcribe ends a stream after 15 s without audio, and silence is not sent."""

LONGEST_STREAM_S = 3.5 * 3600
"""Amazon Transcribe ends one after 4 h."""


class StreamKeeper:
    """At most one stream at a time: ``current``.

    ``heard_more`` is awaited with each result of the current stream; ``call_for_mending`` says that
    the session should look at its stream again. ``is_idle``: the last one was closed because there
    was nothing to hear.
    """

    def __init__(
        self,
        session_id: str,
        connectors: Connectors,
        opens: RateLimiter,
        heard_more: Callable[[OpenStream], Awaitable[None]],
        call_for_mending: Callable[[], None],
    ) -> None:
        self.current: OpenStream | None = None
        self.is_idle = False
        self._session_id = session_id
        self._connectors = connectors
        self._opens = opens
        self._heard_more = heard_more
        self._call_for_mending = call_for_mending
        self._language: str | None = None
        self._failing_since_s: float | None = None
        self._open_again_at_s = 0.0

    @property
    def language(self) -> str:
        """What is spoken, as far as it is known."""
        return self._language or DEFAULT_LANGUAGE

    @property
    def wait_to_open_s(self) -> float:
        wait_s = self._open_again_at_s - asyncio.get_running_loop().time()
        return wait_s if wait_s > 0.001 else 0.0  # a timer may fire a hair early

    async def open(self, first_sample: Callable[[], int]) -> OpenStream:
        """One attempt; ``first_sample`` is asked when the stream is there. ConnectorError: it
        failed."""
        if self._language is None:
            self._language = await self._source_language()
        await self._opens.acquire()
        stream = await self._connectors.speech_to_text.open(
            self._language, sample_rate_hz=SAMPLE_RATE_HZ
        )
        opened = OpenStream(stream, first_sample())
        self.current = opened
        opened.reader = asyncio.create_task(self._read(opened))
        self._look_at_age(opened)
        return opened

    async def send(self, opened: OpenStream, pieces: Iterable[tuple[int, bytes]]) -> None:
        """(first sample, PCM) of each piece."""
        try:
            for first_sample, pcm in pieces:
                await opened.send(first_sample, pcm)
        except ConnectorError as error:
            self._fail(opened, error)

    async def finish(self, opened: OpenStream, is_waited_for: Callable[[], bool]) -> None:
        """Until all was said. ``is_waited_for``: whether its reader is kept waiting by others, for
        whom the recogniser is not to blame."""
        opened.finishing = True
        ending = asyncio.create_task(self._end(opened))
        try:
            while not ending.done():
                await asyncio.wait((ending,), timeout=FINISH_WITHIN_S)
                if not ending.done() and not is_waited_for():
                    slow = f"no end of stream within {FINISH_WITHIN_S:g} s"
                    self._fail(opened, RetryableError(slow))
                    return
        finally:
            ending.cancel()

    async def retire(self, opened: OpenStream) -> None:
        """Close a stream that hears nothing, or is too old; the next speech opens another."""
        now_s = asyncio.get_running_loop().time()
        self.is_idle = now_s - opened.last_sent_at_s >= IDLE_CLOSE_S - 0.001
        if self.is_idle or now_s - opened.opened_at_s >= LONGEST_STREAM_S:
            await self.close()
            self._call_for_mending()
        else:
            self._look_at_age(opened)

    async def close(self) -> None:
        opened, self.current = self.current, None
        if opened is None:
            return
        if opened.reader is not None and opened.reader is not asyncio.current_task():
            opened.reader.cancel()
            await asyncio.wait((opened.reader,))  # unlike awaiting it, this lets us be cancelled
        try:
            await opened.stream.close()
        except ConnectorError as error:
            _log.warning("closing the stream of %s failed: %s", self._session_id, error)

    def works(self) -> None:
        """What was sent has been answered."""
        self._failing_since_s = None

    def gives_up(self, error: Exception) -> bool:
        """Whether this failure is the last of its audio: it is refused, or failed for too long. Of
        any other: asks to be mended a little later."""
        loop = asyncio.get_running_loop()
        if self._failing_since_s is None:
            self._failing_since_s = loop.time()
        failing_s = loop.time() - self._failing_since_s
        if not isinstance(error, RetryableError) or failing_s >= GIVE_UP_AFTER_S:
            self._failing_since_s = None
            return True
        _log.warning("recognition of %s interrupted: %s", self._session_id, error)
        self.open_again_in(min(0.2 + failing_s / 4, 5.0))
        return False

    def open_again_in(self, wait_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._open_again_at_s = loop.time() + wait_s
        loop.call_later(wait_s, self._call_for_mending)

    async def _source_language(self) -> str:
        info = await call(
            self._connectors.policies.directory,
            lambda: self._connectors.directory.find(self._session_id),
        )
        return info.source_language if info is not None else DEFAULT_LANGUAGE

    async def _read(self, opened: OpenStream) -> None:
        try:
            async for result in opened.stream:
                opened.take(result)
                if opened is self.current:
                    await self._heard_more(opened)
            if not opened.finishing:
                self._fail(opened, RetryableError("the stream ended by itself"))
        except ConnectorError as error:
            self._fail(opened, error)
        except Exception as error:  # a bug, ours or an adapter's: the talk goes on all the same
            _log.exception("reading the stream of %s failed", self._session_id)
            self._fail(opened, RetryableError(type(error).__name__))

    def _fail(self, opened: OpenStream, error: Exception) -> None:
        if opened.error is None:
            opened.error = error
            opened.heard_more.set()
            self._call_for_mending()

    async def _end(self, opened: OpenStream) -> None:
        try:
            await opened.stream.finish()
        except ConnectorError as error:
            self._fail(opened, error)
        if opened.reader is not None:
            await asyncio.wait((opened.reader,))

    def _look_at_age(self, opened: OpenStream) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= opened.look_again_at_s - 0.001:  # a timer may fire a hair early
            opened.look_again_at_s = opened.last_sent_at_s + IDLE_CLOSE_S
            loop.call_at(opened.look_again_at_s, self._call_for_mending)
