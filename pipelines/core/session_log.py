"""What is remembered of the sessions of one partition, kept as one log of pages.

Every visit to a session that changes something adds one page. Beam's state keeps the pages; the
worker keeps what they say together, and reads the state again only when the two have parted (a
restart). So a bundle costs a request or two a partition, however many sessions it has to do with
(docs/decisions/0011). When most of what was written is in the ledger by now, the log is written
anew with what is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.core.journal import Coverage, JournalItem, uncovered
from pipelines.core.order import OrderState
from pipelines.core.records import ReadRecord
from pipelines.core.routing import LanguageState

REWRITE_BYTES = 1 << 20
"""A log smaller than this is not worth writing anew."""

STATE_BYTES = 600
"""About what a page takes beside its audio."""


@dataclass(frozen=True, slots=True)
class SessionState:
    """Of one session, all but the audio that is not yet in the ledger; ``held``: see ``order``."""

    order: OrderState = field(default_factory=OrderState)
    held: tuple[ReadRecord, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    next_index: int = 0
    active_at_ms: int = 0
    ended: bool = False
    languages: LanguageState = field(default_factory=LanguageState)


@dataclass(frozen=True, slots=True)
class LogPage:
    """The session's state from now on (None: it is over), and what its journal gained."""

    session_id: str
    state: SessionState | None
    items: tuple[JournalItem, ...] = ()


@dataclass(frozen=True, slots=True)
class LogHead:
    """Which page is the last: the ``number``-th that ``writer`` wrote."""

    writer: str
    number: int


@dataclass(slots=True)
class Remembered:
    """A session; ``look_at_ms`` and ``hole_at_ms`` (0: never) say when to look at it unasked."""

    state: SessionState
    journal: tuple[JournalItem, ...] = ()
    weight: int = 0
    look_at_ms: int = 0
    hole_at_ms: int = 0


class SessionLog:
    """What the pages say. ``sessions`` is for reading: it changes by ``apply`` alone."""

    def __init__(self) -> None:
        self.sessions: dict[str, Remembered] = {}
        self._written_bytes = 0
        self._live_bytes = 0

    def apply(self, page: LogPage) -> None:
        """The next page of the log."""
        self._written_bytes += _weight(page.state, page.items)
        session = self.sessions.get(page.session_id)
        self._live_bytes -= session.weight if session else 0
        if page.state is None:
            self.sessions.pop(page.session_id, None)
            return
        if session is None:
            session = self.sessions[page.session_id] = Remembered(page.state)
        if page.items or page.state.coverage != session.state.coverage:
            session.journal = uncovered((*session.journal, *page.items), page.state.coverage)
        session.state = page.state
        session.weight = _weight(page.state, session.journal)
        self._live_bytes += session.weight

    @property
    def is_mostly_over(self) -> bool:
        """Whether to write it anew: what is written then was written once before, at most."""
        return self._written_bytes > max(REWRITE_BYTES, 2 * self._live_bytes)

    def rewritten(self) -> Iterator[LogPage]:
        """The pages of a new log that says the same."""
        self._written_bytes = self._live_bytes
        for session_id, session in self.sessions.items():
            yield LogPage(session_id, session.state, session.journal)


def _weight(state: SessionState | None, items: tuple[JournalItem, ...]) -> int:
    held = state.held if state is not None else ()
    return (
        STATE_BYTES
        + sum(len(item.pcm) for item in items)
        + sum(len(record.chunk.pcm) for record in held if record.chunk is not None)
    )
