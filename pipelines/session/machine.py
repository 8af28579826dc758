"""One session, from records of the log to committed utterances: a state machine without I/O.

Events come in as method calls with the time they happened at; each returns the commands that the
shell is to carry out (``commands``). Nothing here waits: what is waited for is a state.

    records -> Order -> items -> one at a time -> UncommittedAudio -> recogniser -> Segmenter
                                                                          |
                    Outbox <- Coverage <- the ledger's answer <- Commit <-+

- *Items are taken one at a time.* A chunk of the epoch that is being heard is taken at once. A
  hole, a pause, the end and a new epoch first need all that came before to be committed: the
  session *flushes*, and later items wait in ``_queue``.
- *One commit is under way at most.* Its answer is the entry that stands there: another writer's, if
  that was first. Coverage, and with it everything else, follows the ledger.
- *At most one recogniser.* What it loses is sent again from the last committed word on.
- Translation will stand behind the commit: a sentence buffer and a cursor for each language belong
  between ``_committed`` and the outbox.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from pipelines.segmentation.segmenter import (
    Hypothesis,
    Segment,
    Segmenter,
    text_of,
    words_after,
)
from pipelines.session.audio import Detectors, UncommittedAudio
from pipelines.session.commands import (
    Caption,
    CloseStream,
    Command,
    Commit,
    Deliver,
    ExpectLanguages,
    FinishStream,
    LookUpListeners,
    Lost,
    OpenStream,
    ReadAgain,
    RefuseAudio,
    SaveHead,
    SendAudio,
    Speculate,
)
from pipelines.session.coverage import Coverage, EpochPosition, Range, is_late
from pipelines.session.low_water import OpenRecords
from pipelines.session.order import Order
from pipelines.session.outbox import Outbox
from pipelines.session.recognition import Recognised, RecognitionStream, hypothesis_of
from pipelines.session.records import (
    Chunk,
    Flush,
    Hole,
    Item,
    Listeners,
    Now,
    Opened,
    Place,
    ReadRecord,
)
from schemas.values import (
    SAMPLE_RATE_HZ,
    EntryKind,
    LedgerEntry,
    ListenerLanguages,
    Route,
    Timeline,
    Utterance,
)

SETTLE_AFTER_S = 3.0
"""Audio that stops without a word why is committed up to the last whole word."""
SETTLE_WITHIN_S = 5.0
ABANDONED_S = 600.0
"""A session without audio for so long commits what is left of it."""
FINISH_WITHIN_S = 30.0
GIVE_UP_AFTER_S = 60.0
"""Audio that no stream has taken for so long is committed as failed; the talk goes on."""
PAUSE_AFTER_GIVING_UP_S = 3.0
"""So that audio which is refused comes as one failure in three seconds, not as one a chunk."""
RECONCILE_EVERY_S = 30.0
SUMMARISE_EVERY_S = 3.0
"""What was delivered since the last head is told again after a kill; each head costs a write."""
DELIVER_AGAIN_S = 30.0
STRAGGLERS_WAIT_S = 10.0
"""Audio of an older stream waits so long for a moment at which the newer one has nothing open."""
LONGEST_LATE_SAMPLES = 10 * SAMPLE_RATE_HZ
"""Late chunks are committed whole; a longer run of them becomes several entries."""
ENDED_KEPT_S = 60.0
IDLE_KEPT_S = 900.0
"""A session that is needed again is taken over again; these only save that."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """``writer`` and ``generation`` name the engine; ``report_every_s``: see ``SpeechToText``.
    ``delivers_all``: the languages are joined later (bounded runs), so that entries without routes
    are delivered too."""

    segmenter: Segmenter
    detectors: Detectors | None
    report_every_s: float
    writer: str
    generation: int
    raw: bool = False
    delivers_all: bool = False


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What the ledger and the tables said when the session was taken over, its fence included."""

    base: Coverage
    entries: tuple[LedgerEntry, ...]
    listeners: ListenerLanguages
    language: str


class _Mode(Enum):
    LISTENING = auto()
    FLUSHING = auto()
    SETTLING = auto()
    GIVING_UP = auto()


@dataclass(frozen=True, slots=True)
class _Committing:
    entry: LedgerEntry
    timeline: Timeline


