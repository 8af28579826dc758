"""Recognises one session: audio in order goes to a speech stream, its words into the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.errors import ConnectorError
from connectors.policy import RateLimiter
from connectors.registry import Connectors
from pipelines.segmentation.segmenter import Cut, Segmenter, Hypothesis, text_of, words_behind
from pipelines.core.journal import EpochPosition, JournalItem
from pipelines.core.pending_audio import PendingAudio
from pipelines.worker.committing import Committer, Draft
from pipelines.worker.hearing import Hearing, has_caught_up
from pipelines.worker.keeping_stream import PAUSE_AFTER_GIVING_UP_S, StreamKeeper
from pipelines.worker.open_stream import OpenStream
from schemas.values import EntryKind, LedgerEntry, Timeline

SETTLE_WITHIN_S = 5.0


class SessionRecogniser:
    """All methods but ``close`` are called one at a time, by the session's own task."""

    def __init__(
        self,
        session_id: str,
        connectors: Connectors,
        cutter: Segmenter,
        committer: Committer,
        opens: RateLimiter,
        believed: Callable[[int, str, str], None],
        likely: Callable[[str, str], None],
        call_for_mending: Callable[[], None],
    ) -> None:
        self._session_id = session_id
        self._connectors = connectors
        self._cutter = cutter
        self._committer = committer
        self._believed = believed
        self._likely = likely
        self._streams = StreamKeeper(
            session_id, connectors, opens, self._hear_words, call_for_mending
        )
        self._epoch = -1
        self._hearing = self._new_hearing()
        self._committing = asyncio.Lock()

    async def hear(self, item: JournalItem) -> None:
        """The next chunk. One that is committed already is passed over."""
        await self._enter(item.epoch, item.sequence)
        if item.sequence < self._pending.next_sequence:
            return
        if item.sequence > self._pending.next_sequence:  # read from behind where the ledger ends
            await self._pass_over(self._pending.next_sequence, item.sequence)
            if item.sequence < self._pending.next_sequence:
                return
        chunk = self._pending.next(item)
        committed = item.samples > 0 and chunk.end_sample <= self._position.resume_sample
        if committed and self._open is None:
            return
        self._hearing.keep(chunk)
        self._streams.is_idle = False
        if self._open is not None:
            await self._streams.send(self._open, self._hearing.due())
        elif self._needs_stream and self._streams.wait_to_open_s == 0.0:
            await self._open_stream()  # sends all that is pending
        if self._cutter.needs_voice:  # a pause may be long enough now, without any new result
            await self._cut_due()

    async def gap(self, item: JournalItem) -> None:
        """Chunks that will never come: commit what is in front of them, then the gap itself."""
        await self._enter(item.epoch, item.sequence)
        if item.until_sequence > self._pending.next_sequence:
            await self._pass_over(
                max(item.sequence, self._pending.next_sequence), item.until_sequence
            )

    async def flush(self) -> None:
        """Commit everything that was heard; the stream ends."""
        while self._has_uncommitted:
            if self._open is None and not self._needs_stream:
                await self._cut_due(finished=True)
                break
            if self._open is None:
                await asyncio.sleep(self._streams.wait_to_open_s)
                await self._open_stream()
            opened = self._open
            if opened is None:  # not yet, or given up: committed as failed
                continue
            if opened.error is None:
                await self._streams.finish(opened, self._committing.locked)
            if opened.error is not None:
                await self.mend()
                continue
            await self._cut_due(finished=True)
            await self._say_what_came_late(opened)
        await self._streams.close()
        await self._leave_nothing_pending()

    async def settle(self) -> None:
        """Commit the whole words that were heard; the stream stays open for what may follow."""
        opened = self._open
        if opened is None or self._position.end_sample >= self._pending.available_sample:
            return
        try:
            async with asyncio.timeout(SETTLE_WITHIN_S):
                while not self._caught_up(opened) and opened.error is None:
                    opened.heard_more.clear()
                    await opened.heard_more.wait()
        except TimeoutError:
            return
        async with self._committing:
            heard = Hypothesis(opened.words, opened.through_sample, self._pending.available_sample)
            cut = self._cutter.whole_words(self._position.resume_sample, heard)
            if (
                opened is self._open
                and cut is not None
                and cut.end_sample > self._position.end_sample
            ):
                await self._commit(cut, EntryKind.SPEECH)
                opened.forget_words_before(self._position.resume_sample)

    async def mend(self) -> None:
        """Open the stream again if it broke, and send what is not committed."""
        opened = self._open
        if opened is not None and opened.error is not None:
            await self._streams.close()
            if self._has_uncommitted:
                await self._note_failure(opened.error)
        elif opened is not None:
            await self._streams.retire(opened)
        elif (
            self._needs_stream and not self._streams.is_idle and self._streams.wait_to_open_s == 0.0
        ):
            await self._open_stream()

    async def close(self) -> None:
        """Drop the stream. What is pending stays: the next chunk opens another for it."""
        await self._streams.close()

    @property
    def _open(self) -> OpenStream | None:
        return self._streams.current

    @property
    def _pending(self) -> PendingAudio:
        return self._hearing.pending

    @property
    def _needs_stream(self) -> bool:
        return self._has_uncommitted and self._hearing.has_speech_behind(
            self._position.resume_sample
        )

    @property
    def _position(self) -> EpochPosition:
        return self._committer.position(self._epoch)

    @property
    def _has_uncommitted(self) -> bool:
        """Samples are in no entry, or may hold words behind the last one that was said: a cut may
        be made before its recogniser has reported the very last of it."""
        position = self._position
        return position.end_sample < self._pending.available_sample or (
            bool(self._pending) and position.resume_sample < self._pending.available_sample
        )

    def _new_hearing(self, next_sequence: int = 0, available_sample: int = 0) -> Hearing:
        detectors = self._connectors.voice_activity if self._cutter.needs_voice else None
        return Hearing(detectors, next_sequence, available_sample)

    async def _say_what_came_late(self, opened: OpenStream) -> None:
        """Words in samples that are committed already, reported with the stream's end only."""
        if not self._has_uncommitted:
            return
        async with self._committing:
            position, available = self._position, self._pending.available_sample
            text = " ".join(
                word.text
                for word in opened.words
                if (word.start_sample + word.end_sample) / 2 > position.resume_sample
            )
            cut = Cut(max(available, position.end_sample), available, text)
            await self._commit(cut, EntryKind.SPEECH if text else EntryKind.SILENCE)

    async def _leave_nothing_pending(self) -> None:
        """Every sample is committed; say so also of chunks, which the journal is kept by.

        A last cut on the grid leaves the chunks behind its last word open, and chunks without
        samples are never cut: an entry without samples covers them.
        """
        if self._pending and self._position.resume_sequence < self._pending.next_sequence:
            async with self._committing:
                end = self._pending.available_sample
                await self._commit(Cut(end, end, ""), EntryKind.SILENCE)
        self._hearing.forget_all()

    async def _enter(self, epoch: int, sequence: int) -> None:
        """Begin an epoch where the ledger stands, or at its first chunk that we see."""
        if epoch == self._epoch:
            return
        await self.flush()
        known = self._committer.coverage.of(epoch)
        self._epoch = epoch
        self._hearing = (
            self._new_hearing(known.resume_sequence, known.resume_sequence_sample)
            if known
            else self._new_hearing(sequence)
        )

    async def _pass_over(self, from_sequence: int, until_sequence: int) -> None:
        await self.flush()
        at = max(self._pending.available_sample, self._position.end_sample)
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
        # Another writer's entry may stand under our number: the gap is still to be written then.
        while self._position.resume_sequence < until_sequence:
            await self._committer.commit(draft, Timeline.start(self._committer.now_ms()))
        position = self._position
        self._hearing = self._new_hearing(position.resume_sequence, position.resume_sequence_sample)

    async def _open_stream(self) -> None:
        """One attempt; a failure says when to try again."""
        try:
            opened = await self._streams.open(lambda: self._position.resume_sample)
        except ConnectorError as error:
            await self._note_failure(error)
            return
        self._hearing.rewind(opened.first_sample)
        await self._streams.send(opened, self._hearing.due())

    async def _hear_words(self, opened: OpenStream) -> None:
        await self._cut_due()
        self._say_what_is_believed(opened)

    def _say_what_is_believed(self, opened: OpenStream) -> None:
        words = words_behind(self._position.resume_sample, opened.words)
        number = self._committer.coverage.last_number + 1
        self._believed(number, text_of(words), self._streams.language)

    def _say_what_is_likely(self, resume_sample: int, heard: Hypothesis) -> None:
        text = self._cutter.likely_words(resume_sample, heard)
        if text:
            self._likely(text, self._streams.language)

    async def _note_failure(self, error: Exception) -> None:
        if self._streams.gives_up(error):
            await self._give_up(type(error).__name__)
            self._streams.open_again_in(PAUSE_AFTER_GIVING_UP_S)

    async def _give_up(self, cause: str) -> None:
        """The audio that could not be recognised is counted, and listeners are told."""
        async with self._committing:
            end = self._pending.available_sample
            entry: LedgerEntry | None = None
            while self._has_uncommitted:  # another writer may take our number
                cut = Cut(max(end, self._position.end_sample), end, "")
                entry = await self._commit(cut, EntryKind.FAILED)
        if entry is not None and entry.kind is EntryKind.FAILED:
            await self._committer.dead_letter(cause, entry.number)

    async def _cut_due(self, *, finished: bool = False) -> None:
        """Commit every cut that is due: with each result and, where voice counts, each chunk."""
        async with self._committing:
            while (heard := self._heard(finished)) is not None:
                position = self._position
                cut = self._cutter.next_cut(position.end_sample, position.resume_sample, heard)
                if cut is None:
                    self._say_what_is_likely(position.resume_sample, heard)
                    return
                kind = EntryKind.SPEECH if cut.text else EntryKind.SILENCE
                await self._commit(cut, kind)
                if self._open is not None:
                    self._streams.works()
                    self._open.forget_words_before(self._position.resume_sample)

    def _heard(self, finished: bool) -> Hypothesis | None:
        report_every_s = self._connectors.speech_to_text.report_every_s
        heard = self._hearing.believed(
            self._open, self._position.resume_sample, report_every_s, finished=finished
        )
        if heard is not None and heard.through_sample >= heard.available_sample:
            self._streams.works()
        return heard

    def _caught_up(self, opened: OpenStream) -> bool:
        return has_caught_up(opened, self._connectors.speech_to_text.report_every_s)

    async def _commit(self, cut: Cut, kind: EntryKind) -> LedgerEntry:
        first = self._position.end_sample
        resume_sequence, resume_sequence_sample = self._pending.chunk_at(cut.resume_sample)
        now_ms = self._committer.now_ms()
        draft = Draft(
            kind,
            self._epoch,
            first,
            cut.end_sample,
            cut.resume_sample,
            resume_sequence,
            resume_sequence_sample,
            cut.text,
            self._streams.language,
            self._pending.captured_at_ms(first) or now_ms,
        )
        needed = max(cut.end_sample, cut.needed_sample)
        timeline = self._pending.timeline(first, needed, now_ms)
        entry = await self._committer.commit(draft, timeline)
        self._hearing.forget_before(self._position.resume_sample)
        return entry
