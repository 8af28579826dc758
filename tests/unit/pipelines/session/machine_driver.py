"""The session's machine, driven by a test: events in, commands collected, time by the call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from connectors.interfaces.speech_to_text import Recognition
from connectors.testing.words import WordReader, write_words
from pipelines.segmentation.window_segmenter import WindowSegmenter
from pipelines.session import commands as do
from pipelines.session.coverage import Coverage
from pipelines.session.machine import (
    Session,
)
from pipelines.session.records import Now, ReadRecord
from pipelines.session.takeover import SessionSettings, TakenOver
from schemas.values import (
    ControlKind,
    EntryKind,
    LedgerEntry,
    ListenerLanguages,
    Route,
)
from tests.unit.pipelines.session.records_of import SESSION, START_MS, LogOf

T = TypeVar("T")
NOBODY = ListenerLanguages((), 0)
SPANISH = ListenerLanguages(("es",), 1)
CELL_S = 3


class Driver:
    """A ledger that is a dict, and a recogniser that answers at once unless it ``is_deaf``.
    ``finishes``: its streams end when they are asked to."""

    def __init__(
        self,
        *,
        listeners: ListenerLanguages = NOBODY,
        base: Coverage | None = None,
        entries: Sequence[LedgerEntry] = (),
        language: str = "en",
        audio_every_s: float = 0.0,
    ) -> None:
        self.ledger = {entry.number: entry for entry in entries}
        self.is_ledger_up = True
        self.is_deaf = False
        self.finishes = True
        self.now_s = 100.0
        self.commands: list[do.Command] = []
        self.waiting: deque[LedgerEntry] = deque()
        self.log = LogOf()
        self._readers: dict[int, WordReader] = {}
        settings = SessionSettings(
            WindowSegmenter(), None, 0.25, "us", 3, audio_every_s=audio_every_s
        )
        known = TakenOver(base or Coverage(), tuple(entries), listeners, language)
        self.session = Session(SESSION, settings, known)
        self.event(self.session.begin)

    def now(self) -> Now:
        return Now(START_MS + int(self.now_s * 1000), self.now_s)

    def event(self, happened: Callable[[Now], list[do.Command]]) -> None:
        events = deque([happened])
        while events:
            for command in events.popleft()(self.now()):
                self.commands.append(command)
                answer = self._answer(command)
                if answer is not None:
                    events.append(answer)

    def _answer(self, command: do.Command) -> Callable[[Now], list[do.Command]] | None:
        session = self.session
        match command:
            case do.OpenStream(number) if not self.is_deaf:
                self._readers[number] = WordReader()
                return lambda now: session.stream_opened(number, now)
            case do.SendAudio(number, pieces):
                reader = self._readers[number]
                words = tuple(reader.read(b"".join(pieces)))
                result = Recognition(words, True, reader.through_s)
                return lambda now: session.recognised(number, result, now)
            case do.FinishStream(number) if self.finishes:
                return lambda now: session.stream_ended(number, now)
            case do.Commit(entry) if not self.is_ledger_up:
                self.waiting.append(entry)
            case do.Commit(entry):
                stands = self.ledger.setdefault(entry.number, entry)
                return lambda now: session.committed(stands, now)
            case _:
                pass
        return None

    def ledger_is_back(self) -> None:
        self.is_ledger_up = True
        while self.waiting:
            stands = self.ledger.setdefault(self.waiting[0].number, self.waiting.popleft())
            self.event(lambda now, s=stands: self.session.committed(s, now))

    def read(self, *records: ReadRecord) -> None:
        self.event(lambda now: self.session.read(records, now))

    def speak(self, pcm: bytes, *, epoch: int = 1, first: int = 0, samples: int = 4_000) -> int:
        """Chunks of a quarter of a second; returns the next sequence."""
        step = 2 * samples
        pieces = [pcm[at : at + step] for at in range(0, len(pcm), step)]
        self.read(
            *(self.log.chunk(epoch, first + number, each) for number, each in enumerate(pieces))
        )
        return first + len(pieces)

    def control(self, kind: ControlKind, epoch: int = 1, after: int = -1) -> None:
        self.read(self.log.control(kind, epoch, after))

    def pass_s(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / 0.5))):
            self.now_s += seconds / max(1, round(seconds / 0.5))
            self.event(self.session.time_passed)

    def entries(self) -> list[LedgerEntry]:
        return [self.ledger[number] for number in sorted(self.ledger)]

    def said(self) -> list[str]:
        return [word for entry in self.entries() for word in entry.text.split()]

    def of(self, kind: type[T]) -> list[T]:
        return [command for command in self.commands if isinstance(command, kind)]


def words(first: int, count: int) -> tuple[bytes, list[str]]:
    """0.3 s each."""
    pcm, written = write_words(first, count)
    return pcm, [word.text for word in written]


def entry_of(number: int, **changes: object) -> LedgerEntry:
    plain = LedgerEntry(
        session_id=SESSION,
        number=number,
        epoch=1,
        kind=EntryKind.SPEECH,
        first_sample=number * 100,
        end_sample=number * 100 + 100,
        text=f"text {number}",
        language="en",
        captured_at_ms=START_MS + number,
        committed_at_ms=START_MS + number,
        writer="before",
        resume_sample=number * 100 + 100,
        resume_sequence=number + 1,
        resume_sequence_sample=number * 100 + 100,
        routes=(Route("es", number - 1 if number else None),),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
