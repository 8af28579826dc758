"""Step 1: poll the shards of the audio stream, decode records, key them by session."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.transforms.window import TimestampedValue

from connectors.policy import call
from connectors.shard_source import ShardRecord, StartAt
from pipelines.coders import ValueCoder
from pipelines.core.reading import (
    ReaderState,
    Slice,
    discovered,
    first_state,
    readers_of,
    remembered,
    rows_to_save,
    saved_position,
    slice_of,
)
from pipelines.core.records import ReadRecord
from pipelines.transforms.calls import DEAD_LETTERS
from pipelines.worker.process import WorkerDoFn, WorkerSettings
from pipelines.worker.reading import ReadBatch, ShardReader
from schemas.avro_codec import MAX_RECORD_BYTES, UndecodableRecordError, check_audio, decode
from schemas.values import AudioChunk, DeadLetter

_log = logging.getLogger(__name__)

SAVE_EVERY_MS = 5_000


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """``start`` is where shards without a saved position begin; ``resume`` uses saved ones."""

    job_name: str
    start: StartAt
    resume: bool = False
    record_format: str = "avro"
    readers: int = 4
    poll_every_ticks: int = 2


class ReadAudio(beam.PTransform[Any, Any]):
    """PCollection[int] (ticks) -> records: tuple[session, ReadRecord]; dead_letters."""

    def __init__(self, options: ReadOptions, settings: WorkerSettings) -> None:
        super().__init__()
        self._options = options
        self._settings = settings

    def expand(self, ticks: beam.PCollection[int]) -> Any:
        options = self._options

        def tick_readers(tick: int) -> Iterator[tuple[str, int]]:
            if tick % options.poll_every_ticks == 0:
                for reader in range(options.readers):
                    yield f"reader-{reader}", reader

        return (
            ticks
            | "Tick readers" >> beam.FlatMap(tick_readers).with_output_types(tuple[str, int])
            | "Poll shards"
            >> beam.ParDo(PollShards(options, self._settings))
            .with_output_types(tuple[str, ReadRecord])
            .with_outputs(DEAD_LETTERS, main="records")
        )


class PollShards(WorkerDoFn, beam.DoFn):
    """A reader: its key is its number, its state how far it is in each shard."""

    POSITIONS = ReadModifyWriteStateSpec("positions", ValueCoder(ReaderState))

    def __init__(self, options: ReadOptions, settings: WorkerSettings) -> None:
        self.settings = settings
        self._options = options
        self._wait = Metrics.distribution("stages", "read")

    def process(
        self,
        element: tuple[str, int],
        timestamp: Any = beam.DoFn.TimestampParam,
        positions: Any = beam.DoFn.StateParam(POSITIONS),
    ) -> Iterator[Any]:
        key, number = element
        tick_ms = timestamp.micros // 1000
        self.worker.loop.advance(tick_ms)
        now_ms = max(self.worker.loop.now_ms(), tick_ms)
        reader = self.worker.readers.reader(key)
        share = slice_of(number, self._options.readers)
        before: ReaderState | None = positions.read()
        state = self._known_shards(reader, share, before, now_ms)
        if state is not None:
            for shard_id, batch in self._taken(reader, state):
                state = state.advanced(
                    shard_id,
                    sequence_number=batch.last,
                    read_through_ms=batch.read_through_ms,
                    finished=batch.finished,
                )
                yield from self._records(shard_id, batch, share, state.since_ms, now_ms)
            state = remembered(state, now_ms)
            if _worth_writing(before, state):
                positions.write(state)
            self._save(reader, number, state, now_ms)

    def _save(self, reader: ShardReader, number: int, state: ReaderState, now_ms: int) -> None:
        """Beside the bundle, every few seconds: where a job without state would go on."""
        if now_ms - reader.saved_at_ms < SAVE_EVERY_MS:
            return
        reader.saved_at_ms = now_ms
        positions, rows = self.worker.connectors.positions, rows_to_save(state, number)
        policy = self.worker.connectors.policies.positions
        job_name = self._options.job_name
        self.worker.loop.start(call(policy, lambda: positions.save(job_name, rows)))

    def _taken(self, reader: ShardReader, state: ReaderState) -> Iterator[tuple[str, ReadBatch]]:
        """What was read ahead behind the positions of ``state``."""
        quota = {
            shard.shard_id: readers_of(shard, self._options.readers)
            for shard in reader.listed_shards() or ()
        }
        readable = state.readable()
        reader.forget_all_but(readable)
        for shard_id in readable:
            position = state.shards[shard_id].position
            for batch in reader.take(shard_id, position, quota.get(shard_id, 1)):
                yield shard_id, batch

    def _known_shards(
        self,
        reader: ShardReader,
        share: Slice,
        state: ReaderState | None,
        now_ms: int,
    ) -> ReaderState | None:
        """The state with the newest listing in it; None while nothing is known yet."""
        shards = reader.listed_shards()
        if not shards:  # not asked yet, or the stream is still being made
            return state
        if state is not None:
            return discovered(state, shards, share)
        saved: dict[str, str] = {}
        if self._options.resume:
            loaded = reader.saved_positions(self._options.job_name)
            if loaded is None:
                return None
            for shard in shards:
                position = saved_position(loaded, shard.shard_id)
                if position:
                    saved[shard.shard_id] = position
        return remembered(first_state(self._options.start, now_ms, shards, saved, share), now_ms)

    def _records(
        self, shard_id: str, batch: ReadBatch, share: Slice, since_ms: int, now_ms: int
    ) -> Iterator[Any]:
        for record in batch.records:
            if not share.holds(record.partition_key):
                continue
            try:
                session_id, read = self._decoded(record, since_ms, now_ms)
            except UndecodableRecordError as error:
                letter = _dead_letter(shard_id, record, str(error), now_ms)
                _log.warning("record %s refused: %s", letter.key, letter.cause)
                yield TaggedOutput(DEAD_LETTERS, letter)
                continue
            self._wait.update(max(0, now_ms - record.arrived_at_ms))
            # Event time is now, not the capture time: nothing is ever late (docs/decisions/0003).
            yield TimestampedValue((session_id, read), now_ms / 1000)

    def _decoded(self, record: ShardRecord, since_ms: int, now_ms: int) -> tuple[str, ReadRecord]:
        raw = self._options.record_format == "pcm"
        value = _raw_pcm(record) if raw else decode(record.data)
        order = record.sequence_number.rjust(64, "0")
        if isinstance(value, AudioChunk):
            read = ReadRecord(record.arrived_at_ms, now_ms, since_ms, order, chunk=value)
        else:
            read = ReadRecord(record.arrived_at_ms, now_ms, since_ms, order, control=value)
        return value.session_id, read


def _raw_pcm(record: ShardRecord) -> AudioChunk:
    """A record of the old flow: samples alone, the session as partition key."""
    if len(record.data) > MAX_RECORD_BYTES:
        raise UndecodableRecordError(f"record over {MAX_RECORD_BYTES} bytes")
    at_ms = record.arrived_at_ms
    chunk = AudioChunk(record.partition_key, 0, 0, at_ms, at_ms, record.data)
    check_audio(chunk)
    return chunk


def _dead_letter(shard_id: str, record: ShardRecord, cause: str, now_ms: int) -> DeadLetter:
    return DeadLetter(
        "read",
        cause,
        f"{shard_id}/{record.sequence_number}",
        now_ms,
        record_sha256=hashlib.sha256(record.data).hexdigest(),
        record_bytes=len(record.data),
    )


def _worth_writing(before: ReaderState | None, after: ReaderState) -> bool:
    """Reads that found nothing move only the read-through time, which need not be durable."""
    if before is None or before.shards.keys() != after.shards.keys():
        return True
    if before.past != after.past:
        return True
    return any(
        before.shards[shard_id].sequence_number != progress.sequence_number
        or before.shards[shard_id].finished != progress.finished
        for shard_id, progress in after.shards.items()
    )
