"""Two gateways over one stream and one set of tables, and a page that moves between them."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.interfaces.errors import ConnectorError, RetryableError
from connectors.interfaces.record_sink import SinkRecord
from connectors.interfaces.session_tables import Progress, SessionChange, SessionRow
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.erasure import NothingErased
from connectors.memory.ledger import MemoryLedger
from connectors.memory.room_tables import MemoryRoomTables
from connectors.memory.session_tables import MemorySessionTables
from ingest_gateway.access.auth import Identity, LocalIssuer
from ingest_gateway.audio_in.put_queue import Settled
from ingest_gateway.gateway import Gateway, GatewayDependencies
from ingest_gateway.protocol.connection_protocol import Audio, Refusal
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.sessions.hub import Connection, Peer
from ingest_gateway.sessions.languages import Languages
from ingest_gateway.sessions.sweeper import SAVE_EVERY_S
from schemas.avro_codec import decode
from schemas.session_info import SessionInfo
from schemas.values import AudioChunk, ControlKind, SessionControl

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]
SESSION = "joyful-mountain-789"
EVERY_S = 0.25
LONG_S = 120.0


def now_ms() -> int:
    return round(asyncio.get_running_loop().time() * 1000)


@dataclass
class Faults:
    """``stream``: "taken"; "refused", all; "refused in part", every other record; "slow"; or "no
    answer", though it took them."""

    stream: str = "taken"
    tables_away: bool = False


@dataclass
class Stream:
    """One gateway's way to the stream that all share."""

    log: list[SinkRecord]
    faults: Faults

    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        fate = self.faults.stream
        await asyncio.sleep(4.0 if fate == "slow" else 0.02)
        if fate == "refused":
            return ("Throttled",) * len(records)
        taken = [fate != "refused in part" or at % 2 == 1 for at in range(len(records))]
        self.log += [record for record, is_taken in zip(records, taken, strict=True) if is_taken]
        if fate == "no answer":
            raise RetryableError("no answer")
        return tuple(None if is_taken else "Throttled" for is_taken in taken)

    async def close(self) -> None:
        pass


class Tables(MemorySessionTables):
    """One gateway's way to the rows that all share."""

    def __init__(self, sessions: dict[str, SessionRow], faults: Faults) -> None:
        super().__init__(now_ms)
        self._sessions = sessions
        self._faults = faults

    async def _answer(self) -> None:
        await asyncio.sleep(0.005)
        if self._faults.tables_away:
            raise RetryableError("the tables are away")

    async def get(self, session_id: str) -> SessionRow | None:
        await self._answer()
        return await super().get(session_id)

    async def open_stream(
        self, session_id: str, speaker_id: str, stream_id: str, connection_id: str, now_ms: int
    ) -> SessionRow | None:
        await self._answer()
        return await super().open_stream(session_id, speaker_id, stream_id, connection_id, now_ms)

    async def change(self, session_id: str, change: SessionChange) -> SessionRow | None:
        await self._answer()
        return await super().change(session_id, change)

    async def save_progress(self, progress: Progress) -> SessionRow | None:
        await self._answer()
        return await super().save_progress(progress)

    async def declare_gap(
        self, session_id: str, generation: int, epoch: int, until_sequence: int
    ) -> bool:
        await self._answer()
        return await super().declare_gap(session_id, generation, epoch, until_sequence)


@dataclass
class Socket:
    """What a page is sent."""

    sent: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    closed: bool = False

    async def send_text(self, data: str) -> None:
        self.sent.append(json.loads(data))

    async def close(self, code: int, reason: str | None) -> None:
        self.closed = True


def _any(*_languages: str) -> bool:
    return True


class Host:
    """A gateway, without sockets."""

    def __init__(
        self,
        log: list[SinkRecord],
        sessions: dict[str, SessionRow],
        rooms: MemoryRoomTables,
        deadline_ms: int,
    ) -> None:
        self.faults = Faults()
        self.gateway = Gateway(
            GatewayDependencies(
                tables=Tables(sessions, self.faults),
                sink=Stream(log, self.faults),
                ledger=MemoryLedger(),  # type: ignore[arg-type]
                clips=MemoryClipStore(),
                erasure=NothingErased(),
                rooms=rooms,
                languages=Languages(can_hear=_any, can_translate=_any, can_speak=_any),
                verifier=LocalIssuer(),
                limits=Limits(put_deadline_ms=deadline_ms),
                now_ms=now_ms,
                fraction=lambda: 0.0,
            )
        )
        self.reported: set[tuple[int, int]] = set()
        """(epoch, sequence) of every chunk that this gateway counts as stored, and acknowledges."""
        settled = self.gateway.acknowledgements.settled

        def noted(part: Settled) -> Sequence[SessionControl]:
            chunks = [one.value for one in part.stored if isinstance(one.value, AudioChunk)]
            self.reported |= {(chunk.epoch, chunk.sequence) for chunk in chunks}
            return settled(part)

        self.gateway.acknowledgements.settled = noted  # type: ignore[method-assign]
        self.gateway.writer.start()
        self._saving = asyncio.create_task(self._save())

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            await self.gateway.sweeper.save_progress()

    async def close(self) -> None:
        self._saving.cancel()
        await asyncio.gather(self._saving, return_exceptions=True)
        await self.gateway.writer.close()


