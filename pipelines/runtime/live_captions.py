"""Captions of one session while it is spoken: partial ones to listeners, its own to the speaker.

A ``Captioner`` is shown every change of what an utterance says, and what it came to; silence and
gaps too, by which a partial caption that came to nothing is taken back. It never waits and never
raises: a caption that was lost is counted, and the next one is newer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.notifier import Audience
from connectors.registry import Connectors
from pipelines.runtime.supervision import unexpected
from pipelines.session.caption_queue import Caption, CaptionQueue
from pipelines.session.messages import own_caption, partial_caption

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CaptionPace:
    """At most one caption in ``every_s`` to each side; a call may take ``send_within_s``. A speaker
    who was not there is tried again after ``away_first_s``, then twice that and so on."""

    every_s: float = 0.25
    send_within_s: float = 1.0
    away_first_s: float = 2.0
    away_longest_s: float = 60.0


PACE = CaptionPace()


class Captioner:
    """Runs on the event loop. ``partial_languages`` tells those in which a listener asked for
    partial captions; ``lost`` counts calls that failed."""

    def __init__(
        self,
        session_id: str,
        connectors: Connectors,
        partial_languages: Callable[[], tuple[str, ...]],
        pace: CaptionPace = PACE,
    ) -> None:
        self.lost = 0
        self._session_id = session_id
        self._connectors = connectors
        self._partial_languages = partial_languages
        self._pace = pace
        self._committed_number = -1
        self._speaker_away_until_s = float("-inf")
        self._speaker_away_s = pace.away_first_s
        self._outlets = (
            _Outlet(CaptionQueue(), self._tell_listeners, pace.every_s),
            _Outlet(CaptionQueue(tells_final=True), self._tell_speaker, pace.every_s),
        )

    def show(self, caption: Caption) -> None:
        """What an utterance says, in the speaker's language. Once it is final, nothing changes."""
        if caption.number <= self._committed_number:
            return
        if caption.final:
            self._committed_number = caption.number
        to_listeners, to_speaker = self._outlets
        if self._partial_languages():
            to_listeners.put(caption)
        if not self._is_speaker_away():
            to_speaker.put(caption)

    def close(self) -> None:
        """Stop: nothing more is shown."""
        for outlet in self._outlets:
            outlet.close()

    async def _tell_listeners(self, caption: Caption) -> bool:
        """Whether all languages were told."""
        message = partial_caption(caption.number, caption.text, caption.language)
        notifier = self._connectors.notifier
        told = await asyncio.gather(
            *(
                self._tried(
                    notifier.notify(self._session_id, language, message, audience=Audience.PARTIALS)
                )
                for language in self._partial_languages()
            )
        )
        return None not in told

    async def _tell_speaker(self, caption: Caption) -> bool:
        if self._is_speaker_away():
            return False
        message = own_caption(caption.number, caption.text, final=caption.final)
        delivery = await self._tried(
            self._connectors.notifier.tell_speaker(self._session_id, message)
        )
        if delivery is not None and delivery.delivered:
            self._speaker_away_s = self._pace.away_first_s
            return True
        self._speaker_away_until_s = asyncio.get_running_loop().time() + self._speaker_away_s
        self._speaker_away_s = min(2 * self._speaker_away_s, self._pace.away_longest_s)
        return False

    def _is_speaker_away(self) -> bool:
        """As far as is known without asking."""
        return asyncio.get_running_loop().time() < self._speaker_away_until_s

    async def _tried(self, telling: Awaitable[T]) -> T | None:
        """One attempt: before a second the text would be old."""
        try:
            async with asyncio.timeout(self._pace.send_within_s):
                return await telling
        except (ConnectorError, TimeoutError):
            self.lost += 1
        except Exception:  # a bug must not cost more than a caption
            self.lost += 1
            unexpected(f"sending a caption of session {self._session_id}")
        return None


class _Outlet:
    """One call at a time, and not before its time; what comes meanwhile waits in the queue.

    Runs only while something waits.
    """

    def __init__(
        self, queue: CaptionQueue, send: Callable[[Caption], Awaitable[bool]], every_s: float
    ) -> None:
        self._queue = queue
        self._send = send
        self._every_s = every_s
        self._next_at_s = float("-inf")
        self._sending: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, caption: Caption) -> None:
        if self._closed:
            return
        self._queue.put(caption)
        if self._queue.is_waiting and self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._empty())

    def close(self) -> None:
        self._closed = True
        if self._sending is not None:
            self._sending.cancel()

    async def _empty(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue.is_waiting:
                if self._next_at_s > loop.time():
                    await asyncio.sleep(self._next_at_s - loop.time())
                caption = self._queue.take()
                if caption is not None:
                    self._next_at_s = loop.time() + self._every_s
                    if not await self._send(caption):
                        self._queue.lost(caption)
        finally:
            self._sending = None
