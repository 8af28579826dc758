"""Speaks talks in real time straight into the stream, as the gateway would, for both flows alike.

Sessions, their listeners and the listeners' records in the stream are there before; each talk ends
with the record of its end. Who listens is a row of the tables, as for a real listener.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.lag.collector import CAPABILITIES
from benchmarks.lag.word_lags import SpokenWord, spoken_words
from benchmarks.talks import Talk
from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.record_sink import AmazonRecordSink
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.interfaces.session_tables import ACTIVE, ConnectionRow, SessionRow, count_change
from ingest_gateway.audio_in.put_queue import PutQueue, Settled
from ingest_gateway.audio_in.record_writer import RecordWriter
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.protocol.limits import Limits
from schemas.session_info import SessionInfo
from schemas.values import (
    SAMPLE_RATE_HZ,
    AudioChunk,
    ControlKind,
    SessionControl,
)

SOURCE_LANGUAGE = "en"
CHUNK_SAMPLES = 4_096
_CHUNK_BYTES = 2 * CHUNK_SAMPLES
_CHUNK_MS = 1000 * CHUNK_SAMPLES / SAMPLE_RATE_HZ
_START_SPREAD_S = 3.0
"""Talks begin at different times within this, so that their windows do not close together."""
_FOREVER_MS = 24 * 3600_000
_DRAIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Session:
    """``languages``: those it is heard in."""

    session_id: str
    talk: Talk
    languages: tuple[str, ...]
    source_language: str = SOURCE_LANGUAGE


@dataclass(frozen=True, slots=True)
class Spoken:
    """A session as it was spoken: its words by the wall clock. ``late_ms``: the most that a chunk
    was put behind its time, which says whether this process kept up."""

    session: Session
    started_at_ms: float
    words: tuple[SpokenWord, ...]
    late_ms: float
    lost_records: int


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def chunks(session: Session, started_at_ms: float) -> tuple[AudioChunk, ...]:
    """The last one may be shorter."""
    pcm = session.talk.pcm
    return tuple(
        AudioChunk(
            session.session_id,
            0,
            sequence,
            round(started_at_ms + sequence * _CHUNK_MS),
            round(started_at_ms + (sequence + 1) * _CHUNK_MS),
            pcm[start : start + _CHUNK_BYTES],
        )
        for sequence, start in enumerate(range(0, len(pcm), _CHUNK_BYTES))
    )


class Talkers:
    """``prepare`` the sessions, then ``speak`` them all at once."""

    def __init__(self, aws: AwsSettings) -> None:
        self._clients = AwsClients(aws)
        self._tables = AmazonSessionTables(self._clients, wall_clock_ms)
        self._lost = 0
        self._writer = RecordWriter(
            AmazonRecordSink(self._clients),
            PutQueue(deadline_ms=Limits().put_deadline_ms, fraction=random.random),
            self._settled,
            now_ms=wall_clock_ms,
            metrics=Metrics(),
            room_bytes=Limits().pending_bytes_per_session,
        )
        self._revisions: dict[str, int] = {}

    async def prepare(self, sessions: Sequence[Session]) -> None:
        await asyncio.gather(*(self._prepare(session) for session in sessions))

    async def speak(self, sessions: Sequence[Session]) -> tuple[Spoken, ...]:
        """Returns when the last talk is over and on the stream."""
        self._writer.start()
        chance = random.Random(0)  # noqa: S311 - not a secret
        begin_s = time.time() + 0.5
        spoken = await asyncio.gather(
            *(self._speak(each, begin_s + chance.uniform(0, _START_SPREAD_S)) for each in sessions)
        )
        await self._writer.drain(_DRAIN_S)
        return tuple(spoken)

    async def close(self) -> None:
        await self._writer.close()
        await self._clients.close()

    async def _prepare(self, session: Session) -> None:
        now_ms = wall_clock_ms()
        session_id = session.session_id
        info = SessionInfo(
            session_id,
            "speaker",
            session.source_language,
            session.languages,
            "standard",
            ACTIVE,
            now_ms,
        )
        # Seen later than any run lasts: nobody sweeps away a session without a socket.
        row = SessionRow(info, epoch=0, speaker_seen_at_ms=now_ms + _FOREVER_MS)
        await self._tables.create(row)
        for language in session.languages:
            connection = ConnectionRow(
                f"{session_id}-{language}",
                session_id,
                language,
                "lag-collector",
                now_ms,
                now_ms + _FOREVER_MS,
                CAPABILITIES,
            )
            await self._tables.add_connection(connection)
            counts = await self._tables.count_listeners(
                session_id, count_change(None, connection), now_ms
            )
            self._revisions[session_id] = counts.revision

    async def _speak(self, session: Session, begin_s: float) -> Spoken:
        await asyncio.sleep(begin_s - time.time())
        started_at_ms = 1000 * begin_s
        late_ms = 0.0
        self._writer.add(self._control(session, ControlKind.LISTENERS, -1))
        last = -1
        for chunk in chunks(session, started_at_ms):
            await asyncio.sleep(chunk.received_at_ms / 1000 - time.time())
            self._writer.add(chunk)
            late_ms = max(late_ms, time.time() * 1000 - chunk.received_at_ms)
            last = chunk.sequence
        self._writer.add(self._control(session, ControlKind.END, last))
        words = spoken_words(session.talk.words, started_at_ms)
        return Spoken(session, started_at_ms, words, late_ms, self._lost)

    def _control(self, session: Session, kind: ControlKind, after: int) -> SessionControl:
        is_listeners = kind is ControlKind.LISTENERS
        return SessionControl(
            session.session_id,
            0,
            after,
            self._revisions[session.session_id],
            kind,
            wall_clock_ms(),
            session.languages if is_listeners else None,
        )

    def _settled(self, settled: Settled) -> Sequence[SessionControl]:
        self._lost += len(settled.lost)
        return ()
