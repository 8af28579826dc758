"""Shard readers with what is around them, over a scripted stream in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from beam_flink_kit.loops import VirtualLoop
from connectors.interfaces.shard_source import StartAt, StartKind
from connectors.memory.positions import MemoryPositions
from connectors.testing.connectors import scripted_connectors
from connectors.testing.shard_source import ScriptedShardSource
from pipelines.log.reader import ReadBatch, ReadOptions, ShardReader
from pipelines.log.shards import ShardProgress
from pipelines.runtime.supervision import UNEXPECTED_ERRORS, Supervised
from pipelines.session.records import Place

START_MS = 1_800_000_000_000
FIRST = "shardId-000000000000"
TRIM_HORIZON = StartAt(StartKind.TRIM_HORIZON)


class Taken(NamedTuple):
    place: Place
    key: str
    data: bytes
    loss: int


class Reader:
    """A ``ShardReader`` and what is around it. ``open``: see ``oldest_open`` there."""

    def __init__(
        self, stream: Stream, number: int, options: ReadOptions, saved: Mapping[str, ShardProgress]
    ) -> None:
        self.taken: list[Taken] = []
        self.open: dict[str, Place] = {}
        self.is_full = False
        self.supervised = Supervised()
        connectors = replace(
            scripted_connectors(stream.loop.now_ms),
            shard_source=stream.source,
            positions=stream.positions,
        )
        self._loop = stream.loop
        self.reader = ShardReader(
            number,
            options,
            connectors,
            stream.loop,
            saved,
            self._take,
            lambda: self.open,
            lambda: self.is_full,
            self.supervised,
        )
        self._loop.call(self._start)

    @property
    def data(self) -> list[str]:
        return [each.data.decode() for each in self.taken]

    def cover_all_but(self, count: int) -> None:
        """The last ``count`` records that were taken are not in the ledger."""
        self.open.clear()
        for each in self.taken[len(self.taken) - count :]:
            known = self.open.get(each.place.shard_id)
            if known is None or int(each.place.number) < int(known.number):
                self.open[each.place.shard_id] = each.place

    def read_again(self) -> None:
        self._loop.call(self.reader.read_again)

    def _start(self) -> None:
        self.supervised.start("shards", self.reader.run)

    def close(self) -> None:
        self._loop.call(self.supervised.close)
        self._loop.call(self.reader.close)

    def _take(self, batch: ReadBatch) -> None:
        for place, record in batch.records:
            self.taken.append(Taken(place, record.partition_key, record.data, batch.loss))


class Stream:
    """A stream in virtual time, every record that was put, and its readers."""

    def __init__(self, shards: int = 1, *, read_every_s: float = 0.2) -> None:
        UNEXPECTED_ERRORS.take()  # of other tests
        self.loop = VirtualLoop()
        self.loop.advance(START_MS)
        self.source = ScriptedShardSource(
            shards, now_ms=self.loop.now_ms, read_every_s=read_every_s
        )
        self.positions = MemoryPositions()
        self.readers: list[Reader] = []
        self.put_by_key: dict[str, list[str]] = {}

    def reader(
        self,
        number: int = 0,
        readers: int = 1,
        *,
        start: StartAt = TRIM_HORIZON,
        resume: bool = False,
        saved: Mapping[str, ShardProgress] | None = None,
    ) -> Reader:
        options = ReadOptions("live", start, resume, readers=readers)
        self.readers.append(Reader(self, number, options, saved or {}))
        return self.readers[-1]

    def put(self, key: str = "a", count: int = 1) -> str:
        """The last one's sequence number."""
        mine = self.put_by_key.setdefault(key, [])
        number = ""
        for _ in range(count):
            mine.append(f"{key}:{len(mine)}")
            number = self.source.put(key, mine[-1].encode()).sequence_number
        return number

    def run(self, for_s: float) -> None:
        self.loop.advance(self.loop.now_ms() + round(for_s * 1000))

    def open_ids(self) -> list[str]:
        """Open shards by their place in the hash space."""
        shards = self.loop.wait(self.loop.start(self.source.list_shards()))
        parents = {parent for shard in shards for parent in shard.parent_ids}
        leaves = [shard for shard in shards if shard.shard_id not in parents]
        return [shard.shard_id for shard in sorted(leaves, key=lambda each: each.first_hash)]

    def reshard(self, chance: random.Random) -> None:
        """Or throttle, lose iterators, let time pass: something at random."""
        ids = self.open_ids()
        match chance.choice(["split", "merge", "throttle", "expire", "run", "run", "put"]):
            case "split" if len(ids) < 5:
                self.source.split(chance.choice(ids))
            case "merge" if len(ids) > 1:
                at = chance.randrange(len(ids) - 1)
                self.source.merge(ids[at], ids[at + 1])
            case "throttle":
                self.source.throttle(chance.randint(1, 3))
            case "expire":
                self.source.expire_iterators()
            case "run":
                self.run(chance.choice([0.2, 1.0, 6.0]))
            case _:
                pass

    def check(self, *, repeats: bool = False) -> None:
        """Each key in order and by its own reader; each record once, or at least once."""
        got = [data for reader in self.readers for data in reader.data]
        for key, mine in self.put_by_key.items():
            found = [data for data in got if data.startswith(f"{key}:")]
            assert (list(dict.fromkeys(found)) if repeats else found) == mine

    def close(self) -> None:
        for reader in self.readers:
            reader.close()
        self.loop.stop()


Streams = Callable[..., Stream]
"""Makes them; see ``conftest``."""
