"""``python -m benchmarks.overhead.floor``: the job's own work without Beam and Flink.

One engine on one event loop reads, recognises and commits; its utterances go through the steps'
handlers (translate, synthesize, publish) in the same loop. The stand-ins are those of the load run.
What the job takes beyond this is Beam's and Flink's. The stand-in stream makes its records when
they are read, which a real one does not: its share is measured alone and said beside.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.overhead.measure import Load, Machine, NotificationTimes
from benchmarks.overhead.notes import NoteTail
from benchmarks.overhead.stand_ins import StandIns
from benchmarks.overhead.talkers import CHUNK_MS, Talkers, TalkersSource
from benchmarks.tables import show
from connectors.interfaces.shard_source import StartAt, StartKind
from local_stack.flink import ROOT
from pipelines.reading.reader import ReadOptions
from pipelines.runtime.engine import Engine
from pipelines.runtime.worker import CallSite, Worker, WorkerSettings
from pipelines.segmentation.pause_segmenter import PauseSegmenter
from pipelines.transforms.publish import PublishClip
from pipelines.transforms.synthesize import SynthesizeTranslation
from pipelines.transforms.translate import TranslateUtterance
from schemas.values import RoutedUtterance, Translation, Utterance, VoicedTranslation

SESSIONS = 100
SECONDS = 20.0
WARM_UP_S = 20.0
SETTLE_SAMPLES = 4_000
KEEP_MARKS_EVERY_S = 1.0
SHARDS = 2
_SOURCE_READS = 20
_ENGINE = "floor"


@dataclass(frozen=True, slots=True)
class Floor:
    """``cores`` of the one process; ``source_us``: of a chunk's time, what making it takes."""

    load: Load
    cores: float
    source_us: float

    @property
    def chunk_us(self) -> float:
        """CPU time for a chunk, everything that follows from it included."""
        return self.cores * CHUNK_MS * 1000 / self.load.sessions

    @property
    def sessions_a_core(self) -> float:
        return self.load.sessions / self.cores

    def flat(self) -> dict[str, float]:
        suffix = f"{self.load.sessions}_sessions"
        return {
            f"floor_cores_{suffix}": round(self.cores, 3),
            f"floor_chunk_us_{suffix}": round(self.chunk_us),
            f"floor_source_us_{suffix}": round(self.source_us),
            f"floor_sessions_a_core_{suffix}": round(self.sessions_a_core),
            f"floor_p50_ms_{suffix}": round(self.load.added_p50_ms, 1),
            f"floor_p99_ms_{suffix}": round(self.load.added_p99_ms, 1),
        }


class Deliveries:
    """The steps after the transcription, without Beam: each utterance is a task."""

    def __init__(self, site: CallSite, take: Callable[[], list[Utterance]]) -> None:
        self._site = site
        self._take = take
        self._translate, self._voice = TranslateUtterance(), SynthesizeTranslation()
        self._publish = PublishClip()
        self._tasks: set[asyncio.Task[None]] = set()

    def rung(self) -> None:
        """In the loop, when something waits."""
        for utterance in self._take():
            if utterance.entry.routes:
                self._start(self._deliver(RoutedUtterance(utterance, utterance.entry.routes)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, routed: RoutedUtterance) -> None:
        async for translation in self._translate.answers(routed, self._site):
            if isinstance(translation, Translation):
                self._start(self._say(translation))

    async def _say(self, translation: Translation) -> None:
        async for voiced in self._voice.answers(translation, self._site):
            if isinstance(voiced, VoicedTranslation):
                async for _outcome in self._publish.answers(voiced, self._site):
                    """Noted by the stand-in notifier."""


def measured(talkers: Talkers, seconds: float, warm_up_s: float) -> Floor:
    with tempfile.TemporaryDirectory() as directory:
        notes = Path(directory) / "notes.jsonl"
        worker = Worker(WorkerSettings(StandIns(talkers, notes), speculates=True))
        try:
            _begin(worker)
            _run(worker, warm_up_s)
            heard = NotificationTimes(time.time() * 1000)
            cpu_s, began_s = time.process_time(), time.monotonic()
            _run(worker, seconds)
            cores = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
            ended_ms = time.time() * 1000
        finally:
            worker.close()
        for told in NoteTail(notes).read():
            if told.at_ms <= ended_ms:
                heard.add(told)
    load = heard.load(talkers.sessions, ended_ms, Machine())
    return Floor(load, cores, asyncio.run(_source_us(talkers)))


def _begin(worker: Worker) -> None:
    start = StartAt(StartKind.TRIM_HORIZON)
    options = ReadOptions(_ENGINE, start, readers=1)
    segmenter = PauseSegmenter(settle_samples=SETTLE_SAMPLES)

    def take() -> list[Utterance]:
        engine = worker.engines[_ENGINE]
        return engine.take_utterances() if isinstance(engine, Engine) else []

    deliveries = Deliveries(worker.call_site(), take)
    worker.engines[_ENGINE] = worker.in_loop(
        lambda: Engine(0, options, segmenter, worker.tools, None, deliveries.rung)
    )


def _run(worker: Worker, seconds: float) -> None:
    """Ask for the marks as a step of the job does; the engine stops when nobody asks."""
    engine = worker.engines[_ENGINE]
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        time.sleep(min(KEEP_MARKS_EVERY_S, left_s))
        worker.in_loop(engine.asked)
        worker.in_loop(engine.marks)


async def _source_us(talkers: Talkers) -> float:
    """CPU time for making a record, out of the first that there will be."""
    source = TalkersSource(talkers)
    shards = await source.list_shards()
    source.backdate(_SOURCE_READS * CHUNK_MS)
    made = 0
    began_s = time.process_time()
    for shard in shards:
        iterator = await source.iterator(shard.shard_id, StartAt(StartKind.TRIM_HORIZON))
        made += len((await source.read(iterator, _SOURCE_READS * talkers.sessions)).records)
    return (time.process_time() - began_s) * 1e6 / max(1, made)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.overhead.floor", description=__doc__)
    parser.add_argument("--sessions", type=int, action="append", help="one load; may be repeated")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--warm-up-s", type=float, default=WARM_UP_S)
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--read-every-ms", type=float, default=200.0)
    parser.add_argument("--languages", default="es,ca")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "floor.json")
    given = parser.parse_args()
    floors = [
        measured(
            Talkers(
                sessions,
                given.shards,
                tuple(given.languages.split(",")),
                given.read_every_ms / 1000,
            ),
            given.seconds,
            given.warm_up_s,
        )
        for sessions in given.sessions or (SESSIONS,)
    ]
    show(
        "without Beam and Flink: one engine, one process, simulated services",
        (
            *("sessions", "clips", "p50 ms", "p99 ms", "grows ms", "cores"),
            *("us a chunk", "of it the stand-in stream", "sessions a core"),
        ),
        [
            (
                floor.load.sessions,
                floor.load.clips,
                floor.load.added_p50_ms,
                floor.load.added_p99_ms,
                floor.load.growth_ms,
                f"{floor.cores:.3f}",
                round(floor.chunk_us),
                round(floor.source_us),
                round(floor.sessions_a_core),
            )
            for floor in floors
        ],
    )
    figures = {key: value for floor in floors for key, value in floor.flat().items()}
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
