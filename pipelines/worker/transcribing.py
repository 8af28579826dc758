"""The recognisers of this process: one per live session, kept across panes.

A ``SessionTranscriber`` is soft state. What it must not lose is in the journal (Beam state) and in
the ledger; from those two a new one goes on behind the last committed word.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace

from connectors.policy import RateLimiter
from connectors.registry import Connectors
from connectors.speech_to_text import for_session
from pipelines.segmentation.segmenter import Segmenter
from pipelines.core.journal import Coverage, JournalItem, JournalKind
from pipelines.worker.ahead import Ahead
from pipelines.worker.captioning import Captioner
from pipelines.worker.committing import Committer
from pipelines.worker.loops import WorkerLoop
from pipelines.worker.recognising import SessionRecogniser
from schemas.values import ListenerLanguages, Utterance

_log = logging.getLogger(__name__)

ATTEMPTS_AN_ITEM = 5


class SessionTranscriber:
    """Journal items in, committed utterances out. Its methods are called from Beam's threads."""

    def __init__(
        self,
        session_id: str,
        loop: WorkerLoop,
        connectors: Connectors,
        cutter: Segmenter,
        coverage: Coverage,
        next_index: int,
        opens: RateLimiter,
        ahead: Ahead,
        ready: Callable[[], None],
    ) -> None:
        self.next_index = next_index
        self.delivered_number = coverage.last_number
        self._loop = loop
        self._outbox: deque[Utterance] = deque()
        self._queue: asyncio.Queue[JournalItem | None] = asyncio.Queue()
        self._ready = ready
        self._ahead = ahead
        self._captioner = Captioner(session_id, loop, connectors)
        committer = Committer(
            session_id, connectors, loop, coverage, f"{uuid.uuid4()}", self._send_on
        )
        self._recogniser = SessionRecogniser(
            session_id,
            connectors,
            cutter,
            committer,
            opens,
            self._captioner.believed,
            lambda text, language: ahead.guess(session_id, text, language),
            lambda: self._queue.put_nowait(None),
        )
        self._committer = committer
        self._task: Future[None] = loop.start(self._run())

    def feed(self, items: Iterable[JournalItem]) -> None:
        items = tuple(items)
        if items:
            self.next_index = items[-1].index + 1
            self._loop.call(lambda: self._put(items))

    def drain(self) -> list[Utterance]:
        """What was committed since the last time, in order."""
        out: list[Utterance] = []
        while self._outbox:
            out.append(self._outbox.popleft())
        if out:
            self.delivered_number = out[-1].entry.number
        return out

    def listeners(self, news: ListenerLanguages) -> None:
        self._captioner.listeners(news)

    def settle(self) -> None:
        """Wait until all that was fed is worked off (bounded runs)."""
        self._loop.wait(self._loop.start(self._queue.join()))

    def close(self) -> None:
        self._task.cancel()
        self._captioner.close()
        self._loop.start(self._recogniser.close())

    def _send_on(self, utterance: Utterance) -> None:
        entry = utterance.entry
        self._outbox.append(utterance)
        self._ready()
        self._ahead.begin(entry)
        self._captioner.committed(entry.number, entry.text, entry.language)

    def _put(self, items: tuple[JournalItem, ...]) -> None:
        for item in items:
            self._queue.put_nowait(item)

    async def _run(self) -> None:
        await self._committer.recover()
        while True:
            item = await self._queue.get()
            try:
                await self._insist(item)
            finally:
                self._queue.task_done()

    async def _insist(self, item: JournalItem | None) -> None:
        """Work on an item; again if something fell over that should not have, for an item that is
        passed over leaves a hole. Working twice on one is harmless."""
        for _ in range(ATTEMPTS_AN_ITEM):
            try:
                await self._work(item)
            except Exception:
                _log.exception("recognition step failed; the stream is opened again")
                await self._recogniser.close()
                await asyncio.sleep(1)
            else:
                return

    async def _work(self, item: JournalItem | None) -> None:
        if item is None:
            await self._recogniser.mend()
        elif item.kind is JournalKind.AUDIO:
            await self._recogniser.hear(item)
        elif item.kind is JournalKind.GAP:
            await self._recogniser.gap(item)
        elif item.kind is JournalKind.SETTLE:
            await self._recogniser.settle()
        else:
            await self._recogniser.flush()


class TranscriberRegistry:
    """The transcribers of this process, by session."""

    def __init__(self, loop: WorkerLoop, connectors: Connectors, ahead: Ahead) -> None:
        self._loop = loop
        self._connectors = connectors
        self._ahead = ahead
        policies = connectors.policies
        self._opens = RateLimiter(policies.stream_opens_per_s, policies.stream_opens_at_once)
        self._sessions: dict[str, SessionTranscriber] = {}
        self._ready: defaultdict[str, deque[str]] = defaultdict(deque)

    def attached(
        self, session_id: str, next_index: int, last_number: int
    ) -> SessionTranscriber | None:
        """The session's transcriber, if it stands where Beam's state stands.

        One that does not belongs to a past that the job has gone back behind: it is dropped.
        """
        transcriber = self._sessions.get(session_id)
        if transcriber is None:
            return None
        if (transcriber.next_index, transcriber.delivered_number) != (next_index, last_number):
            self.discard(session_id)
            return None
        return transcriber

    def open(
        self,
        session_id: str,
        cutter: Segmenter,
        coverage: Coverage,
        next_index: int,
        journal: Iterable[JournalItem],
        partition: str = "",
    ) -> SessionTranscriber:
        ready = self._ready[partition]
        own = for_session(self._connectors.speech_to_text, session_id)
        transcriber = SessionTranscriber(
            session_id,
            self._loop,
            replace(self._connectors, speech_to_text=own),
            cutter,
            coverage,
            next_index,
            self._opens,
            self._ahead,
            lambda: ready.append(session_id),
        )
        self._sessions[session_id] = transcriber
        transcriber.feed(journal)
        transcriber.next_index = next_index
        return transcriber

    def listeners(self, session_id: str, news: ListenerLanguages) -> None:
        transcriber = self._sessions.get(session_id)
        if transcriber is not None:
            transcriber.listeners(news)

    def take_ready(self, partition: str) -> list[str]:
        """The sessions of ``partition`` that committed something since the last time."""
        ready = self._ready[partition]
        return [ready.popleft() for _ in range(len(ready))]

    def discard(self, session_id: str) -> None:
        transcriber = self._sessions.pop(session_id, None)
        self._ahead.forget(session_id)
        if transcriber is not None:
            transcriber.close()

    def close(self) -> None:
        for session_id in list(self._sessions):
            self.discard(session_id)