class Session:
    def __init__(self, session_id: str, settings: SessionSettings, known: TakenOver) -> None:
        self.session_id = session_id
        self.is_lost = False
        self._settings = settings
        self._language = known.language
        self._listeners = known.listeners
        self._outbox = Outbox(known.base)
        self._coverage = known.base
        self._out: list[Command] = []
        self._owed: list[LedgerEntry] = []
        for entry in known.entries:
            self._coverage = self._coverage.with_entry(entry)
            if (again := self._outbox.add(entry)) is not None:
                self._owed.append(again)
        self._order = Order(self._coverage, raw=settings.raw)
        self._open_records = OpenRecords()
        self._flushes_due = self._flushes_begun = self._flushes_done = 0
        self._queue: deque[Item] = deque()
        self._again: deque[tuple[float, int]] = deque()
        self._stragglers: list[Chunk | Hole | Opened] = []
        self._stragglers_by_s = 0.0
        self._mode = _Mode.LISTENING
        self._epoch = -1
        self._audio = self._new_audio()
        self._stream: RecognitionStream | None = None
        self._streams = 0
        self._committing: _Committing | None = None
        self._may_cut = False
        self._failing_since_s: float | None = None
        self._retry_at_s = 0.0
        self._is_idle = False
        self._settle_by_s = 0.0
        self._has_settled = self._is_flushed_out = True
        self._give_up_cause = ""
        self._give_up_through = 0
        self._refuses_because = ""
        self._flush_again = False
        self._ended = False
        self._audio_at_s = self._active_at_s = 0.0
        self._looked_up_at_s = self._summarised_at_s = 0.0

    # What the shell asks ------------------------------------------------------------------------

    @property
    def listeners(self) -> ListenerLanguages:
        return self._listeners

    @property
    def coverage(self) -> Coverage:
        return self._coverage

    @property
    def size_bytes(self) -> int:
        """Audio that is kept in memory."""
        waiting = sum(len(each.audio.pcm) for each in self._queue if isinstance(each, Chunk))
        return self._audio.size_bytes + self._order.held_bytes + waiting

    def oldest_open(self) -> dict[str, Place]:
        """For each shard the oldest record that the ledger does not cover."""
        return self._open_records.oldest(self._coverage, self._flushes_done)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing that was read waits to be committed."""
        return self._is_flushed and not self._queue and not self._stragglers

    def is_over(self, now: Now) -> bool:
        """Whether nothing is lost by forgetting the session."""
        if not self._outbox.is_empty or not self.is_at_rest or self._order.is_waiting:
            return False
        if self.oldest_open():
            return False
        return now.s - self._active_at_s >= (ENDED_KEPT_S if self._ended else IDLE_KEPT_S)

    # Events -------------------------------------------------------------------------------------

    def begin(self, now: Now) -> list[Command]:
        """The session was taken over: what is still owed is delivered first."""
        self._audio_at_s = self._active_at_s = now.s
        self._looked_up_at_s = self._summarised_at_s = now.s
        for entry in self._owed:
            self._deliver_again(entry, now)
        self._owed.clear()
        if self._listeners.languages:
            self._out.append(ExpectLanguages(self._listeners.languages))
        return self._taken()

    def read(self, records: Iterable[ReadRecord], now: Now) -> list[Command]:
        """Records of the session were read, in the log's order."""
        for record in records:
            repeats = self._order.repeats
            items = tuple(self._order.take(record))
            if self._order.repeats == repeats:
                self._flushes_due += sum(isinstance(item, Flush) for item in items)
                self._open_records.add(record, items, self._flushes_due)
            self._queue.extend(items)
        self._active_at_s = now.s
        if self._order.reread:
            self._order.reread = False
            self._out.append(ReadAgain())
        return self._run(now)

    def finish(self, now: Now) -> list[Command]:
        """The input is over: nothing will come any more."""
        items = tuple(self._order.pass_all())
        self._flushes_due += sum(isinstance(item, Flush) for item in items)
        self._queue.extend(items)
        self._ask_for_flush()
        return self._run(now)

    def stream_opened(self, number: int, now: Now) -> list[Command]:
        stream = self._current(number)
        if stream is not None:
            stream.opened(self._position.resume_sample, now.s)
            self._audio.rewind(stream.first_sample)
            self._send_due(stream, now)
        return self._run(now)

    def recognised(self, number: int, result: Recognised, now: Now) -> list[Command]:
        stream = self._current(number)
        if stream is None:
            return []
        stream.take(result)
        self._may_cut = True
        commands = self._run(now)
        if stream is self._stream:
            words = words_after(self._position.resume_sample, stream.words)
            following = self._coverage.last_number + 1
            commands.append(Caption(following, text_of(words), self._language, final=False))
        return commands

    def stream_ended(self, number: int, now: Now) -> list[Command]:
        """All of the stream's results have come."""
        stream = self._current(number)
        if stream is not None:
            if not stream.is_finishing:
                return self.stream_failed(number, "the stream ended by itself", now)
            stream.has_ended = True
        return self._run(now)

    def stream_failed(
        self, number: int, cause: str, now: Now, *, is_permanent: bool = False
    ) -> list[Command]:
        """Opening, feeding or reading the stream failed. ``cause`` holds nothing that was said."""
        if self._current(number) is None:
            return []
        self._close_stream()
        if self._has_uncommitted:
            self._note_failure(cause, now, is_permanent=is_permanent)
        return self._run(now)

    def committed(self, stands: LedgerEntry, now: Now) -> list[Command]:
        """The ledger's answer: the entry that stands under the number of the last commit."""
        committing, self._committing = self._committing, None
        if committing is None or self.is_lost:
            return self._taken()
        if stands.takeover and stands.writer != self._settings.writer:
            return self._lose(stands.takeover)
        self._coverage = self._coverage.with_entry(stands)
        self._audio.forget_before(self._position.resume_sample)
        if self._stream is not None:
            self._failing_since_s = None
            self._stream.forget_words_before(self._position.resume_sample)
        self._may_cut = True
        owed = self._outbox.add(stands)
        if self._settings.delivers_all and stands.kind is not EntryKind.SILENCE:
            owed = stands
        if owed is not None:
            timeline = committing.timeline.mark("commit", now.ms).mark("languages", now.ms)
            self._out.append(Deliver(Utterance(owed, timeline)))
        self._out.append(Caption(stands.number, stands.text, stands.language, final=True))
        return self._run(now)

    def delivered(self, number: int, language: str) -> list[Command]:
        """An utterance's outcome in a language was brought to its listeners."""
        self._outbox.delivered(number, language)
        return self._taken()

    def not_delivered(self, number: int, now: Now) -> list[Command]:
        """An outcome could not be brought to its listeners: it is tried again before long."""
        self._again.append((now.s + DELIVER_AGAIN_S, number))
        return self._taken()

    def listeners_known(self, listeners: ListenerLanguages, now: Now) -> list[Command]:
        """The tables' answer; the highest revision wins."""
        self._take_listeners(listeners)
        return self._run(now)

    def time_passed(self, now: Now) -> list[Command]:
        """Called a few times a second."""
        stream = self._stream
        if stream is not None and stream.is_open and not stream.is_finishing:
            if stream.is_idle(now.s) or stream.is_old(now.s):
                self._is_idle = stream.is_idle(now.s)
                self._close_stream()
        elif stream is not None and stream.is_finishing and now.s >= stream.finish_by_s:
            slow = f"no end of stream within {FINISH_WITHIN_S:g} s"
            return self.stream_failed(stream.number, slow, now)
        while self._again and self._again[0][0] <= now.s:
            entry = self._outbox.owed_entry(self._again.popleft()[1])
            if entry is not None:
                self._deliver_again(entry, now)
        if (
            self._stragglers
            and self._mode is _Mode.LISTENING
            and (not self._has_uncommitted or now.s >= self._stragglers_by_s)
        ):
            self._mode = _Mode.FLUSHING
        if now.s - self._summarised_at_s >= SUMMARISE_EVERY_S and self._outbox.has_news:
            self._summarised_at_s = now.s
            self._summarise()
        silent_s = now.s - self._audio_at_s
        if not self._has_settled and silent_s >= SETTLE_AFTER_S:
            self._has_settled = True
            if self._mode is _Mode.LISTENING and not self._queue:
                late = is_late(self._epoch)
                self._mode = _Mode.FLUSHING if late else _Mode.SETTLING
                self._settle_by_s = now.s + SETTLE_WITHIN_S
        if not self._is_flushed_out and silent_s >= ABANDONED_S:
            self._is_flushed_out = True
            self._ask_for_flush()
        return self._run(now)

    def refuse(self, cause: str, now: Now) -> list[Command]:
        """Count what is not committed, and what comes until ``accept``, as audio that could not be
        recognised."""
        self._refuses_because = cause
        if self._stream is not None:
            self._close_stream()
        return self._run(now)

    def accept(self, now: Now) -> list[Command]:
        """Recognise what comes from now on."""
        self._refuses_because = ""
        return self._run(now)

    def close(self) -> list[Command]:
        """The session is forgotten: what is not summarised yet is."""
        if self._stream is not None:
            self._close_stream()
        if not self.is_lost:
            self._summarise()
        return self._taken()

    # Items --------------------------------------------------------------------------------------

    def _run(self, now: Now) -> list[Command]:
        """Go on as far as can be gone without another event."""
        while not self.is_lost:
            if self._must_refuse:
                self._begin_giving_up(self._refuses_because)
            if self._committing is None and self._mode is not _Mode.LISTENING:
                if not self._step(now):
                    break
            elif self._mode is _Mode.LISTENING and self._queue and self._may_take(self._queue[0]):
                self._take(self._queue.popleft(), now)
            elif self._committing is None and self._mode is _Mode.LISTENING and self._cut(now):
                continue
            else:
                break
        if not self.is_lost and self._mode is _Mode.LISTENING:
            self._need_stream(now)
        return self._taken()

    @property
    def _must_refuse(self) -> bool:
        if not self._refuses_because or self._committing is not None or not self._has_uncommitted:
            return False
        return self._mode is _Mode.FLUSHING or (self._mode is _Mode.LISTENING and not self._queue)

    def _may_take(self, item: Item) -> bool:
        """A chunk that is next need not wait for the ledger; everything else does."""
        if isinstance(item, Chunk):
            return self._committing is None or self._goes_on(item)
        return isinstance(item, Listeners) or self._committing is None

    def _take(self, item: Item, now: Now) -> None:
        if isinstance(item, Listeners):
            self._take_listeners(item.languages)
        elif isinstance(item, Flush):
            self._ended = self._ended or item.ended
            self._flushes_begun += item.is_asked_for
            self._mode = _Mode.FLUSHING
        elif self._is_straggler(item) and not self._is_flushed:
            # It must not cut a word of the newer stream in two.
            self._stragglers.append(item)
            self._stragglers_by_s = self._stragglers_by_s or now.s + STRAGGLERS_WAIT_S
        elif not self._goes_on(item) and not self._is_flushed:
            self._queue.appendleft(item)
            self._mode = _Mode.FLUSHING
        else:
            if not self._goes_on(item):
                self._enter(item)
            if isinstance(item, Chunk):
                self._take_chunk(item, now)
            elif isinstance(item, Hole):
                self._take_hole(item, now)
            elif item.begins and item.epoch not in self._coverage.positions:
                self._queue.appendleft(item)  # another writer's entry may stand under our number
                first = item.next_sequence
                before = (0, first) if first else None
                here = first, 0, None
                self._commit(EntryKind.SILENCE, Segment(0, 0, ""), now, resume=here, named=before)

    def _is_straggler(self, item: Chunk | Hole | Opened) -> bool:
        """Whether the item is of an older stream, which was not opened anew."""
        return item.epoch < self._epoch and not isinstance(item, Opened)

    def _goes_on(self, item: Chunk | Hole | Opened) -> bool:
        """Whether the item belongs where the session stands. Late chunks do in runs."""
        if item.epoch != self._epoch:
            return False
        if not is_late(item.epoch) or not isinstance(item, Chunk):
            return True
        kept = self._audio.available_sample - self._audio.first_sample
        return item.sequence == self._audio.next_sequence and kept < LONGEST_LATE_SAMPLES

    def _enter(self, item: Chunk | Hole | Opened) -> None:
        """Begin an epoch where the ledger stands, or at its first item."""
        first = (
            item.next_sequence
            if isinstance(item, Opened)
            else (item.sequence if isinstance(item, Chunk) else item.from_sequence)
        )
        self._epoch = item.epoch
        known = self._coverage.positions.get(item.epoch)
        if known is None or is_late(item.epoch):
            self._audio = self._new_audio(first, self._position.end_sample)
        else:
            self._audio = self._new_audio(known.resume_sequence, known.resume_sequence_sample)

    def _take_chunk(self, chunk: Chunk, now: Now) -> None:
        audio = self._audio
        if chunk.sequence < audio.next_sequence:
            return
        if chunk.sequence > audio.next_sequence:
            # Another writer passed on: the ledger is followed.
            self._queue.appendleft(chunk)
            self._queue.appendleft(Hole(chunk.epoch, audio.next_sequence, chunk.sequence))
            return
        kept = audio.count(chunk, now.ms)
        self._ended = False
        self._audio_at_s = now.s
        self._has_settled = self._is_flushed_out = False
        committed = chunk.samples > 0 and kept.end_sample <= self._position.resume_sample
        if committed and self._stream is None:
            return
        audio.keep(kept)
        self._is_idle = False
        self._may_cut = self._may_cut or self._settings.segmenter.needs_voice
        stream = self._stream
        if stream is not None and stream.is_open and not stream.is_finishing:
            self._send_due(stream, now)

    def _take_hole(self, hole: Hole, now: Now) -> None:
        """Commit what is in front of the chunks that will never come, then the gap itself."""
        until = hole.until_sequence
        if until <= self._audio.next_sequence and until <= self._position.resume_sequence:
            return
        if not self._is_flushed:
            self._queue.appendleft(hole)
            self._mode = _Mode.FLUSHING
            return
        position = self._position
        if position.resume_sequence >= until:
            self._audio = self._new_audio(position.resume_sequence, position.resume_sequence_sample)
            return
        at = max(self._audio.available_sample, position.end_sample)
        first = max(hole.from_sequence, self._audio.next_sequence)
        self._queue.appendleft(hole)  # another writer's entry may stand under our number
        self._commit(
            EntryKind.GAP, Segment(at, at, ""), now, resume=(until, at, None), named=(first, until)
        )

    def _take_listeners(self, news: ListenerLanguages) -> None:
        if not news.supersedes(self._listeners):
            return
        new = {*news.languages} - {*self._listeners.languages}
        self._listeners = news
        if new:
            self._out.append(ExpectLanguages(tuple(sorted(new))))

    def _deliver_again(self, entry: LedgerEntry, now: Now) -> None:
        timeline = Timeline.start(entry.captured_at_ms).mark("commit", now.ms)
        self._out.append(Deliver(Utterance(entry, timeline)))

    def _ask_for_flush(self) -> None:
        self._flushes_due += 1
        self._queue.append(Flush())

    # Steps of a session that does not listen ----------------------------------------------------

    def _step(self, now: Now) -> bool:
        """One step of what the mode is about; False when something is waited for."""
        if self._mode is _Mode.SETTLING:
            return self._settle(now)
        if self._mode is _Mode.GIVING_UP:
            return self._give_up(now)
        return self._flush(now)

    def _flush(self, now: Now) -> bool:
        """Commit everything that was taken; the stream ends."""
        if not self._has_uncommitted:
            return self._flushed(now)
        stream = self._stream
        if stream is None:
            if not self._needs_stream:
                return self._cut(now, finished=True) or self._flushed(now)
            if now.s >= self._retry_at_s:
                self._open_stream()
            return False
        if not stream.is_open:
            return False
        if not stream.is_finishing:
            stream.is_finishing, stream.finish_by_s = True, now.s + FINISH_WITHIN_S
            self._out.append(FinishStream(stream.number))
        if not stream.has_ended:
            return False
        if self._cut(now, finished=True):
            return True
        if self._has_uncommitted:
            # Words in samples that are committed already, reported with the stream's end only.
            text = text_of(words_after(self._position.resume_sample, stream.words))
            self._commit_rest(EntryKind.SPEECH if text else EntryKind.SILENCE, text, now)
            return True
        return self._flushed(now)

    def _flushed(self, now: Now) -> bool:
        """Every sample is committed. A last cut on the grid leaves the chunks after its last word
        open, and chunks without samples are never cut: an entry without samples covers them."""
        if self._stream is not None:
            self._close_stream()
        is_open = self._position.resume_sequence < self._audio.next_sequence
        if self._audio and (is_open or is_late(self._epoch)):
            self._commit_rest(EntryKind.SILENCE, "", now)
            return True
        self._audio.forget_all()
        self._mode = _Mode.LISTENING
        self._may_cut = False
        if self._stragglers:
            after = Flush(is_asked_for=False)
            self._queue.extendleft((after, *reversed(self._stragglers)))
            self._stragglers.clear()
            self._stragglers_by_s = 0.0
        else:
            self._flushes_done = self._flushes_begun
        return True

    def _settle(self, now: Now) -> bool:
        """Commit the whole words that were heard; the stream stays open for what may follow."""
        stream, audio, position = self._stream, self._audio, self._position
        waits_for_more = (
            stream is not None
            and stream.is_open
            and position.end_sample < audio.available_sample
            and not stream.has_caught_up(self._settings.report_every_s)
        )
        if waits_for_more and now.s < self._settle_by_s:
            return False
        self._mode = _Mode.LISTENING
        if stream is None or not stream.is_open or waits_for_more:
            return True
        hypothesis = Hypothesis(stream.words, stream.through_sample, audio.available_sample)
        segment = self._settings.segmenter.whole_words(position.resume_sample, hypothesis)
        if segment is not None and segment.end_sample > position.end_sample:
            self._commit(EntryKind.SPEECH, segment, now)
        return True

    def _give_up(self, now: Now) -> bool:
        """Count the audio that could not be recognised; listeners are told."""
        position, through = self._position, self._give_up_through
        if self._has_uncommitted and position.resume_sample < through:
            # Of samples that are in an entry already, only the end of a word can be missing.
            kind = EntryKind.FAILED if position.end_sample < through else EntryKind.SILENCE
            self._commit_rest(kind, "", now, through=through)
            return True
        self._out.append(RefuseAudio(self._coverage.last_number, self._give_up_cause))
        self._retry_at_s = now.s + PAUSE_AFTER_GIVING_UP_S
        self._mode = _Mode.FLUSHING if self._flush_again else _Mode.LISTENING
        return True

    def _note_failure(self, cause: str, now: Now, *, is_permanent: bool) -> None:
        """Try again a little later; give up what is refused, or was for too long."""
        if self._failing_since_s is None:
            self._failing_since_s = now.s
        failing_s = now.s - self._failing_since_s
        if not is_permanent and failing_s < GIVE_UP_AFTER_S:
            self._retry_at_s = now.s + min(0.2 + failing_s / 4, 5.0)
            return
        self._begin_giving_up(cause)

    def _begin_giving_up(self, cause: str) -> None:
        self._failing_since_s = None
        self._flush_again = self._mode is _Mode.FLUSHING
        self._mode = _Mode.GIVING_UP
        self._give_up_cause = cause
        self._give_up_through = self._audio.available_sample

    # The recogniser -----------------------------------------------------------------------------

    def _need_stream(self, now: Now) -> None:
        """Open a stream when there is something to hear and none is open."""
        if (
            self._stream is None
            and not self._is_idle
            and not self._refuses_because
            and now.s >= self._retry_at_s
            and self._needs_stream
        ):
            self._open_stream()

    @property
    def _needs_stream(self) -> bool:
        return self._has_uncommitted and self._audio.has_speech_after(self._position.resume_sample)

    def _open_stream(self) -> None:
        self._streams += 1
        self._stream = RecognitionStream(self._streams)
        self._out.append(OpenStream(self._streams, self._language))

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._out.append(CloseStream(self._stream.number))
            self._stream = None

    def _current(self, number: int) -> RecognitionStream | None:
        """The stream of this number; None when it is closed since."""
        return self._stream if self._stream is not None and self._stream.number == number else None

    def _send_due(self, stream: RecognitionStream, now: Now) -> None:
        pieces = self._audio.due()
        if pieces:
            stream.sent(pieces, now.s)
            self._out.append(SendAudio(stream.number, tuple(pcm for _, pcm in pieces)))

    # Commits ------------------------------------------------------------------------------------

    def _cut(self, now: Now, *, finished: bool = False) -> bool:
        """Begin to commit the next segment, if one is due."""
        if not (self._may_cut or finished) or self._refuses_because:
            return False
        self._may_cut = False
        position = self._position
        hypothesis = hypothesis_of(
            self._stream,
            self._audio,
            position.resume_sample,
            self._settings.report_every_s,
            finished=finished,
        )
        if hypothesis is None:
            return False
        if hypothesis.through_sample >= hypothesis.available_sample:
            self._failing_since_s = None  # what was sent has been answered
        segmenter = self._settings.segmenter
        segment = segmenter.next_segment(position.end_sample, position.resume_sample, hypothesis)
        if is_late(self._epoch):
            if not finished:
                return False
            end, words = hypothesis.available_sample, hypothesis.words
            segment = Segment(end, end, text_of(words_after(position.resume_sample, words)))
        if segment is not None:
            kind = EntryKind.SPEECH if segment.text else EntryKind.SILENCE
            self._commit(kind, segment, now)
            return True
        predicted = segmenter.predicted_commit(position.resume_sample, hypothesis)
        if predicted and self._listeners.languages:
            self._out.append(Speculate(predicted, self._language, self._listeners.languages))
        return False

    def _commit_rest(
        self, kind: EntryKind, text: str, now: Now, *, through: int | None = None
    ) -> None:
        """Commit all that is there, up to ``through`` samples."""
        available = self._audio.available_sample if through is None else through
        end = max(available, self._position.end_sample)
        self._commit(kind, Segment(end, available, text), now)

    def _commit(
        self,
        kind: EntryKind,
        segment: Segment,
        now: Now,
        *,
        resume: tuple[int, int, str | None] | None = None,
        named: Range | None = None,
    ) -> None:
        """Write the next entry. The languages that have listeners now are its routes. ``named``:
        the chunks that it says are missing."""
        audio, coverage = self._audio, self._coverage
        first = segment.end_sample if named is not None else self._position.end_sample
        if is_late(self._epoch):
            named = audio.first_sequence, audio.next_sequence
        sequence, sequence_sample, record = resume or audio.chunk_at(segment.resume_sample)
        captured_at_ms = None if resume is not None else audio.captured_at_ms(first)
        if captured_at_ms is None:
            captured_at_ms = -1 if resume is not None else now.ms
        entry = LedgerEntry(
            session_id=self.session_id,
            number=coverage.last_number + 1,
            epoch=self._epoch,
            kind=kind,
            first_sample=first,
            end_sample=segment.end_sample,
            text=segment.text,
            language=self._language,
            # Clips are stored under this time: no two entries of a session may share it.
            captured_at_ms=max(captured_at_ms, coverage.last_captured_at_ms + 1),
            committed_at_ms=now.ms,
            writer=self._settings.writer,
            resume_sample=segment.resume_sample,
            resume_sequence=sequence,
            resume_sequence_sample=sequence_sample,
            gap_from_sequence=named[0] if named else None,
            gap_until_sequence=named[1] if named else None,
            routes=self._routes(kind),
            resume_record=record,
        )
        needed = max(segment.end_sample, segment.needed_sample)
        timeline = audio.timeline(first, needed, now.ms).mark("recognise", now.ms)
        self._committing = _Committing(entry, timeline)
        self._out.append(Commit(entry))
        if now.s - self._looked_up_at_s >= RECONCILE_EVERY_S:
            self._looked_up_at_s = now.s
            self._out.append(LookUpListeners())

    def _routes(self, kind: EntryKind) -> tuple[Route, ...]:
        """Silence goes nowhere."""
        if kind is EntryKind.SILENCE:
            return ()
        numbers = self._coverage.last_numbers
        return tuple(Route(each, numbers.get(each)) for each in self._listeners.languages)

    def _lose(self, generation: int) -> list[Command]:
        self.is_lost = True
        self._close_stream()
        self._out.append(Lost(generation))
        return self._taken()

    def _summarise(self) -> None:
        head = self._outbox.head(self.session_id)
        if head is not None:
            self._out.append(SaveHead(head))

    # Where it stands ----------------------------------------------------------------------------

    @property
    def _position(self) -> EpochPosition:
        return self._coverage.of(self._epoch)

    @property
    def _has_uncommitted(self) -> bool:
        """Samples are in no entry, or may hold words after the last one that was committed: a
        segment may end before its recogniser has reported the very last of it."""
        position, available = self._position, self._audio.available_sample
        return position.end_sample < available or (
            bool(self._audio) and position.resume_sample < available
        )

    @property
    def _is_flushed(self) -> bool:
        """Whether everything that was taken is committed."""
        return (
            self._committing is None
            and self._stream is None
            and not self._audio
            and not self._has_uncommitted
            and self._mode is _Mode.LISTENING
        )

    def _new_audio(self, next_sequence: int = 0, available_sample: int = 0) -> UncommittedAudio:
        detectors = self._settings.detectors if self._settings.segmenter.needs_voice else None
        return UncommittedAudio(detectors, next_sequence, available_sample)

    def _taken(self) -> list[Command]:
        commands, self._out = self._out, []
        return commands
