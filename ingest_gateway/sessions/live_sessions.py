"""The sessions this gateway serves: their rows, who speaks, and where the audio stands.

A gateway owns a session's audio from an opening of its speaker's stream to the next one, wherever
that comes (``docs/decisions/0016``). It may find out late that another one has come: then all that
it says of the stream is refused, and it lets go of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from connectors.calls.policy import Policies, call
from connectors.interfaces.errors import ConnectorError
from connectors.interfaces.session_tables import ENDED, PAUSED, Progress, SessionRow, SessionTables
from ingest_gateway.audio_in.speaker_stream import SpeakerStream
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.limits import Tokens
from ingest_gateway.protocol.messages import MOST_ID_CHARACTERS, Place
from ingest_gateway.sessions.hub import Connection
from ingest_gateway.sessions.speaker_place import speaker_place
from schemas.values import ControlKind, SessionControl

T = TypeVar("T")
SEEN_EVERY_MS = 5_000
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a session stands, as listeners are told."""

    state: str
    volume: float
    speaker: Place | None


@dataclass(slots=True)
class LiveSession:
    """``stream`` is the one that was opened here last, as ``generation`` (None and 0: none, or
    another gateway has opened one since); ``durable_sequence`` and ``captured_until_ms`` are its.
    ``tenure`` counts how often this gateway lost the session's audio to another one: what was taken
    in an earlier tenure is not declared missing. ``owning`` is held by who asks the tables for the
    session's audio, so that no answer is out of date. ``told`` is what the listeners of this
    gateway were told last, ``read_at_ms`` when ``refresh`` read the row, and ``extra_read_at_ms``
    when ``row.info.extra`` was read; ``feedback`` is what its listeners said, as it was counted
    last. ``ruling`` is held by who changes who may listen, ``widening`` by who begins to listen in
    a language that nobody here listens to. ``packets`` is what recorders of its speaker may still
    have decoded (None: none came).
    """

    row: SessionRow
    speaker: Connection | None = None
    stream: SpeakerStream | None = None
    durable_sequence: int = -1
    captured_until_ms: int = 0
    generation: int = 0
    tenure: int = 0
    owning: asyncio.Lock = field(default_factory=asyncio.Lock)
    ruling: asyncio.Lock = field(default_factory=asyncio.Lock)
    widening: asyncio.Lock = field(default_factory=asyncio.Lock)
    acked_at_ms: int = 0
    ack_due: bool = False
    ack_timer_set: bool = False
    saved: Progress | None = None
    slowed_at_ms: int = 0
    told: Standing | None = None
    read_at_ms: int = 0
    feedback: Mapping[str, int] = field(default_factory=dict[str, int])
    extra_read_at_ms: int = 0
    packets: Tokens | None = None

    @property
    def session_id(self) -> str:
        return self.row.session_id

    @property
    def ended(self) -> bool:
        return self.row.info.status == ENDED

    @property
    def state(self) -> str:
        """As ``broadcastState`` names it."""
        if self.ended:
            return "ended"
        if self.row.info.status == PAUSED:
            return "paused"
        return "muted" if self.row.muted else "live"

    def standing(self, now_ms: int) -> Standing:
        read_at_ms = self.read_at_ms if self.speaker is None else 0
        place = speaker_place(self.row, now_ms, read_at_ms=read_at_ms)
        return Standing(self.state, self.row.volume, place)

    def control(
        self,
        kind: ControlKind,
        at_ms: int,
        *,
        revision: int = 0,
        languages: tuple[str, ...] | None = None,
        partial_languages: tuple[str, ...] | None = None,
        caption_languages: tuple[str, ...] = (),
    ) -> SessionControl:
        """A record about the session as it is now: behind the last chunk that was taken here, or
        was known to be settled when the row was read."""
        after_sequence = -1 if kind is ControlKind.LISTENERS else self.row.durable_sequence
        if self.stream is not None:
            after_sequence = self.stream.next_sequence - 1
        return SessionControl(
            session_id=self.session_id,
            epoch=max(self.row.epoch, 0),
            after_sequence=after_sequence,
            revision=revision,
            kind=kind,
            at_ms=at_ms,
            languages=languages,
            partial_languages=partial_languages,
            caption_languages=caption_languages,
        )

    def progress(self, now_ms: int) -> Progress | None:
        """What the row should know; None: nothing new."""
        if self.stream is None or self.ended:
            return None
        seen_at_ms = self.row.speaker_seen_at_ms or now_ms
        if self.speaker is not None and self.row.speaker_lost_at_ms is None:
            seen_at_ms = now_ms
        new = Progress(
            session_id=self.session_id,
            epoch=self.stream.epoch,
            durable_sequence=self.durable_sequence,
            clock_offset_ms=self.stream.clock_offset_ms,
            speaker_seen_at_ms=seen_at_ms,
            generation=self.generation,
            speaker_lost_at_ms=self.row.speaker_lost_at_ms,
        )
        old = self.saved
        if old is not None and (old.epoch, old.durable_sequence, old.speaker_lost_at_ms) == (
            new.epoch,
            new.durable_sequence,
            new.speaker_lost_at_ms,
        ):
            still_here = self.speaker is not None
            if not still_here or now_ms - old.speaker_seen_at_ms < SEEN_EVERY_MS:
                return None
        return new


