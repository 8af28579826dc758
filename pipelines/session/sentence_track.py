"""The sentences of a session: which one an utterance belongs to, and what the open one holds.

What an entry says of its sentence is decided here and committed with it. A session that is taken
over reads it back from the entries after the ledger's head, which never passes an open sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.sentences.sentence_buffer import SentenceBuffer, SentenceRules
from schemas.values import EntryKind, LedgerEntry, ListenerLanguages, Route

CONTEXT_SENTENCES = 2


@dataclass(frozen=True, slots=True)
class SentencePart:
    """An entry's place in its sentence: ``entries`` are the sentence's so far, the entry being the
    last. An entry without a sentence (a gap, a failure) is alone, and ``number`` is -1.

    ``context``: the sentences in front of it. ``told``: by language, the last number that was told
    when the session was taken over. ``partial_languages``: those with listeners who asked for
    captions.
    """

    number: int
    entries: tuple[LedgerEntry, ...]
    ends: bool
    context: tuple[str, ...] = ()
    told: Mapping[str, int] | None = None
    partial_languages: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return joined(self.entries)

    def text_before(self) -> str:
        """Without the entry itself."""
        return joined(self.entries[:-1])


class SentenceTrack:
    """``told``: by language, the last number that was told in front of ``entries``, which are those
    after the ledger's head."""

    def __init__(
        self,
        language: str,
        rules: SentenceRules,
        number: int,
        told: Mapping[str, int],
        entries: Sequence[LedgerEntry],
    ) -> None:
        self._buffer = SentenceBuffer(language, rules, number)
        self._entries: list[LedgerEntry] = []
        self._context: list[str] = []
        self._parts: dict[int, SentencePart] = {}
        self._told = dict(told)
        for entry in entries:
            self.stands(entry)
            for outcome in entry.outcomes:
                if outcome.is_announced:
                    self._told[outcome.language] = entry.number

    @property
    def is_open(self) -> bool:
        return self._buffer.is_open

    @property
    def pause_s(self) -> float:
        """A pause of so much ends the open sentence."""
        return self._buffer.pause_s

    @property
    def number(self) -> int:
        """Of the open sentence, or the next one."""
        return self._buffer.number

    @property
    def first_number(self) -> int | None:
        """The number of the open sentence's first entry."""
        return self._entries[0].number if self._entries else None

    @property
    def text(self) -> str:
        """Of the open sentence."""
        return joined(self._entries)

    def placed(self, entry: LedgerEntry) -> LedgerEntry:
        """An entry that is to be committed, with its sentence."""
        if entry.kind is not EntryKind.SPEECH or not entry.text:
            return entry
        ends = self._buffer.ends_with(entry.text)
        return replace(entry, sentence=self._buffer.number, ends_sentence=ends)

    def closing(self, entry: LedgerEntry, listeners: ListenerLanguages) -> LedgerEntry:
        """An entry without samples that ends the open sentence, in all languages."""
        voiced = listeners.voiced
        routes = tuple(Route(each, None, each in voiced) for each in listeners.languages)
        return replace(entry, sentence=self._buffer.number, ends_sentence=True, routes=routes)

    def stands(self, entry: LedgerEntry) -> None:
        """The entry stands in the ledger, as the next one."""
        if entry.sentence is None:
            if entry.routes:
                self._parts[entry.number] = SentencePart(-1, (entry,), ends=False)
            return
        if entry.sentence != self._buffer.number:
            # Another owner counted otherwise, which holds: it was committed.
            self._buffer.number = entry.sentence
            self._entries.clear()
        self._buffer.add(entry.text, ends=entry.ends_sentence)
        self._entries.append(entry)
        self._parts[entry.number] = SentencePart(
            entry.sentence, tuple(self._entries), entry.ends_sentence, tuple(self._context)
        )
        if entry.ends_sentence:
            self._context = [*self._context, self.text][-CONTEXT_SENTENCES:]
            self._entries.clear()

    def part(self, entry: LedgerEntry, listeners: ListenerLanguages) -> SentencePart | None:
        """None: the entry is not one of a sentence, nor routed."""
        part = self._parts.get(entry.number)
        if part is None:
            return None
        return replace(part, told=self._told, partial_languages=listeners.partial_languages)

    def forget_through(self, number: int) -> None:
        """All entries up to ``number`` are delivered."""
        for known in [each for each in self._parts if each <= number]:
            del self._parts[known]


def joined(entries: Sequence[LedgerEntry]) -> str:
    return " ".join(entry.text for entry in entries if entry.text)
