"""What the job adds by load, and when a load is said to be too much for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.footprint import Footprint, Sample
from benchmarks.overhead.measure import (
    SIMULATED_MS,
    Checkpoints,
    Machine,
    NotificationTimes,
    added_ms,
)
from benchmarks.overhead.notes import NoteTail, Notification
from benchmarks.overhead.scale import at_parallelism, parallelism_for
from benchmarks.overhead.talkers import CHUNK_MS, Talkers, TalkersSource
from connectors.interfaces.shard_source import StartAt, StartKind
from schemas.avro_codec import decode
from schemas.values import AudioChunk, ControlKind, SessionControl

pytestmark = pytest.mark.unit

SERVICES = {"ingest": 20.0, "recognise": 300.0, "translate": 150.0, "synthesize": 310.0}
"""What the stand-ins take."""


def told(at_s: float, added: float) -> Notification:
    return Notification(1000 * at_s, {**SERVICES, "window": 2_000.0, "read": added})


def heard(*notes: Notification) -> NotificationTimes:
    found = NotificationTimes(0.0)
    for note in notes:
        found.add(note)
    return found


def test_what_is_simulated_and_what_is_waited_for_is_not_added_by_the_job() -> None:
    stages = {"capture": 128.0, "ingest": 20.0, "window": 2_000.0, "read": 90.0, "commit": 5.0}
    stages |= {"languages": 30.0, "recognise": 340.0, "translate": 160.0, "synthesize": 320.0}
    assert sum(SERVICES.values()) == SIMULATED_MS
    assert added_ms(stages) == 90 + 5 + 30 + 40 + 10 + 10
    assert added_ms(stages, simulated_ms=760.0) == 20 + 90 + 5 + 30 + 40 + 10 + 10
    assert added_ms({"read": 20.0, "recognise": 300.0}) == 0.0, "a head start made up for it"


def test_a_load_has_the_spread_the_stages_and_the_growth_of_what_was_told() -> None:
    notes = [told(at, 80.0) for at in range(6)] + [told(at, 180.0) for at in range(6, 9)]
    footprints = {"worker": Footprint(0.5, 300.0), "flink": Footprint(0.25, 400.0)}
    load = heard(*notes, Notification(9_000.0)).load(7, 9_000.0, Machine(footprints))
    assert (load.sessions, load.clips, load.skipped, load.measured_s) == (7, 9, 1, 9.0)
    assert (load.added_p50_ms, load.added_p99_ms, load.growth_ms) == (80.0, 180.0, 100.0)
    assert (load.stages_p50_ms["recognise"], load.stages_p99_ms["read"]) == (300.0, 180.0)
    assert (load.cores, load.memory_mb) == (0.75, 700.0)
    assert load.verdict() == "keeps up"


def test_what_was_told_before_the_measured_time_does_not_count() -> None:
    found = NotificationTimes(5_000.0)
    found.add(told(4.0, 9_000.0))
    found.add(told(6.0, 80.0))
    load = found.load(1, 10_000.0, Machine())
    assert (load.clips, load.added_max_ms, load.measured_s) == (1, 80.0, 5.0)


def test_a_backlog_that_grows_is_said_with_its_rate() -> None:
    """Every second each is 100 ms later."""
    notes = [told(at, 100.0 * at) for at in range(60)]
    load = heard(*notes).load(300, 60_000.0, Machine())
    assert load.growth_ms == 4_000.0
    assert load.growth_ms_per_s == pytest.approx(100.0)
    assert load.verdict() == "falls behind: backlog grows by 100 ms a second"
    flat = load.flat()
    assert flat["overhead_keeps_up_300_sessions"] == 0
    assert flat["overhead_growth_ms_per_s_300_sessions"] == 100.0
    assert flat["overhead_p99_ms_300_sessions"] == 5_900.0


def test_a_load_is_hopeless_when_the_last_ones_are_late() -> None:
    notes = [told(at, 50.0) for at in range(40)] + [told(at, 11_000.0) for at in range(40, 60)]
    found = heard(*notes)
    assert found.hopeless(59_500.0) == "the last ones were 11 s late"
    assert heard(*notes[:42]).hopeless(41_500.0) == "", "two late ones of ten are a slow moment"


def test_what_piled_up_at_the_beginning_may_be_worked_off() -> None:
    """Half a second less each second: 20 s late at first, 12.5 s when it could be given up."""
    notes = [told(at, max(50.0, 25_000.0 - 250.0 * at)) for at in range(60)]
    assert heard(*notes[:20]).hopeless(19_500.0) == "", "too early to say"
    assert heard(*notes[:50]).hopeless(49_500.0) == "", "late, but less and less so"
    still = [told(at, 12_500.0) for at in range(50)]
    assert heard(*still).hopeless(49_500.0) == "the last ones were 12 s late"


def test_a_load_is_hopeless_when_most_is_given_up_or_nothing_comes() -> None:
    late = [Notification(1000.0 * at) for at in range(42, 48)]
    found = heard(*(told(at, 50.0) for at in range(42)), *late)
    assert found.hopeless(48_000.0) == "6 of the last 10 outcomes were given up"
    quiet = heard(*(told(at, 50.0) for at in range(35)))
    assert quiet.hopeless(40_000.0) == ""
    assert quiet.hopeless(45_000.0) == "nobody was told anything for 10 s"


def test_a_run_in_which_nothing_was_told_has_no_times_and_does_not_keep_up() -> None:
    load = NotificationTimes(0.0).load(
        1_000, 32_000.0, Machine(), "nobody was told anything for 30 s"
    )
    flat = load.flat()
    assert load.verdict() == "nothing was heard; nobody was told anything for 30 s"
    assert flat["overhead_keeps_up_1000_sessions"] == 0
    assert flat["overhead_measured_s_1000_sessions"] == 32.0
    assert not [key for key in flat if key.startswith(("overhead_p50", "overhead_p99"))]


def test_notes_are_read_line_by_line_while_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "notes.jsonl"
    tail = NoteTail(file)
    assert tail.read() == []
    line = json.dumps({"at_ms": 5.5, "session": "s", "type": "translatedAudio", "stages": {"a": 1}})
    skipped = json.dumps({"at_ms": 6.0, "type": "skipped", "stages": None})
    file.write_text(f"{line}\n{skipped[:10]}")
    assert tail.read() == [Notification(5.5, {"a": 1.0})]
    with file.open("a") as notes:
        notes.write(f"{skipped[10:]}\n")
    assert tail.read() == [Notification(6.0, None)]
    assert tail.read() == []


@pytest.mark.parametrize(("parallelism", "workers"), [(1, 1), (2, 4), (4, 8)])
def test_degrees_of_parallelism_differ_in_subtasks_and_workers_only(
    parallelism: int, workers: int
) -> None:
    assert at_parallelism(parallelism) == (
        f"--parallelism={parallelism}",
        f"--sdk_worker_parallelism={workers}",
    )


@pytest.mark.parametrize(("sessions", "parallelism"), [(150, 1), (151, 2), (1_000, 2)])
def test_more_than_a_worker_takes_is_shared_by_two_subtasks(
    sessions: int, parallelism: int
) -> None:
    assert parallelism_for(sessions) == parallelism


def test_checkpoints_are_read_from_what_flink_answers() -> None:
    answer = {
        "counts": {"completed": 14, "failed": 2},
        "summary": {
            "state_size": {"min": 1, "max": 4096, "avg": 3, "p50": 2048.0},
            "end_to_end_duration": {"min": 1, "max": 90, "avg": 3, "p50": "NaN"},
        },
    }
    before = {"counts": {"completed": 2, "failed": 1}}
    found = Checkpoints.from_rest(answer, before)
    assert found == Checkpoints(12, 1, 2.0, 4.0, 0.0, 90.0)
    flat = heard(told(1, 80.0)).load(5, 9_000.0, Machine(checkpoints=found)).flat()
    assert flat["overhead_checkpoint_size_max_kb_5_sessions"] == 4.0
    assert flat["overhead_checkpoints_failed_5_sessions"] == 1


def test_cpu_is_told_by_role_and_by_worker() -> None:
    before = Sample(0.0, {"worker": 1.0}, {"worker": 90.0}, {("worker", 1): 1.0})
    after = Sample(
        10.0,
        {"worker": 7.0, "flink": 5.0},
        {"worker": 100.0, "flink": 50.0},
        {("worker", 1): 3.0, ("worker", 2): 4.0, ("flink", 3): 5.0},
    )
    machine = Machine(after.since(before), after.cores_by_process(before, "worker"))
    assert machine.worker_cores == (0.4, 0.2)
    flat = heard(told(1, 80.0)).load(5, 9_000.0, machine).flat()
    assert flat["overhead_worker_cores_5_sessions"] == pytest.approx(0.6)
    assert flat["overhead_flink_memory_mb_5_sessions"] == 50.0


async def test_the_log_of_talkers_can_be_read_from_any_place() -> None:
    source = TalkersSource(Talkers(3, 1, ("es",)))
    (shard,) = await source.list_shards()
    source.backdate(10 * CHUNK_MS)
    horizon = await source.iterator(shard.shard_id, StartAt(StartKind.TRIM_HORIZON))
    (first,) = (await source.read(horizon, 1)).records
    records = (await source.read(horizon, 1_000)).records
    assert records[0] == first
    assert first.sequence_number == "0"
    opened = decode(first.data)
    assert isinstance(opened, SessionControl)
    assert (opened.kind, opened.after_sequence, opened.generation) == (ControlKind.OPENED, -1, 1)
    after = StartAt(StartKind.AFTER_SEQUENCE_NUMBER, records[6].sequence_number)
    again = (await source.read(await source.iterator(shard.shard_id, after), 2)).records
    assert again == records[7:9]
    chunks = [value for each in records if isinstance(value := decode(each.data), AudioChunk)]
    mine = [each.sequence for each in chunks if each.session_id == chunks[0].session_id]
    assert mine == list(range(len(mine)))
    assert len(mine) > 3
