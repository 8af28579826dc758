"""What a session owes its listeners, and in which sentences it says it.

The outbox knows what is to be delivered, the sentence track (where translations are released of
sentences) to which sentence an entry belongs. Both follow the ledger: an entry counts when it
stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pipelines.session import commands as do
from pipelines.session.outbox import Outbox
from pipelines.session.records import Now
from pipelines.session.sentence_track import SentenceTrack
from pipelines.session.takeover import SessionSettings, TakenOver
from schemas.values import EntryKind, LedgerEntry, ListenerLanguages, Timeline, Utterance

SUMMARISE_EVERY_S = 3.0
"""What was delivered since the last head is told again after a kill; each head costs a write."""


class Deliveries:
    """``commands`` is the session's list. ``ends_sentence``: the speaker has stopped, so that the
    open sentence is to be closed."""

    def __init__(
        self,
        session_id: str,
        settings: SessionSettings,
        known: TakenOver,
        commands: list[do.Command],
    ) -> None:
        self.ends_sentence = False
        self._session_id = session_id
        self._delivers_all = settings.delivers_all
        self._language = known.language
        self._commands = commands
        self.outbox = Outbox(known.base)
        for entry in known.entries:
            self.outbox.add(entry)
        self._sentences: SentenceTrack | None = None
        if settings.release is not None:
            base = known.base
            self._sentences = SentenceTrack(
                known.language,
                settings.release.sentences,
                base.sentences,
                base.last_numbers,
                known.entries,
            )
        self._summarised_at_s = 0.0

    @property
    def owes_nothing(self) -> bool:
        """Whether every outcome is told, and no sentence is open, whose end is still to be."""
        is_open = self._sentences is not None and self._sentences.is_open
        return self.outbox.is_empty and not is_open

    # Entries ------------------------------------------------------------------------------------

    def placed(self, entry: LedgerEntry) -> LedgerEntry:
        """An entry that is to be committed, with its sentence."""
        return entry if self._sentences is None else self._sentences.placed(entry)

    def stands(
        self, entry: LedgerEntry, timeline: Timeline, listeners: ListenerLanguages, now: Now
    ) -> None:
        """The next entry stands in the ledger: it is delivered where it is routed to, and shown."""
        caption = self.caption(entry.number, entry.text, final=True, ends=entry.ends_sentence)
        if self._sentences is not None:
            self._sentences.stands(entry)
        owed = self.outbox.add(entry)
        if self._delivers_all and entry.kind is not EntryKind.SILENCE:
            owed = entry
        if owed is not None:
            timeline = timeline.mark("commit", now.ms).mark("languages", now.ms)
            self._deliver(Utterance(owed, timeline), listeners)
        self._commands.append(caption)

    def begin(self, listeners: ListenerLanguages, now: Now) -> None:
        """The session was taken over: what is still owed is delivered."""
        self._summarised_at_s = now.s
        self._deliver_again(self.outbox.owed_entries(), listeners, now)

    def time_passed(self, listeners: ListenerLanguages, now: Now) -> None:
        self._deliver_again(self.outbox.due_again(now.s), listeners, now)
        if now.s - self._summarised_at_s >= SUMMARISE_EVERY_S and self.outbox.has_news:
            self._summarised_at_s = now.s
            self.summarise()

    def summarise(self) -> None:
        """Save the ledger's head, if it has something new to say."""
        head = self.outbox.head(self._session_id)
        if head is None:
            return
        if self._sentences is not None:
            self._sentences.forget_through(head.number)
        self._commands.append(do.SaveHead(head))

    # Sentences ----------------------------------------------------------------------------------

    def ended_sentence(self, has_paused: Callable[[float], bool]) -> SentenceTrack | None:
        """The sentences, once the open one has ended without a mark: the speaker has stopped, or
        paused for so many seconds."""
        sentences = self._sentences
        if sentences is None or not sentences.is_open:
            self.ends_sentence = False
            return None
        if not self.ends_sentence and not has_paused(sentences.pause_s):
            return None
        self.ends_sentence = False
        return sentences

    def caption(
        self, number: int, text: str, *, final: bool = False, ends: bool = False
    ) -> do.Caption:
        """What utterance ``number`` says so far, or its sentence, which is known by the number of
        its first utterance and final when it ``ends``."""
        if self._sentences is None:
            return do.Caption(number, text, self._language, final=final)
        if self._sentences.first_number is not None:
            number = self._sentences.first_number
        whole = f"{self._sentences.text} {text}".strip()
        return do.Caption(number, whole, self._language, final=ends)

    def _deliver_again(
        self, entries: Iterable[LedgerEntry], listeners: ListenerLanguages, now: Now
    ) -> None:
        for entry in entries:
            timeline = Timeline.start(entry.captured_at_ms).mark("commit", now.ms)
            self._deliver(Utterance(entry, timeline, is_repeat=True), listeners)

    def _deliver(self, utterance: Utterance, listeners: ListenerLanguages) -> None:
        entry = utterance.entry
        part = None if self._sentences is None else self._sentences.part(entry, listeners)
        self._commands.append(do.Deliver(utterance, part))


def failed(entry: LedgerEntry) -> LedgerEntry:
    """The entry, as one of audio that could not be recognised."""
    return replace(
        entry, kind=EntryKind.FAILED, text="", sentence=None, ends_sentence=False, outcomes=()
    )
