"""Recognises one session: audio in order goes to a speech stream, its words into the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from connectors.errors import ConnectorError, RetryableError
from connectors.policy import call
from connectors.registry import Connectors
from connectors.speech_to_text import Recognition, SpeechStream
from pipelines.core.journal import EpochPosition, JournalItem
from pipelines.core.window_cut import Cut, Hypothesis, TimedWord, WindowCutter
from pipelines.worker.committing import Committer, Draft
from schemas.values import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE_HZ,
    EntryKind,
    LedgerEntry,
    Timeline,
)

_log = logging.getLogger(__name__)

DEFAULT_LANGUAGE = "en"
"""Of the old flow's producers, whose sessions have no row."""

GIVE_UP_AFTER_S = 60.0
"""Audio that no stream has taken for so long is committed as failed; the talk goes on."""

FINISH_WITHIN_S = 30.0

SEND_STEP_BYTES = SAMPLE_RATE_HZ * BYTES_PER_SAMPLE
"""At most a second of audio at a time."""


@dataclass(frozen=True, slots=True)
class PendingChunk:
    """A chunk that is not yet committed whole, and where it stands in its epoch."""

    item: JournalItem
    first_sample: int

    @property
    def end_sample(self) -> int:
        return self.first_sample + self.item.samples


class _OpenStream:
    """A speech stream, what it said so far, and whether it broke. Times become samples here."""

    def __init__(self, stream: SpeechStream, first_sample: int) -> None:
        self.stream = stream
        self.first_sample = first_sample
        self.through_sample = first_sample
        self.error: Exception | None = None
        self.reader: asyncio.Task[None] | None = None
        self._final: list[TimedWord] = []
        self._partial: list[TimedWord] = []

    @property
    def words(self) -> list[TimedWord]:
        return [*self._final, *self._partial]

    def take(self, result: Recognition) -> None:
        words = [
            TimedWord(word.text, self._sample(word.start_s), self._sample(word.end_s))
            for word in result.words
        ]
        if result.is_final:
            self._final += words
            self._partial = []
        else:
            self._partial = words
        self.through_sample = max(self.through_sample, self._sample(result.through_s))

    def forget_words_before(self, sample: int) -> None:
        self._final = [word for word in self._final if word.end_sample > sample]

    def _sample(self, at_s: float) -> int:
        return self.first_sample + round(at_s * SAMPLE_RATE_HZ)


