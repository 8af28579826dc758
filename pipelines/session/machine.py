"""One session, from records of the log to committed utterances: a state machine without I/O.

Events come in as method calls with the time they happened at; each returns the commands that the
shell is to carry out (``commands``). Nothing here waits: what is waited for is a state.

    records -> Inbox (order) -> one item at a time -> Recogniser (audio, stream, segmenter)
                                                      |
             Outbox <- Coverage <- the ledger's answer <- Commit

- *Items are taken one at a time.* A chunk of the epoch that is being heard is taken at once. A
  hole, a pause, the end and a new epoch first need all that came before to be committed: the
  recogniser *flushes*, and later items wait in the inbox.
- *One commit is under way at most.* Its answer is the entry that stands there: another writer's, if
  that was first. Coverage, and with it everything else, follows the ledger.
- Where translations are released of sentences, a ``SentenceTrack`` says to which sentence an entry
  belongs; a pause, the end, and a speaker who is not heard any more close the open one by an entry
  without samples.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.session import commands as do
from pipelines.session.coverage import EpochPosition, Range
from pipelines.session.deliveries import Deliveries, failed
from pipelines.session.entries import Author, Known, Stretch, can_follow, entry_of, passing_entry
from pipelines.session.inbox import Inbox
from pipelines.session.outbox import coverage_of
from pipelines.session.recogniser import Recogniser, Step
from pipelines.session.recognition import Recognised
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
from pipelines.session.takeover import SessionSettings, TakenOver
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, ListenerLanguages, Timeline

ABANDONED_S = 600.0
"""A session without audio for so long commits what is left of it."""
RECONCILE_EVERY_S = 30.0
CLOSE_AFTER_S = 4.0
"""Without audio for so long, the open sentence counts as ended."""
ENDED_KEPT_S = 60.0
IDLE_KEPT_S = 900.0
"""A session that is needed again is taken over again; these only save that."""


class Session:
    """``is_lost``: nothing more is committed; another engine has it, or it is to begin anew."""

    def __init__(self, session_id: str, settings: SessionSettings, known: TakenOver) -> None:
        self.session_id = session_id
        self.is_lost = False
        self._settings = settings
        self._author = Author(session_id, settings.writer, known.language, known.keep_days)
        self.listeners = known.listeners
        self.coverage = coverage_of(known.base, known.entries)
        self._inbox = Inbox(self.coverage, raw=settings.raw)
        self._out: list[do.Command] = []
        self._recogniser = Recogniser(settings, known.language, self._out)
        self._deliveries = Deliveries(session_id, settings, known, self._out)
        self._committing: tuple[LedgerEntry, Timeline] | None = None
        self._ended = False
        self._is_flushed_out = True
        self._active_at_s = self._looked_up_at_s = 0.0

    # What the shell asks ------------------------------------------------------------------------

    @property
    def size_bytes(self) -> int:
        """Audio that is kept in memory."""
        return self._recogniser.audio.size_bytes + self._inbox.size_bytes

    def oldest_open(self) -> dict[str, Place]:
        """For each shard the oldest record that the ledger does not cover."""
        return self._inbox.oldest_open(self.coverage)

    def oldest_needed(self) -> dict[str, Place]:
        """For each shard the oldest record that another engine is to read. A session is taken over
        with a record of it: the newest is needed until all is told."""
        is_told = self._deliveries.owes_nothing and self.is_at_rest
        return self._inbox.oldest_needed(self.coverage, is_told=is_told)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing that was read waits to be committed."""
        return self._is_flushed and self._inbox.is_empty

    def is_over(self, now: Now) -> bool:
        """Whether nothing is lost by forgetting the session."""
        deliveries = self._deliveries
        if not deliveries.owes_nothing or deliveries.outbox.is_unsaved or not self.is_at_rest:
            return False
        if self._inbox.is_waiting or self.oldest_open():
            return False
        return now.s - self._active_at_s >= (ENDED_KEPT_S if self._ended else IDLE_KEPT_S)

    # Events: what is read -----------------------------------------------------------------------

    def begin(self, now: Now) -> list[do.Command]:
        """The session was taken over: what is still owed is delivered first."""
        self._recogniser.begin(now)
        self._active_at_s = self._looked_up_at_s = now.s
        self._deliveries.begin(self.listeners, now)
        if self.listeners.languages:
            self._out.append(do.ExpectLanguages(self.listeners.languages))
        return self._taken()

    def read(self, records: Iterable[ReadRecord], now: Now) -> list[do.Command]:
        """Records of the session were read, in the log's order."""
        self._active_at_s = now.s
        if self._inbox.read(records):
            self._out.append(do.ReadAgain())
        return self._run(now)

    def finish(self, now: Now) -> list[do.Command]:
        """The input is over: nothing will come any more."""
        self._inbox.input_is_over()
        return self._run(now)

    # Events: the speech stream ------------------------------------------------------------------

    def stream_opened(self, number: int, now: Now) -> list[do.Command]:
        self._recogniser.stream_opened(number, now)
        return self._run(now)

    def recognised(self, number: int, result: Recognised, now: Now) -> list[do.Command]:
        if not self._recogniser.recognised(number, result, now):
            return []
        commands = self._run(now)
        text = self._recogniser.partial_text(number)
        if text is not None:
            commands.append(self._deliveries.caption(self.coverage.last_number + 1, text))
        return commands

    def stream_ended(self, number: int, now: Now) -> list[do.Command]:
        """All of the stream's results have come."""
        self._recogniser.stream_ended(number, now)
        return self._run(now)

    def stream_failed(
        self, number: int, cause: str, now: Now, *, is_permanent: bool = False
    ) -> list[do.Command]:
        """Opening, feeding or reading the stream failed. ``cause`` holds nothing that was said."""
        self._recogniser.stream_failed(number, cause, now, is_permanent=is_permanent)
        return self._run(now)

    def refuse(self, cause: str, now: Now) -> list[do.Command]:
        """Count what is not committed as audio that could not be recognised; empty: no more."""
        self._recogniser.refuse(cause)
        return self._run(now)

    # Events: the ledger, listeners, time --------------------------------------------------------

    def committed(self, stands: LedgerEntry, now: Now) -> list[do.Command]:
        """The ledger's answer: the entry that stands under the number of the last commit."""
        committing, self._committing = self._committing, None
        if committing is None or self.is_lost:
            return self._taken()
        if stands.writer != self._settings.writer:
            if stands.takeover:
                return self._stop(do.Lost(stands.takeover))
            if not can_follow(stands, committing[0], self._recogniser.audio):
                return self._stop(do.TakeOverAgain())
        self.coverage = self.coverage.with_entry(stands)
        self._recogniser.committed(self.coverage.of(self._recogniser.epoch))
        self._deliveries.stands(stands, committing[1], self.listeners, now)
        return self._run(now)

    def commit_refused(self, cause: str, now: Now) -> list[do.Command]:
        """The ledger has refused the last commit, of speech, for too long: it is told as failed.
        ``cause`` holds nothing that was said."""
        if self._committing is not None and not self.is_lost:
            entry, timeline = self._committing
            self._write(failed(entry), timeline, now)
            self._out.append(do.RefuseAudio(entry.number, cause))
        return self._taken()

    def delivered(
        self, number: int, language: str, *, is_announced: bool = True
    ) -> list[do.Command]:
        """An outcome in a language was brought to its listeners, or need not be."""
        self._deliveries.outbox.delivered(number, language, is_announced=is_announced)
        return self._taken()

    def not_delivered(self, number: int, now: Now, stands: FixedOutcome | None) -> list[do.Command]:
        """It could not be brought to its listeners, though it ``stands``: it is tried again."""
        self._deliveries.outbox.not_delivered(number, now.s, stands)
        return self._taken()

    def head_not_saved(self) -> list[do.Command]:
        """The last summary did not reach the ledger: it is saved with the next one."""
        self._deliveries.outbox.head_not_saved()
        return self._taken()

    def listeners_known(self, listeners: ListenerLanguages, now: Now) -> list[do.Command]:
        """The tables' answer; the highest revision wins."""
        self._take_listeners(listeners)
        return self._run(now)

    def time_passed(self, now: Now) -> list[do.Command]:
        """Called a few times a second."""
        recogniser = self._recogniser
        self._deliveries.time_passed(self.listeners, now)
        is_open = recogniser.has_uncommitted
        if recogniser.is_listening and self._inbox.wants_flush(now, is_open=is_open):
            recogniser.flush()
        recogniser.time_passed(now, is_last=not self._inbox.items)
        if recogniser.silent_s(now) >= CLOSE_AFTER_S and not self._inbox.items:
            self._deliveries.ends_sentence = True
        if not self._is_flushed_out and recogniser.silent_s(now) >= ABANDONED_S:
            self._is_flushed_out = True
            self._inbox.ask_for_flush()
        return self._run(now)

    def close(self) -> list[do.Command]:
        """The session is forgotten: what is not summarised yet is."""
        self._recogniser.close()
        if not self.is_lost:
            self._deliveries.summarise()
        return self._taken()

    # Items --------------------------------------------------------------------------------------

    def _run(self, now: Now) -> list[do.Command]:
        """Go on as far as can be gone without another event."""
        recogniser = self._recogniser
        while not self.is_lost:
            if self._committing is None:
                recogniser.give_up_refused(is_last=not self._inbox.items)
                if not recogniser.is_listening:
                    if self._step(now):
                        continue
                    break
            if not recogniser.is_listening:
                break
            if self._inbox.items and self._may_take(self._inbox.items[0]):
                self._take(self._inbox.items.popleft(), now)
                continue
            if self._committing is not None:
                break
            if self._closes_sentence(now):
                continue
            stretch = recogniser.cut(self.listeners.voiced)
            if stretch is None:
                break
            self._commit(stretch, now)
        if not self.is_lost and recogniser.is_listening:
            recogniser.need_stream(now)
        return self._taken()

    def _step(self, now: Now) -> bool:
        """One step of a recogniser that does not listen; False when something is waited for."""
        step = self._recogniser.step(self.listeners.voiced, now)
        if isinstance(step, Stretch):
            self._commit(step, now)
        elif step is Step.FLUSHED:
            self._inbox.flushed()
            self._closes_sentence(now)
        elif step is Step.GAVE_UP:
            cause = self._recogniser.gave_up_because
            self._out.append(do.RefuseAudio(self.coverage.last_number, cause))
        return step is not Step.WAITS

    def _may_take(self, item: Item) -> bool:
        """A chunk that is next need not wait for the ledger; everything else does."""
        if isinstance(item, Chunk):
            return self._committing is None or self._recogniser.goes_on(item)
        return isinstance(item, Listeners) or self._committing is None

    def _take(self, item: Item, now: Now) -> None:
        if isinstance(item, Listeners):
            self._take_listeners(item.languages)
        elif isinstance(item, Flush):
            self._ended = self._ended or item.ended
            self._deliveries.ends_sentence = True
            self._inbox.flush_begun(item)
            self._recogniser.flush()
        elif self._recogniser.goes_on(item):
            self._take_audio(item, now)
        elif self._is_flushed:
            self._recogniser.enter(*self.coverage.beginning_of(item.epoch, item.first_sequence))
            self._take_audio(item, now)
        elif item.epoch < self._recogniser.epoch and not isinstance(item, Opened):
            # Of an older stream, which was not opened anew.
            self._inbox.hold_back(item, now)
        else:
            self._inbox.items.appendleft(item)
            self._recogniser.flush()

    def _take_audio(self, item: Chunk | Hole | Opened, now: Now) -> None:
        """An item of the epoch that is being heard. What is passed is put back until the ledger
        says so: another writer's entry may stand under our number."""
        if isinstance(item, Chunk):
            self._take_chunk(item, now)
        elif isinstance(item, Hole):
            self._take_hole(item, now)
        elif item.begins and item.epoch not in self.coverage.positions:
            first = item.next_sequence
            position = EpochPosition(item.epoch, resume_sequence=first)
            self._inbox.items.appendleft(item)
            self._pass(EntryKind.SILENCE, position, (0, first) if first else None, now)

    def _take_chunk(self, chunk: Chunk, now: Now) -> None:
        due = self._recogniser.audio.next_sequence
        if chunk.sequence > due:
            # Another writer passed on: the ledger is followed.
            self._inbox.items.appendleft(chunk)
            self._inbox.items.appendleft(Hole(chunk.epoch, due, chunk.sequence))
        elif chunk.sequence == due:
            self._recogniser.take(chunk, now)
            self._deliveries.ends_sentence = False
            self._ended = self._is_flushed_out = False

    def _take_hole(self, hole: Hole, now: Now) -> None:
        """Commit what is in front of the chunks that will never come, then the gap itself."""
        heard, until = self._recogniser, hole.until_sequence
        audio, position = heard.audio, heard.position
        if until <= audio.next_sequence and until <= position.resume_sequence:
            return
        if not self._is_flushed:
            self._inbox.items.appendleft(hole)
            self._recogniser.flush()
        elif position.resume_sequence >= until:
            sequence, sample = position.resume_sequence, position.resume_sequence_sample
            self._recogniser.enter(position, sequence, sample)
        else:
            at = max(audio.available_sample, position.end_sample)
            first = max(hole.from_sequence, audio.next_sequence)
            after = EpochPosition(hole.epoch, at, at, until, at)
            self._inbox.items.appendleft(hole)
            self._pass(EntryKind.GAP, after, (first, until), now)

    @property
    def _is_flushed(self) -> bool:
        return self._committing is None and self._recogniser.is_flushed

    # Commits and deliveries ---------------------------------------------------------------------

    def _commit(self, stretch: Stretch, now: Now) -> None:
        heard = self._recogniser
        self._write(*entry_of(stretch, heard.audio, heard.epoch, self._known(now)), now)

    def _pass(self, kind: EntryKind, after: EpochPosition, named: Range | None, now: Now) -> None:
        """Commit that the chunks ``named`` are passed; the epoch goes on ``after`` them."""
        self._write(*passing_entry(kind, after, named, self._known(now)), now)

    def _closes_sentence(self, now: Now) -> bool:
        """Commit the end of the open sentence, if it has ended without a mark."""
        sentences = self._deliveries.ended_sentence(self._recogniser.has_paused)
        if sentences is None:
            return False
        position, known = self._recogniser.position, self._known(now)
        entry, timeline = passing_entry(EntryKind.SILENCE, position, None, known)
        self._write(sentences.closing(entry, self.listeners), timeline, now)
        return True

    def _known(self, now: Now) -> Known:
        return Known(self._author, self.coverage, self.listeners, now)

    def _write(self, entry: LedgerEntry, timeline: Timeline, now: Now) -> None:
        entry = self._deliveries.placed(entry)
        self._committing = entry, timeline
        self._out.append(do.Commit(entry))
        if now.s - self._looked_up_at_s >= RECONCILE_EVERY_S:
            self._looked_up_at_s = now.s
            self._out.append(do.LookUpListeners())

    def _stop(self, command: do.Command) -> list[do.Command]:
        self.is_lost = True
        self._recogniser.close()
        self._out.append(command)
        return self._taken()

    def _take_listeners(self, news: ListenerLanguages) -> None:
        if not news.supersedes(self.listeners):
            return
        new = {*news.languages} - {*self.listeners.languages}
        self.listeners = news
        if new:
            self._out.append(do.ExpectLanguages(tuple(sorted(new))))

    def _taken(self) -> list[do.Command]:
        commands = self._out.copy()
        self._out.clear()
        return commands
