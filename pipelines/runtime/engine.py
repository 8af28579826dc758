"""An engine: one reader with the sessions whose audio it reads, on the worker's own loop.

It reads, recognises and commits without waiting for a bundle. Beam's state gets its low-water marks
about once a second; where a killed engine's successor begins is told by those or by the positions
table, whichever are further, and by the ledger.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

from connectors.errors import ConnectorError
from connectors.policy import Policy, call
from connectors.positions import SupersededError
from connectors.shard_source import ShardRecord
from pipelines.reading.reader import ReadBatch, ReadOptions, ShardReader
from pipelines.reading.shards import SavedMarks, ShardProgress
from pipelines.runtime.session_host import SessionHost
from pipelines.runtime.session_shell import SessionTools
from pipelines.runtime.supervision import Supervised
from pipelines.segmentation.segmenter import Segmenter
from pipelines.session.records import Place, ReadRecord
from schemas.avro_codec import MAX_RECORD_BYTES, UndecodableRecordError, check_audio, decode
from schemas.values import AudioChunk, DeadLetter, StreamRecord, Utterance

T = TypeVar("T")

_log = logging.getLogger(__name__)

LEASE_S = 10.0
"""An engine that no bundle has asked for so long belongs to a job that is over, and stops."""
SAVE_EVERY_S = 5.0
CLAIM_AGAIN_S = 1.0


class Engine:
    """``rung`` is called when something waits to be handed on. Made, asked and closed in the loop."""

    def __init__(
        self,
        number: int,
        options: ReadOptions,
        segmenter: Segmenter,
        tools: SessionTools,
        saved: SavedMarks | None,
        rung: Callable[[], None],
    ) -> None:
        self.is_stopped = False
        self._number = number
        self._options = options
        self._segmenter = segmenter
        self._tools = tools
        self._rung = rung
        self._name = uuid.uuid4().hex
        self._count = 0
        self._generation = 0 if saved is None else saved.generation
        self._saved: Mapping[str, ShardProgress] = {} if saved is None else saved.shards
        self._host: SessionHost | None = None
        self._reader: ShardReader | None = None
        self._supervised = Supervised()
        self._asked_at_s = asyncio.get_running_loop().time()
        self._supervised.start("engine", self._run)

    @property
    def is_superseded(self) -> bool:
        """Whether a newer run of the job has taken its place: it is not to be begun again."""
        return self._host is not None and self._host.is_superseded

    def stands_at(self, saved: SavedMarks | None) -> bool:
        """Whether Beam's state is what this engine last gave it."""
        if saved is None or saved.engine != self._name:
            return self._count == 0
        return saved.count == self._count

    def asked(self) -> None:
        """A bundle is there: the job runs."""
        self._asked_at_s = asyncio.get_running_loop().time()
        if self._host is not None and self._host.has_lost:
            self.stop()

    def marks(self) -> SavedMarks | None:
        """What Beam's state is to keep; None while nothing is known."""
        if self._reader is None or not self._reader.is_ready or not self._may_save:
            return None
        self._count += 1
        return SavedMarks(self._generation, self._name, self._count, self._reader.marks())

    def take_utterances(self) -> list[Utterance]:
        return [] if self._host is None else _emptied(self._host.utterances)

    def take_letters(self) -> list[DeadLetter]:
        return [] if self._host is None else _emptied(self._host.letters)

    def delivered(self, session_id: str, number: int, language: str) -> None:
        if self._host is not None:
            self._host.delivered(session_id, number, language)

    @property
    def sessions(self) -> int:
        return 0 if self._host is None else self._host.sessions

    def stop(self) -> None:
        """Stop reading and recognising; write nothing more."""
        self.is_stopped = True
        self._supervised.close()
        if self._reader is not None:
            self._reader.close()
        if self._host is not None:
            self._host.close()

    async def _run(self) -> None:
        if self._host is None:
            await self._begin()
        saved_at_s = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(0.5)
            now_s = asyncio.get_running_loop().time()
            if now_s - self._asked_at_s > LEASE_S:
                _log.warning("engine %d: no bundle for %g s, it stops", self._number, LEASE_S)
                self.stop()
                return
            if now_s - saved_at_s >= SAVE_EVERY_S:
                saved_at_s = now_s
                await self._save()

    async def _begin(self) -> None:
        while not self._generation:
            positions, policy = self._tools.connectors.positions, self._policy
            try:
                self._generation = await call(
                    policy, lambda: positions.claim(self._options.job_name)
                )
            except ConnectorError as error:
                _log.warning("engine %d has no generation yet: %s", self._number, error)
                await asyncio.sleep(CLAIM_AGAIN_S)
        supervised = self._supervised
        host = self._host = SessionHost(
            self._tools,
            self._segmenter,
            self._generation,
            raw=self._options.record_format == "pcm",
            rung=self._rung,
            read_again=self._read_again,
        )
        self._reader = ShardReader(
            self._number,
            self._options,
            self._tools.connectors,
            self._tools.loop,
            self._saved,
            self._take,
            host.oldest_open,
            lambda: host.is_full,
            supervised,
        )
        supervised.start("shards", self._reader.run)

    @property
    def _may_save(self) -> bool:
        """Once a session is lost, what is read is not kept: marks would say too much."""
        return not self.is_stopped and self._host is not None and not self._host.has_lost

    @property
    def _policy(self) -> Policy:
        return self._tools.connectors.policies.positions

    def _read_again(self) -> None:
        if self._reader is not None:
            self._reader.read_again()

    async def _save(self) -> None:
        """Where a job without state would go on. Another save comes before long."""
        if self._reader is None or self._host is None or not self._may_save:
            return
        rows, positions = self._reader.rows(), self._tools.connectors.positions
        try:
            await call(
                self._policy,
                lambda: positions.save(self._options.job_name, rows, self._generation),
            )
        except SupersededError:
            self._host.lost("(all)", self._generation + 1)
        except ConnectorError as error:
            _log.warning("engine %d: positions not saved: %s", self._number, error)

    def _take(self, batch: ReadBatch) -> None:
        """Decode what was read, and give each session what is its own."""
        host = self._host
        assert host is not None
        now_ms = self._tools.loop.now_ms()
        raw = self._options.record_format == "pcm"
        by_session: dict[str, list[ReadRecord]] = {}
        for place, record in batch.records:
            try:
                value = raw_pcm(record) if raw else decode(record.data)
            except UndecodableRecordError as error:
                letter = dead_letter(place, record, str(error), now_ms)
                _log.warning("record %s refused: %s", letter.key, letter.cause)
                host.dead_letter(letter)
                continue
            read = read_record(place, record, value, now_ms, after_loss=batch.after_loss)
            by_session.setdefault(value.session_id, []).append(read)
        for session_id, records in by_session.items():
            host.take(session_id, records)


