"""Carries out what one session's machine asks for, and tells it what came of that.

Every task is supervised. An error of the machine itself makes the session be taken over again
(``SessionHost.take_over_again``): the log has its audio, the ledger its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from beam_flink_kit.loops import WorkerLoop
from connectors.calls.policy import RateLimiter, call
from connectors.interfaces.confidence import without_invented
from connectors.interfaces.errors import ConnectorError, PermanentError, RetryableError
from connectors.interfaces.speech_to_text import Recognition, SpeechStream, SpeechToText
from connectors.registry import Connectors
from pipelines.runtime.live_captions import Captioner
from pipelines.runtime.release_runs import ReleaseRuns
from pipelines.runtime.speculation import SpeculativeDelivery
from pipelines.runtime.supervision import Supervised, unexpected
from pipelines.runtime.warm_up import WarmUp
from pipelines.sentences.settings import ReleaseSettings
from pipelines.session import commands as do
from pipelines.session.caption_queue import Caption
from pipelines.session.machine import Session
from pipelines.session.records import Now
from pipelines.session.sentence_track import SentencePart
from schemas.values import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, DeadLetter, EntryKind, Utterance

_log = logging.getLogger(__name__)

SEND_STEP_BYTES = SAMPLE_RATE_HZ * BYTES_PER_SAMPLE
"""At most a second of audio at a time."""
LEDGER_WAIT_S = 1.0
REFUSED_FOR_S = 60.0
"""What the ledger refuses for so long may be what was said: that is told as failed."""
OPEN_WITHIN_S = 90.0
"""For a recogniser that waits for a free stream as well."""


class Host(Protocol):
    """What a shell needs of the ``SessionHost`` around it."""

    def deliver(self, utterance: Utterance) -> None: ...
    def dead_letter(self, letter: DeadLetter) -> None: ...
    def lost(self, session_id: str, generation: int) -> None: ...
    def read_again(self, session_id: str) -> None: ...
    def take_over_again(self, session_id: str, *, is_breakdown: bool = True) -> None: ...


class SessionTools:
    """What the sessions of a worker share."""

    def __init__(
        self,
        loop: WorkerLoop,
        connectors: Connectors,
        speculation: SpeculativeDelivery,
        warming: WarmUp,
        release: ReleaseSettings | None = None,
        releases: ReleaseRuns | None = None,
    ) -> None:
        self.loop = loop
        self.connectors = connectors
        self.speculation = speculation
        self.warming = warming
        self.release = release
        self.releases = releases
        policies = connectors.policies
        self.opens = RateLimiter(policies.stream_opens_per_s, policies.stream_opens_at_once)

    def now(self) -> Now:
        return Now(self.loop.now_ms(), asyncio.get_running_loop().time())


class SessionShell:
    """All methods run in the loop."""

    def __init__(
        self, session: Session, host: Host, tools: SessionTools, speech_to_text: SpeechToText
    ) -> None:
        self.session = session
        self._host = host
        self._tools = tools
        self._connectors = tools.connectors
        self._speech_to_text = speech_to_text
        self._supervised = Supervised()
        self._streams: dict[int, _StreamTasks] = {}
        self._captioner = Captioner(
            session.session_id, tools.connectors, lambda: session.listeners.partial_languages
        )

    def event(self, happened: Callable[[Now], list[do.Command]]) -> None:
        """Tell the machine of an event, and carry out what it asks for."""
        if self._supervised.is_closed:
            return
        try:
            commands = happened(self._tools.now())
        except Exception:
            unexpected(f"session {self.session.session_id}")
            self._host.take_over_again(self.session.session_id)
            return
        for command in commands:
            try:
                self._carry_out(command)
            except Exception:  # the commands after it count
                unexpected(f"{type(command).__name__} of a session")

    def close(self) -> None:
        """Stop everything; nothing is written any more but a last summary."""
        for command in self.session.close():
            self._carry_out(command)
        self._captioner.close()
        self._tools.speculation.forget(self.session.session_id)
        if self._tools.releases is not None:
            self._tools.releases.forget(self.session.session_id)
        for stream in tuple(self._streams.values()):
            stream.close()
        self._supervised.close()

    def _carry_out(self, command: do.Command) -> None:
        match command:
            case do.SendAudio(number, pieces):
                if (stream := self._streams.get(number)) is not None:
                    stream.send(pieces)
            case do.Caption(number, text, language, final):
                self._captioner.show(Caption(number, text, language, final=final))
            case do.Commit():
                self._supervised.start("commit", lambda: self._commit(command))
            case do.Deliver(utterance, part):
                try:
                    self._begin_delivery(utterance, part)
                finally:
                    self._host.deliver(utterance)
            case do.Speculate(text, language, languages):
                session_id = self.session.session_id
                self._tools.speculation.speculate(session_id, text, language, languages)
            case do.OpenStream(number, language):
                self._streams[number] = _StreamTasks(self, number, language)
            case do.FinishStream(number):
                if (stream := self._streams.get(number)) is not None:
                    stream.finish()
            case do.CloseStream(number):
                if (stream := self._streams.pop(number, None)) is not None:
                    stream.close()
            case do.ExpectLanguages(languages):
                self._tools.warming.expect(self.session.session_id, languages)
            case do.LookUpListeners():
                self._supervised.once("listeners", self._look_up_listeners())
            case do.SaveHead():
                self._supervised.last("summary", self._save_head(command))
            case do.RefuseAudio(number, cause):
                self._host.dead_letter(self._letter(number, cause))
            case do.ReadAgain():
                self._host.read_again(self.session.session_id)
            case do.TakeOverAgain():
                self._host.take_over_again(self.session.session_id, is_breakdown=False)
            case do.Lost(generation):
                self._host.lost(self.session.session_id, generation)

    def _begin_delivery(self, utterance: Utterance, part: SentencePart | None) -> None:
        if self._tools.releases is None:
            self._tools.speculation.begin(utterance.entry)
        elif part is not None:
            self._tools.releases.begin(utterance.entry, part)

    async def _commit(self, command: do.Commit) -> None:
        """The ledger is waited for as long as it takes: without it nothing may go on. What it
        refuses for too long is told as failed; what is left of that is waited for as well."""
        ledger, entry = self._connectors.ledger, command.entry
        refused_since_s: float | None = None
        while True:
            try:
                stands = await call(self._connectors.policies.ledger, lambda: ledger.commit(entry))
            except PermanentError as error:
                _log.error("session %s: no commit: %s", self.session.session_id, error)
                now, cause = self._tools.now(), type(error).__name__
                refused_since_s = now.s if refused_since_s is None else refused_since_s
                if entry.kind is EntryKind.SPEECH and now.s - refused_since_s >= REFUSED_FOR_S:
                    self.event(lambda now, cause=cause: self.session.commit_refused(cause, now))
                    return
            except ConnectorError as error:
                refused_since_s = None
                _log.warning("session %s: no commit: %s", self.session.session_id, error)
            else:
                break
            await asyncio.sleep(LEDGER_WAIT_S)
        self.event(lambda now: self.session.committed(stands, now))

    async def _look_up_listeners(self) -> None:
        """Mends what a dead gateway left behind; the next look comes before long."""
        directory, session_id = self._connectors.directory, self.session.session_id
        try:
            found = await call(
                self._connectors.policies.directory, lambda: directory.listeners(session_id)
            )
        except ConnectorError as error:
            _log.warning("session %s: listeners not found: %s", session_id, error)
            return
        self.event(lambda now: self.session.listeners_known(found, now))

    async def _save_head(self, command: do.SaveHead) -> None:
        """A head that was not saved is told again by the session; the last one, whose session is
        closed, is tried for as long as the policy says."""
        ledger, head = self._connectors.ledger, command.head
        try:
            await ledger.save_head(head)
        except ConnectorError as error:
            _log.info("session %s: no summary: %s", self.session.session_id, error)
            if self._supervised.is_closed:
                with contextlib.suppress(ConnectorError):
                    await call(self._connectors.policies.ledger, lambda: ledger.save_head(head))
            self.event(lambda _now: self.session.head_not_saved())

    def _letter(self, number: int, cause: str) -> DeadLetter:
        session_id = self.session.session_id
        key = f"{session_id}/{number}"
        return DeadLetter(
            "transcribe", cause, key, self._tools.loop.now_ms(), session_id=session_id
        )

    # For the tasks of a stream --------------------------------------------------------------------

    async def open_stream(self, language: str) -> SpeechStream:
        await self._tools.opens.acquire()
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                return await self._speech_to_text.open(language, sample_rate_hz=SAMPLE_RATE_HZ)
        except TimeoutError:
            raise RetryableError(f"no stream within {OPEN_WITHIN_S:g} s") from None

    def failed(self, number: int, error: Exception) -> None:
        cause = type(error).__name__
        _log.warning("session %s: recognition failed: %s", self.session.session_id, cause)
        permanent = isinstance(error, PermanentError)
        self.event(
            lambda now: self.session.stream_failed(number, cause, now, is_permanent=permanent)
        )

    @property
    def supervised(self) -> Supervised:
        return self._supervised


class _StreamTasks:
    """One speech stream: a task that opens and feeds it, and one that reads it."""

    def __init__(self, shell: SessionShell, number: int, language: str) -> None:
        self._shell = shell
        self._number = number
        self._language = language
        self._to_send: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._stream: SpeechStream | None = None
        self._reading: asyncio.Task[None] | None = None
        self._feeding = shell.supervised.once("speech stream", self._feed())

    def send(self, pieces: tuple[bytes, ...]) -> None:
        for pcm in pieces:
            self._to_send.put_nowait(pcm)

    def finish(self) -> None:
        self._to_send.put_nowait(None)

    def close(self) -> None:
        self._feeding.cancel()
        if self._reading is not None:
            self._reading.cancel()
        if self._stream is not None:
            self._shell.supervised.last("closing a speech stream", _closed(self._stream))

    async def _feed(self) -> None:
        shell, number = self._shell, self._number
        try:
            stream = self._stream = await shell.open_stream(self._language)
            self._reading = shell.supervised.once("speech stream", self._read(stream))
            shell.event(lambda now: shell.session.stream_opened(number, now))
            while (pcm := await self._to_send.get()) is not None:
                for start in range(0, len(pcm), SEND_STEP_BYTES):
                    await stream.send(pcm[start : start + SEND_STEP_BYTES])
            await stream.finish()
        except Exception as error:  # the talk goes on, whatever it is
            if not isinstance(error, ConnectorError):
                unexpected("feeding a speech stream")
            shell.failed(number, error)

    async def _read(self, stream: AsyncIterator[Recognition] | SpeechStream) -> None:
        shell, number = self._shell, self._number
        try:
            async for result in stream:
                heard = without_invented(result)
                shell.event(lambda now, r=heard: shell.session.recognised(number, r, now))
            shell.event(lambda now: shell.session.stream_ended(number, now))
        except Exception as error:
            if not isinstance(error, ConnectorError):
                unexpected("reading a speech stream")
            shell.failed(number, error)


async def _closed(stream: SpeechStream) -> None:
    try:
        await stream.close()
    except ConnectorError as error:
        _log.warning("closing a speech stream failed: %s", error)