class Page:
    """A speaker's page: one stream, with what was not acknowledged kept to be sent again."""

    def __init__(self, stream_id: str) -> None:
        self.stream_id = stream_id
        self.kept: dict[int, bytes] = {}
        self.acknowledged: set[int] = set()
        self.forgotten: set[int] = set()
        self._next = 0
        self._joins = 0
        self._host: Host | None = None
        self.connection: Connection | None = None
        self.socket = Socket()

    async def join(self, host: Host) -> bool:
        await self.read()
        self._joins += 1
        self.socket = Socket()
        connection = Connection(
            connection_id=f"{self.stream_id}-{self._joins}",
            peer=Peer("address", "", Identity("ada")),
            socket=self.socket,
            connected_at_ms=now_ms(),
            outbox_limit_bytes=1 << 24,
        )
        self.connection = None
        try:
            joined = await host.gateway.speakers.join(connection, SESSION, self.stream_id)
        except (ConnectorError, Refusal):
            return False
        self._host, self.connection = host, connection
        self._acknowledge(joined.sequence)
        for number, pcm in sorted(self.kept.items()):
            self._send(number, pcm)
        return True

    def speak(self) -> None:
        number, self._next = self._next, self._next + 1
        pcm = f"{self.stream_id:>4}{number:04}".encode()
        self.kept[number] = pcm
        self._send(number, pcm)

    def forget(self) -> None:
        """The page kept too much: the oldest half of it will never be sent again."""
        for number in sorted(self.kept)[: (len(self.kept) + 1) // 2]:
            del self.kept[number]
            self.forgotten.add(number)

    async def read(self) -> None:
        """What this page was sent on the connection that it uses."""
        if self.connection is None:
            return
        await self.connection.flush()
        for message in self.socket.sent:
            if message["type"] == "audioAck":
                self._acknowledge(message["sequence"])
        self.socket.sent.clear()
        if self.socket.closed:
            self.connection = None

    def _acknowledge(self, sequence: int) -> None:
        for number in [number for number in self.kept if number <= sequence]:
            del self.kept[number]
            self.acknowledged.add(number)

    def _send(self, number: int, pcm: bytes) -> None:
        if self.connection is None or self._host is None:
            return
        try:
            self._host.gateway.intake.take(self.connection, Audio(SESSION, number, now_ms(), pcm))
        except Refusal as refusal:
            if refusal.code != "SPEAKER_TAKEN":
                raise
            self.connection = None


class Reader:
    """Takes each chunk once; passes a hole when a gap or an opening of its stream says that it is
    settled."""

    def __init__(self) -> None:
        self.taken: dict[int, dict[int, bytes]] = defaultdict(dict)
        self.late: dict[int, set[int]] = defaultdict(set)
        """What came after its hole was passed: the job takes it all the same, after the rest."""
        self.generations: list[int] = []
        self._settled: dict[int, set[int]] = defaultdict(set)

    def read(self, record: AudioChunk | SessionControl) -> None:
        taken, settled = self.taken[record.epoch], self._settled[record.epoch]
        if isinstance(record, AudioChunk):
            if record.sequence in taken:
                assert taken[record.sequence] == record.pcm, "two chunks of one name"
            elif record.sequence in settled:
                self.late[record.epoch].add(record.sequence)
            else:
                taken[record.sequence] = record.pcm
        elif record.kind is ControlKind.GAP:
            settled |= set(range(record.after_sequence + 1, record.next_sequence or 0))
        elif record.kind is ControlKind.OPENED:
            settled |= set(range(record.after_sequence + 1))
            if record.generation not in self.generations:
                self.generations.append(record.generation)

    def open_holes(self) -> dict[int, set[int]]:
        holes: dict[int, set[int]] = {}
        for epoch, taken in self.taken.items():
            until = max(taken, default=-1)
            holes[epoch] = set(range(until + 1)) - taken.keys() - self._settled[epoch]
        return {epoch: missing for epoch, missing in holes.items() if missing}


class Story:
    def __init__(self, deadline_ms: int = 10**9) -> None:
        self.log: list[SinkRecord] = []
        info = SessionInfo(SESSION, "ada", "en", (), "standard", "active", 0)
        self.sessions = {SESSION: SessionRow(info)}
        self.rooms = MemoryRoomTables()
        self.hosts = [Host(self.log, self.sessions, self.rooms, deadline_ms) for _ in range(2)]
        self.pages = [Page("s1"), Page("s2")]

    async def act(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("join", page, host):
                await self.pages[page].join(self.hosts[host])
            case ("speak", page, chunks):
                for _ in range(chunks):
                    self.pages[page].speak()
                    await asyncio.sleep(EVERY_S)
                    await self.pages[page].read()
            case ("forget", page):
                self.pages[page].forget()
            case ("stream", host, fate):
                self.hosts[host].faults.stream = fate
            case ("tables", host, away):
                self.hosts[host].faults.tables_away = away
            case _:
                await asyncio.sleep(step[1])

    async def end_well(self) -> Reader:
        """Everything answers again; both pages come once more, and say one more thing."""
        for host in self.hosts:
            host.faults.stream, host.faults.tables_away = "taken", False
        await asyncio.sleep(LONG_S)
        for page in self.pages:
            assert await page.join(self.hosts[0])
            page.speak()
            await asyncio.sleep(LONG_S)
            await page.read()
            assert not page.kept, "the last chunk is never acknowledged"
        for host in self.hosts:
            assert await host.gateway.writer.drain(1)
            await host.close()
        reader = Reader()
        for record in self.log:
            reader.read(decode(record.data))
        assert reader.open_holes() == {}
        for host in self.hosts:
            for epoch, number in host.reported:
                came = reader.taken[epoch].keys() | reader.late[epoch]
                assert number in came, "counted as stored, and never read"
        return reader

    def epoch(self, page: Page) -> int:
        known = {each.stream_id: each.epoch for each in self.sessions[SESSION].known}
        return known[page.stream_id]