def read_record(
    place: Place, record: ShardRecord, value: StreamRecord, now_ms: int, *, after_loss: bool
) -> ReadRecord:
    if isinstance(value, AudioChunk):
        return ReadRecord(place, record.arrived_at_ms, now_ms, value, None, after_loss)
    return ReadRecord(place, record.arrived_at_ms, now_ms, None, value, after_loss)


def raw_pcm(record: ShardRecord) -> AudioChunk:
    """A record of the old flow: samples alone, the session as partition key."""
    if len(record.data) > MAX_RECORD_BYTES:
        raise UndecodableRecordError(f"record over {MAX_RECORD_BYTES} bytes")
    at_ms = record.arrived_at_ms
    chunk = AudioChunk(record.partition_key, 0, 0, at_ms, at_ms, record.data)
    check_audio(chunk)
    return chunk


def dead_letter(place: Place, record: ShardRecord, cause: str, now_ms: int) -> DeadLetter:
    return DeadLetter(
        "read",
        cause,
        f"{place.shard_id}/{record.sequence_number}",
        now_ms,
        record_sha256=hashlib.sha256(record.data).hexdigest(),
        record_bytes=len(record.data),
    )


def _emptied(waiting: deque[T]) -> list[T]:
    out: list[T] = []
    while waiting:
        out.append(waiting.popleft())
    return out