def with_settings_of(row: SessionRow, other: SessionRow) -> SessionRow:
    """With what the session's owner may change as it is in ``other``; where the audio stands is
    left as it is."""
    info = replace(
        row.info,
        status=other.info.status,
        target_languages=other.info.target_languages,
        extra=other.info.extra,
    )
    return replace(row, info=info, muted=other.muted, volume=other.volume)


class LiveSessions:
    def __init__(
        self, tables: SessionTables, policies: Policies, now_ms: Callable[[], int]
    ) -> None:
        self.tables = tables
        self._policy = policies.directory
        self._now_ms = now_ms
        self._sessions: dict[str, LiveSession] = {}
        self.on_load: Callable[[LiveSession], None] = lambda _live: None
        """Told of each session as it is read; set by a host that keeps nothing between calls."""
        self.on_changed: Callable[[LiveSession], None] = lambda _live: None
        """Told of a session that was muted, paused and so on through another gateway."""
        self.on_lost: Callable[[LiveSession], None] = lambda _live: None
        """Told of a session whose audio another gateway owns now, or that has ended elsewhere."""

    async def ask(self, attempt_once: Callable[[], Awaitable[T]]) -> T:
        """A call of the tables, tried again as the policy says."""
        return await call(self._policy, attempt_once)

    def loaded(self, session_id: str) -> LiveSession | None:
        return self._sessions.get(session_id)

    def all(self) -> tuple[LiveSession, ...]:
        return tuple(self._sessions.values())

    def add(self, row: SessionRow) -> LiveSession:
        live = self._sessions.get(row.session_id)
        if live is None:
            live = self._sessions[row.session_id] = LiveSession(row)
            live.extra_read_at_ms = self._now_ms()
            self.on_load(live)
        return live

    async def find(self, session_id: str) -> LiveSession:
        """Raises Refusal: NO_SESSION, BAD_FIELD."""
        live = self._sessions.get(session_id)
        if live is not None:
            return live
        if not 0 < len(session_id) <= MOST_ID_CHARACTERS:
            raise Refusal("BAD_FIELD", f"a session's id has 1 to {MOST_ID_CHARACTERS} characters")
        row = await self.ask(lambda: self.tables.get(session_id))
        if row is None:
            raise Refusal("NO_SESSION", "there is no session with that id")
        # While we waited another caller may have loaded it: one object per session.
        return self.add(row)

    async def find_fresh(self, session_id: str, most_age_ms: int) -> LiveSession:
        """With what its owner changed through whichever gateway, up to that age. Raises as
        ``find``."""
        live = await self.find(session_id)
        # Before zero: the clock was put back.
        if not 0 <= self._now_ms() - live.extra_read_at_ms <= most_age_ms:
            await self.read_extra(live)
        return live

    async def read_extra(self, live: LiveSession) -> None:
        live.extra_read_at_ms = self._now_ms()  # others need not ask beside us
        row = await self.ask(lambda: self.tables.get(live.session_id))
        if row is not None:
            live.row = replace(live.row, info=replace(live.row.info, extra=row.info.extra))

    async def find_going_on(self, session_id: str) -> LiveSession:
        """Raises Refusal: NO_SESSION, SESSION_ENDED."""
        live = await self.find(session_id)
        if live.ended:
            raise Refusal("SESSION_ENDED", "this session has ended")
        return live

    async def save_progress(self, live: LiveSession) -> bool:
        """Whether this gateway still owns the session's audio, as far as it had to ask."""
        async with live.owning:
            progress = live.progress(self._now_ms())
            if progress is None:
                return live.stream is not None and not live.ended
            before = live.row
            row = await self.ask(lambda: self.tables.save_progress(progress))
            if row is not None:
                live.saved = progress
                self._learn(live, before, row)
                return True
            await self._lose(live)
            return False

    def _learn(self, live: LiveSession, before: SessionRow, row: SessionRow) -> None:
        """What the session's owner has changed through another gateway: one that is muted or paused
        there must not go on here. ``before``: as it was when ``row`` was asked for; what was
        changed here meanwhile is newer."""
        now = live.row
        changed_here = (now.info, now.muted, now.volume) != (
            before.info,
            before.muted,
            before.volume,
        )
        learnt = with_settings_of(now, row)
        if changed_here or learnt == now:
            return
        live.row = learnt
        if (learnt.info.status, learnt.muted, learnt.volume) != (
            now.info.status,
            now.muted,
            now.volume,
        ):
            self.on_changed(live)

    async def refresh(self, live: LiveSession) -> None:
        """Read what another gateway has written of a session whose speaker is not connected here:
        its state, and whether the speaker is there."""
        async with live.owning:
            before = live.row
            if live.speaker is not None or live.ended:
                return
            if live.progress(self._now_ms()) is not None:
                return  # a loss that is not written yet would be forgotten
            row = await self.ask(lambda: self.tables.get(live.session_id))
            if live.row is not before or live.speaker is not None:
                return  # something happened here meanwhile, of which the answer may not know
            if row is None:
                live.row = before.with_status(ENDED, self._now_ms())
                return
            live.read_at_ms = self._now_ms()
            if live.generation and row.generation != live.generation:
                await self._lose(live)
            else:
                live.row = row

    async def declare_gap(self, live: LiveSession, gap: SessionControl, tenure: int) -> bool:
        """Whether the gap may be told: this gateway has owned the session's audio since
        ``tenure``. Asks until there is an answer."""
        until_sequence = gap.next_sequence or 0
        wait_s = _FIRST_WAIT_S
        while live.tenure == tenure:
            try:
                async with live.owning:
                    if live.tenure == tenure:
                        return await self._declare(live, gap.epoch, until_sequence)
            except ConnectorError as error:
                _log.warning("session %s: a gap is not declared yet: %s", live.session_id, error)
            except Exception:  # whatever it is, audio waits for an answer
                _log.exception("session %s: a gap is not declared yet", live.session_id)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        return False

    async def _declare(self, live: LiveSession, epoch: int, until_sequence: int) -> bool:
        session_id, generation = live.session_id, live.generation
        if await self.ask(
            lambda: self.tables.declare_gap(session_id, generation, epoch, until_sequence)
        ):
            return True
        await self._lose(live)
        return False

    async def _lose(self, live: LiveSession) -> None:
        row = await self.ask(lambda: self.tables.get(live.session_id))
        live.tenure += 1
        live.row = row or live.row.with_status(ENDED, self._now_ms())
        if not live.ended:
            live.captured_until_ms = 0 if live.stream is None else live.stream.captured_at_ms
            live.stream, live.generation = None, 0
        self.on_lost(live)

    def forget(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)
