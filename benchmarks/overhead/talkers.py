"""A stand-in for Kinesis inside the worker: sessions that speak in real time, made when read.

Everything follows from a record's place in its shard, so that a read needs no memory: the sessions
of a shard speak one chunk each in turn, round after round.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property, lru_cache

from benchmarks.talks import write_talk
from connectors.interfaces.shard_source import (
    MAX_HASH_KEY,
    RecordBatch,
    Shard,
    ShardRecord,
    StartAt,
    StartKind,
    hash_key,
)
from schemas.avro_codec import encode
from schemas.values import SAMPLE_RATE_HZ, AudioChunk, ControlKind, SessionControl, StreamRecord

CHUNK_SAMPLES = 4_096
CHUNK_MS = CHUNK_SAMPLES * 1000 // SAMPLE_RATE_HZ
INGEST_MS = 20
"""From a chunk's last sample into the log, as the gateway takes."""
_TALKS = 16
_TALK_CHUNKS = 400
_RAMP_MS = 10_000
"""Sessions begin one after the other within this."""
_EPOCH = 1
_CONTROL_TURNS = 2


@dataclass(frozen=True, slots=True)
class Talkers:
    """``sessions`` speak from a little after the first look at the stream, for ever."""

    sessions: int
    shards: int
    languages: tuple[str, ...]
    read_every_s: float = 0.2


@lru_cache
def _pcm(number: int) -> bytes:
    return write_talk(number, _TALK_CHUNKS * CHUNK_MS / 1000).pcm


class TalkersSource:
    """``ShardSource``: the iterator is the shard's number and the place of the next record."""

    def __init__(self, talkers: Talkers) -> None:
        self._talkers = talkers
        self._begins_at_ms = 0

    @property
    def read_every_s(self) -> float:
        return self._talkers.read_every_s

    async def list_shards(self) -> tuple[Shard, ...]:
        if not self._begins_at_ms:
            self._begins_at_ms = _now_ms() + 3_000
        return tuple(self._shards)

    async def iterator(self, shard_id: str, start: StartAt) -> str:
        after = start.kind is StartKind.AFTER_SEQUENCE_NUMBER
        return f"{shard_id}/{int(start.value) + 1 if after else 0}"

    async def read(self, iterator: str, limit: int) -> RecordBatch:
        shard_id, place_text = iterator.split("/")
        number, place = int(shard_id), int(place_text)
        records: list[ShardRecord] = []
        now_ms = _now_ms()
        sessions = self._by_shard[number]
        while sessions and len(records) < limit:
            arrives_at_ms = self._arrives_at_ms(sessions, place)
            if arrives_at_ms > now_ms:
                break
            session = sessions[place % len(sessions)]
            record = self._record(session, place // len(sessions), arrives_at_ms)
            records.append(
                ShardRecord(record.session_id, str(place), arrives_at_ms, encode(record))
            )
            place += 1
        return RecordBatch(tuple(records), f"{shard_id}/{place}", 0)

    async def oldest(self, shard_id: str) -> str | None:
        return "0"

    def backdate(self, by_ms: int) -> None:
        """All began so much earlier, the ramp left out: records can be made faster than real time.
        After the first listing."""
        self._begins_at_ms -= by_ms + _RAMP_MS + 3_000

    async def close(self) -> None:
        """Nothing is held open."""

    @cached_property
    def _shards(self) -> list[Shard]:
        count = self._talkers.shards
        edges = [MAX_HASH_KEY * number // count for number in range(count + 1)]
        return [
            Shard(str(number), edges[number] + bool(number), edges[number + 1])
            for number in range(count)
        ]

    @cached_property
    def _by_shard(self) -> list[list[int]]:
        """The numbers of each shard's sessions."""
        found: list[list[int]] = [[] for _ in self._shards]
        for session in range(self._talkers.sessions):
            key = hash_key(name_of(session))
            for shard in self._shards:
                if shard.first_hash <= key <= shard.last_hash:
                    found[int(shard.shard_id)].append(session)
        return found

    def _arrives_at_ms(self, sessions: list[int], place: int) -> int:
        """Round 0 brings the ``opened`` records, round 1 the ``listeners`` records, and each later
        one a chunk a session."""
        turn, within = divmod(place, len(sessions))
        speaks = turn >= _CONTROL_TURNS
        phase_ms = _RAMP_MS + within * CHUNK_MS // len(sessions) if speaks else 0
        return self._begins_at_ms + phase_ms + turn * CHUNK_MS + INGEST_MS

    def _record(self, session: int, turn: int, at_ms: int) -> StreamRecord:
        if turn == 0:
            return SessionControl(
                name_of(session), _EPOCH, -1, 0, ControlKind.OPENED, at_ms, generation=1
            )
        if turn == 1:
            return SessionControl(
                name_of(session), -1, -1, 1, ControlKind.LISTENERS, at_ms, self._talkers.languages
            )
        sequence = turn - _CONTROL_TURNS
        first = (session * 7 + sequence) % _TALK_CHUNKS * CHUNK_SAMPLES * 2
        return AudioChunk(
            name_of(session),
            _EPOCH,
            sequence,
            at_ms - INGEST_MS - CHUNK_MS,
            at_ms - INGEST_MS,
            _pcm(session % _TALKS)[first : first + CHUNK_SAMPLES * 2],
        )


def name_of(session: int) -> str:
    return f"talker-{session:05d}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