class SessionRecogniser:
    """All methods but ``close`` are called one at a time, by the session's own task."""

    def __init__(
        self,
        session_id: str,
        connectors: Connectors,
        cutter: WindowCutter,
        committer: Committer,
        call_for_mending: Callable[[], None],
    ) -> None:
        self._session_id = session_id
        self._connectors = connectors
        self._cutter = cutter
        self._committer = committer
        self._call_for_mending = call_for_mending
        self._epoch = -1
        self._pending: deque[PendingChunk] = deque()
        self._next_sequence = 0
        self._available_sample = 0
        self._open: _OpenStream | None = None
        self._language: str | None = None
        self._failing_since_s: float | None = None
        self._committing = asyncio.Lock()

    async def hear(self, item: JournalItem) -> None:
        """The next chunk. One that is committed already is passed over."""
        await self._enter(item.epoch, item.sequence)
        if item.sequence < self._next_sequence:
            return
        if item.sequence > self._next_sequence:  # read from behind where the ledger ends
            await self._pass_over(self._next_sequence, item.sequence)
        chunk = PendingChunk(item, self._available_sample)
        self._next_sequence = item.sequence + 1
        self._available_sample = chunk.end_sample
        if chunk.end_sample <= self._position.resume_sample and chunk.item.samples:
            return
        self._pending.append(chunk)
        if self._open is None:
            await self._open_stream()  # sends all that is pending
        else:
            await self._send(self._open, chunk)

    async def gap(self, item: JournalItem) -> None:
        """Chunks that will never come: commit what is in front of them, then the gap itself."""
        await self._enter(item.epoch, item.sequence)
        if item.until_sequence > self._next_sequence:
            await self._pass_over(max(item.sequence, self._next_sequence), item.until_sequence)

    async def flush(self) -> None:
        """Commit everything that was heard; the stream ends."""
        while self._position.end_sample < self._available_sample:
            if self._open is None:
                await self._open_stream()
            opened = self._open
            if opened is None:  # given up: committed as failed
                break
            if opened.error is None:
                await self._finish(opened)
            if opened.error is not None:
                await self.mend()
                continue
            await self._cut_due(finished=True)
            break
        await self._close_stream()
        self._pending.clear()

    async def mend(self) -> None:
        """Open the stream again if it broke, and send what is not committed."""
        if self._open is not None and self._open.error is not None:
            error = self._open.error
            await self._close_stream()
            await self._note_failure(error)
            if self._position.end_sample < self._available_sample:
                await self._open_stream()

    async def broken(self) -> None:
        """Something unexpected happened: start the stream afresh."""
        await self._close_stream()

    async def close(self) -> None:
        await self._close_stream()

    @property
    def _position(self) -> EpochPosition:
        return self._committer.position(self._epoch)

    async def _enter(self, epoch: int, sequence: int) -> None:
        """Begin an epoch where the ledger stands, or at its first chunk that we see."""
        if epoch == self._epoch:
            return
        await self.flush()
        known = self._committer.coverage.of(epoch)
        self._epoch = epoch
        self._next_sequence = known.resume_sequence if known else sequence
        self._available_sample = known.resume_sequence_sample if known else 0

    async def _pass_over(self, from_sequence: int, until_sequence: int) -> None:
        await self.flush()
        at = max(self._available_sample, self._position.end_sample)
        draft = Draft(
            EntryKind.GAP,
            self._epoch,
            first_sample=at,
            end_sample=at,
            resume_sample=at,
            resume_sequence=until_sequence,
            resume_sequence_sample=at,
            gap_from_sequence=from_sequence,
            gap_until_sequence=until_sequence,
        )
        await self._committer.commit(draft, Timeline.start(self._committer.now_ms()))
        self._available_sample = at
        self._next_sequence = until_sequence

    async def _open_stream(self) -> None:
        while self._open is None:
            try:
                if self._language is None:
                    self._language = await self._source_language()
                language = self._language
                stream = await self._connectors.speech_to_text.open(
                    language, sample_rate_hz=SAMPLE_RATE_HZ
                )
            except ConnectorError as error:
                if await self._note_failure(error):
                    return
                continue
            opened = _OpenStream(stream, self._position.resume_sample)
            self._open = opened
            opened.reader = asyncio.create_task(self._read(opened))
            for chunk in list(self._pending):
                await self._send(opened, chunk)

    async def _source_language(self) -> str:
        info = await call(
            self._connectors.policies.directory,
            lambda: self._connectors.directory.find(self._session_id),
        )
        return info.source_language if info is not None else DEFAULT_LANGUAGE

    async def _send(self, opened: _OpenStream, chunk: PendingChunk) -> None:
        skip = max(0, opened.first_sample - chunk.first_sample) * BYTES_PER_SAMPLE
        pcm = chunk.item.pcm[skip:]
        try:
            for start in range(0, len(pcm), SEND_STEP_BYTES):
                await opened.stream.send(pcm[start : start + SEND_STEP_BYTES])
        except ConnectorError as error:
            self._fail(opened, error)

    async def _read(self, opened: _OpenStream) -> None:
        try:
            async for result in opened.stream:
                opened.take(result)
                if opened is self._open:
                    await self._cut_due()
        except ConnectorError as error:
            self._fail(opened, error)

    def _fail(self, opened: _OpenStream, error: Exception) -> None:
        if opened.error is None:
            opened.error = error
            self._call_for_mending()

    async def _finish(self, opened: _OpenStream) -> None:
        try:
            async with asyncio.timeout(FINISH_WITHIN_S):
                await opened.stream.finish()
                if opened.reader is not None:
                    await opened.reader
        except TimeoutError:
            self._fail(opened, RetryableError(f"no end of stream within {FINISH_WITHIN_S:g} s"))
        except ConnectorError as error:
            self._fail(opened, error)

    async def _close_stream(self) -> None:
        opened, self._open = self._open, None
        if opened is None:
            return
        if opened.reader is not None and opened.reader is not asyncio.current_task():
            opened.reader.cancel()
            with suppress(asyncio.CancelledError):
                await opened.reader
        await opened.stream.close()

    async def _note_failure(self, error: Exception) -> bool:
        """Wait a little, or give the audio up; True when it was given up."""
        now_s = asyncio.get_running_loop().time()
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        failing_s = now_s - self._failing_since_s
        if isinstance(error, RetryableError) and failing_s < GIVE_UP_AFTER_S:
            _log.warning("recognition of %s interrupted: %s", self._session_id, error)
            await asyncio.sleep(min(0.2 + failing_s / 4, 5.0))
            return False
        self._failing_since_s = None
        await self._give_up(type(error).__name__)
        return True

    async def _give_up(self, cause: str) -> None:
        """The audio that could not be recognised is counted, and listeners are told."""
        async with self._committing:
            end = self._available_sample
            if self._position.end_sample >= end:
                return
            cut = Cut(end, end, "")
            entry = await self._commit(cut, EntryKind.FAILED)
        await self._committer.dead_letter(cause, entry.number)

    async def _cut_due(self, *, finished: bool = False) -> None:
        """Commit every cut that is due. Called by the reader, and once more at the end."""
        async with self._committing:
            opened = self._open
            while opened is not None:
                position = self._position
                heard = Hypothesis(
                    opened.words, opened.through_sample, self._available_sample, finished
                )
                cut = self._cutter.next_cut(position.end_sample, position.resume_sample, heard)
                if cut is None:
                    return
                kind = EntryKind.SPEECH if cut.text else EntryKind.SILENCE
                await self._commit(cut, kind)
                self._failing_since_s = None
                opened.forget_words_before(self._position.resume_sample)

    async def _commit(self, cut: Cut, kind: EntryKind) -> LedgerEntry:
        first = self._position.end_sample
        resume_sequence, resume_sequence_sample = self._chunk_at(cut.resume_sample)
        draft = Draft(
            kind,
            self._epoch,
            first,
            cut.end_sample,
            cut.resume_sample,
            resume_sequence,
            resume_sequence_sample,
            cut.text,
            self._language or DEFAULT_LANGUAGE,
            self._captured_at_ms(first),
        )
        entry = await self._committer.commit(draft, self._timeline(first, cut.end_sample))
        resume_sample = self._position.resume_sample
        while self._pending and self._pending[0].end_sample <= resume_sample:
            self._pending.popleft()
        return entry

    def _chunk_at(self, sample: int) -> tuple[int, int]:
        """The chunk in which ``sample`` lies, or the one that comes next."""
        for chunk in self._pending:
            if chunk.first_sample <= sample < chunk.end_sample:
                return chunk.item.sequence, chunk.first_sample
        return self._next_sequence, self._available_sample

    def _captured_at_ms(self, sample: int) -> int:
        for chunk in self._pending:
            if sample < chunk.end_sample:
                into_chunk_ms = (sample - chunk.first_sample) * 1000 // SAMPLE_RATE_HZ
                return chunk.item.captured_at_ms + into_chunk_ms
        return self._committer.now_ms()

    def _timeline(self, first: int, end: int) -> Timeline:
        """From the first sample's capture until the pane with the last sample was fired."""
        own = [
            chunk
            for chunk in self._pending
            if chunk.end_sample > first and chunk.first_sample < end
        ]
        if not own:
            return Timeline.start(self._committer.now_ms())
        head = own[0].item
        return (
            Timeline.start(self._captured_at_ms(first))
            .mark("capture", head.received_at_ms)
            .mark("ingest", head.arrived_at_ms)
            .mark("read", head.read_at_ms)
            .mark("window", own[-1].item.fired_at_ms)
        )
