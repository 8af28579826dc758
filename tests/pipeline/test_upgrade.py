"""From the first edition (9bc5d6e) to this one in mid-talk, and back.

Its frozen code (``first_edition``) writes and reads its rows. Times are seconds of the world: the
talk begins at 0, the old job stops at 80, the new one starts at 82, the gateway is replaced at 101,
and the speaker's page is loaded again at 111.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest

from connectors.amazon.ledger import from_item, head_item, to_item
from connectors.interfaces.positions import ShardPosition
from connectors.interfaces.shard_source import ShardRecord, StartAt, StartKind
from connectors.interfaces.speech_to_text import Word
from connectors.testing.words import write_silence, write_words
from pipelines.session.coverage import Coverage
from pipelines.session.outbox import coverage_of
from schemas.avro_codec import decode
from schemas.values import (
    SAMPLE_RATE_HZ,
    AudioChunk,
    ControlKind,
    EntryKind,
    LedgerEntry,
    Route,
    SessionControl,
)
from tests.contracts import first_edition
from tests.pipeline.world import CHUNK_SAMPLES, World, ms

pytestmark = pytest.mark.pipeline

TALK = "talk"
SHARD = "shardId-000000000000"
OLD_ROWS = (f"{SHARD}/0", f"{SHARD}/1")
CUT_SAMPLES = 3 * SAMPLE_RATE_HZ
CHUNK_BYTES = 2 * CHUNK_SAMPLES
CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE_HZ


def first_edition_entry(entry: LedgerEntry) -> LedgerEntry:
    """What today's code reads in the row that the first edition wrote of an entry."""
    return from_item(first_edition.written_entry(entry))


def cut(
    words: Iterable[Word],
    at: LedgerEntry | None,
    until_sample: int,
    *,
    epoch: int = 0,
    begins_at_s: float = 0.0,
) -> LedgerEntry:
    """The entry that a job of the first edition commits after ``at``, up to ``until_sample``."""
    goes_on = at is not None and at.epoch == epoch
    first, resume = (at.end_sample, at.resume_sample) if at and goes_on else (0, 0)
    mine = [
        word
        for word in words
        if resume <= word.start_s * SAMPLE_RATE_HZ and word.end_s * SAMPLE_RATE_HZ <= until_sample
    ]
    resume = round(mine[-1].end_s * SAMPLE_RATE_HZ) if mine else until_sample
    sequence = resume // CHUNK_SAMPLES
    entry = LedgerEntry(
        TALK,
        0 if at is None else at.number + 1,
        epoch,
        EntryKind.SPEECH if mine else EntryKind.SILENCE,
        first,
        until_sample,
        " ".join(word.text for word in mine),
        "en",
        ms(begins_at_s + first / SAMPLE_RATE_HZ),
        ms(begins_at_s + until_sample / SAMPLE_RATE_HZ + 0.4),
        "first edition",
        resume,
        sequence,
        sequence * CHUNK_SAMPLES,
    )
    return first_edition_entry(entry)


def put_entries(world: World, entries: Iterable[LedgerEntry]) -> None:
    for entry in entries:
        assert asyncio.run(world.ledger.commit(entry)) == entry


def put_positions(world: World, *numbers: str) -> None:
    """The rows that readers of the first edition wrote."""
    for reader, number in enumerate(numbers):
        position = ShardPosition(f"{SHARD}/{reader}", number, ms(80.0))
        row = first_edition.read_position(first_edition.written_position("test", position))
        asyncio.run(world.positions.save("test", (row,), 0))


def spoken(words: Iterable[Word]) -> list[str]:
    return [word.text for word in words]


class Upgrade:
    """A talk of 108 s under one streamId and of 15 s under the next, and what the old job did."""

    def __init__(self, *, upgrades_gateway: bool = True) -> None:
        world = self.world = World()
        self.pcm, self.words = write_words(0, 216, 0.4, 0.1)
        self.second_pcm, self.second_words = write_words(1_000, 30, 0.4, 0.1)
        self.second_pcm += write_silence(1.0)
        world.listen(TALK, 0.1, "es", revision=1)
        # A record of nobody's talk stands where the old job's position of a minute ago points to.
        world.at(19.0, lambda: self._save_positions(19.0))
        stored = round(99.0 / CHUNK_S)
        world.speak(TALK, self.pcm[: stored * CHUNK_BYTES], 0.0)
        world.control(TALK, ControlKind.MUTE, 60.0, after=200)
        world.control(TALK, ControlKind.UNMUTE, 60.1, after=200)
        if upgrades_gateway:
            self._opened(100.9, epoch=0, generation=1, after=stored - 9)
        # What was not acknowledged is sent again; the talk goes on 2.2 s later than it would have.
        again = stored - 4
        rest = self.pcm[again * CHUNK_BYTES :]
        world.speak(TALK, rest, 101.0, first_sequence=again)
        if upgrades_gateway:
            self._opened(111.0, epoch=1, generation=2, after=-1)
        last = world.speak(TALK, self.second_pcm, 111.1, epoch=1) - 1
        world.control(TALK, ControlKind.END, 128.5, epoch=1, after=last)
        self.old_entries: list[LedgerEntry] = []
        for until in range(CUT_SAMPLES, 79 * SAMPLE_RATE_HZ, CUT_SAMPLES):
            at = self.old_entries[-1] if self.old_entries else None
            self.old_entries.append(cut(self.words, at, until))
        # The last two were committed and not routed yet when the job stopped.
        self.old_entries[:-2] = [
            first_edition_entry(
                replace(entry, routes=(Route("es", entry.number - 1 if entry.number else None),))
            )
            for entry in self.old_entries[:-2]
        ]
        put_entries(world, self.old_entries)

    def _opened(self, at_s: float, *, epoch: int, generation: int, after: int) -> None:
        opened = SessionControl(
            TALK, epoch, after, 0, ControlKind.OPENED, ms(at_s), generation=generation
        )
        self.world.put(at_s, opened)

    def _save_positions(self, at_s: float) -> None:
        number = self.world.source.put("nobody", b"no record", ms(at_s)).sequence_number
        put_positions(self.world, number, str(int(number) + 9))

    @property
    def all_words(self) -> list[str]:
        return [*spoken(self.words), *spoken(self.second_words)]

    def all_entries(self) -> tuple[LedgerEntry, ...]:
        """With fences."""
        return asyncio.run(self.world.ledger.after(TALK, -1))

    def log(self) -> tuple[ShardRecord, ...]:
        """All records of the stream."""

        async def read() -> tuple[ShardRecord, ...]:
            source = self.world.source
            iterator = await source.iterator(SHARD, StartAt(StartKind.TRIM_HORIZON))
            return (await source.read(iterator, 10_000)).records

        return asyncio.run(read())


def assert_told_once(upgrade: Upgrade, from_number: int) -> None:
    """Listeners got each entry from a number on once, each with the one before it."""
    entries = [entry for entry in upgrade.world.entries(TALK) if entry.number >= from_number]
    messages = upgrade.world.messages(TALK, "es")
    assert sorted(int(str(each["sequenceNumber"])) for each in messages) == [
        entry.number for entry in entries if entry.kind is not EntryKind.SILENCE
    ]
    told = sorted(messages, key=lambda each: int(str(each["sequenceNumber"])))
    previous = [each["previousSequenceNumber"] for each in told]
    assert previous[1:] == [each["sequenceNumber"] for each in told[:-1]]


# Forward ----------------------------------------------------------------------------------------


def test_a_new_job_goes_on_where_the_first_edition_stopped() -> None:
    """Tables and stream of before, a gateway that counts no openings: every word once."""
    upgrade = Upgrade(upgrades_gateway=False)
    world, old = upgrade.world, upgrade.old_entries
    world.run(136.0, from_s=82.0, resume=True)
    assert world.words(TALK) == upgrade.all_words
    entries = upgrade.all_entries()
    assert [entry.number for entry in entries] == list(range(len(entries)))
    assert entries[: len(old)] == tuple(old)
    assert entries[len(old)].takeover == 1
    assert_told_once(upgrade, len(old))
    first = min(world.messages(TALK, "es"), key=lambda each: int(str(each["sequenceNumber"])))
    assert first["previousSequenceNumber"] == old[-3].number, "the last that was routed"


def test_a_gateway_that_counts_openings_follows_in_mid_talk() -> None:
    """The same stream is opened anew, then the page is loaded again."""
    upgrade = Upgrade()
    world = upgrade.world
    world.run(136.0, from_s=82.0, resume=True)
    assert world.words(TALK) == upgrade.all_words
    assert {entry.epoch for entry in world.entries(TALK)} == {0, 1}
    assert all(entry.kind is not EntryKind.GAP for entry in world.entries(TALK))
    assert_told_once(upgrade, len(upgrade.old_entries))


def test_a_chunk_that_the_first_edition_gave_up_by_the_clock_is_said_when_it_comes() -> None:
    """It had passed the hole after 35 s; the chunk comes when the new job reads."""
    world = World()
    pcm, words = write_words(0, 12, 0.4, 0.1)
    lost = 5
    world.speak(TALK, pcm, 0.0, late_by_s=lambda at: 80.0 if at == lost else 0.0)
    hole_sample = lost * CHUNK_SAMPLES
    before = cut(words, None, hole_sample)
    gap = replace(
        before,
        number=1,
        kind=EntryKind.GAP,
        text="",
        first_sample=hole_sample,
        resume_sample=hole_sample,
        resume_sequence=lost + 1,
        resume_sequence_sample=hole_sample,
        gap_from_sequence=lost,
        gap_until_sequence=lost + 1,
    )
    put_entries(world, [before, first_edition_entry(gap)])
    world.at(0.0, lambda: put_positions(world, f"@{ms(0.0)}"))
    world.control(TALK, ControlKind.END, 95.0, after=len(pcm) // CHUNK_BYTES)
    world.run(105.0, from_s=70.0, resume=True)
    late = [entry for entry in world.entries(TALK) if entry.epoch < 0]
    assert [(each.gap_from_sequence, each.gap_until_sequence) for each in late] == [(5, 6)]
    samples = sum(entry.end_sample - entry.first_sample for entry in world.entries(TALK))
    assert samples * 2 == len(pcm)


# Beside each other ------------------------------------------------------------------------------


def test_entries_of_an_old_job_that_was_not_stopped_are_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It knows no fences and writes under the numbers that the new job was about to take."""
    upgrade = Upgrade()
    world = upgrade.world
    commit = world.ledger.commit
    by_old_job: list[LedgerEntry] = []

    async def commit_second(entry: LedgerEntry) -> LedgerEntry:
        """Every third time the old job is first: it cuts at half."""
        entries = [each for each in await world.ledger.after(TALK, -1) if not each.takeover]
        at = entries[-1] if entries[-1].epoch == entry.epoch else None
        if (entry.takeover or entry.kind is EntryKind.SPEECH) and entry.number % 3 == 2:
            until = (at.end_sample if at else 0) + CUT_SAMPLES // 2
            words = upgrade.words if entry.epoch == 0 else upgrade.second_words
            theirs = replace(cut(words, at, until, epoch=entry.epoch), number=entry.number)
            by_old_job.append(await commit(theirs))
        return await commit(entry)

    monkeypatch.setattr(world.ledger, "commit", commit_second)
    world.run(136.0, from_s=82.0, resume=True)
    assert world.words(TALK) == upgrade.all_words
    numbers = [entry.number for entry in upgrade.all_entries()]
    assert numbers == list(range(len(numbers)))
    assert len(by_old_job) >= 4
    assert by_old_job[0].number == upgrade.old_entries[-1].number + 1, "where the fence was to be"
    mine = [each for each in world.entries(TALK) if each.writer != "first edition"]
    assert sorted(int(str(each)) for each in world.numbers(TALK, "es")) == [
        entry.number for entry in mine if entry.text
    ], "the old job tells its own"


# Back -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped() -> Upgrade:
    """The new job was stopped in mid-talk, to be rolled back. For reading."""
    upgrade = Upgrade()
    upgrade.world.run(119.0, from_s=82.0, resume=True)
    return upgrade


def test_the_first_edition_reads_what_its_successor_wrote(stopped: Upgrade) -> None:
    """Entries, fences, head, and records of the newer gateway."""
    upgrade, world = stopped, stopped.world
    entries = upgrade.all_entries()
    read = [first_edition.read_entry(to_item(entry)) for entry in entries]
    said = [word for entry in read for word in entry.text.split()]
    assert said == upgrade.all_words[: len(said)]
    assert len(said) > 216, "some of the second stream"
    (fence,) = (entry for entry in read if entries[entry.number].takeover)
    assert (fence.kind, fence.text, fence.routes) == (EntryKind.SILENCE, "", ())
    assert fence.first_sample == fence.end_sample == upgrade.old_entries[-1].end_sample
    head = asyncio.run(world.ledger.head(TALK))
    assert head is not None
    row = head_item(head, ms(119.0))
    assert int(row["sequenceNumber"]["N"]) < 0, "the old job asks for numbers from 0 on"
    with pytest.raises(KeyError):
        first_edition.read_entry(row)
    unknown = [
        decode(record.data)
        for record in upgrade.log()
        if record.partition_key == TALK and not first_edition.knows(record.data)
    ]
    assert len(unknown) == 2
    assert all(isinstance(each, SessionControl) and each.generation for each in unknown)


def test_a_first_edition_that_comes_back_has_everything_before_it_in_the_ledger(
    stopped: Upgrade,
) -> None:
    """Once the marks have passed the last ``opened`` record it meets none, and once the rows of
    before the upgrade are deleted it reads only what is not covered."""
    upgrade, world = stopped, stopped.world
    rows = asyncio.run(world.positions.load("test"))
    log = upgrade.log()
    (stale,) = [each for each in log if each.partition_key == "nobody"]
    assert first_edition.saved_position(rows, SHARD) == stale.sequence_number
    assert first_edition.read_through(rows, 0) > 0
    rows = {key: row for key, row in rows.items() if key not in OLD_ROWS}
    assert set(rows) == {f"{SHARD}/0-of-1"}
    start = int(first_edition.saved_position(rows, SHARD))
    assert first_edition.read_through(rows, 0) == 0, "nothing tells it to pass a hole"
    opened = [int(each.sequence_number) for each in log if not first_edition.knows(each.data)]
    assert max(opened) < start, "as the run-book waits for"
    # In front of it there is nothing that the ledger does not cover.
    read = [first_edition.read_entry(to_item(entry)) for entry in upgrade.all_entries()]
    covered = coverage_of(Coverage(), read)
    chunks = [
        (int(record.sequence_number), chunk)
        for record in log
        if record.partition_key == TALK and isinstance(chunk := decode(record.data), AudioChunk)
    ]
    before = [chunk for number, chunk in chunks if number <= start]
    assert len(before) > 400
    assert all(covered.covers_chunk(chunk.epoch, chunk.sequence) for chunk in before)
    assert (len(chunks) - len(before)) * CHUNK_S < 10.0, "it reads little again"


def test_after_a_rollback_the_upgrade_can_be_done_again() -> None:
    """Heads and marks of the first time are there still, entries of version 1 stand after them."""
    upgrade = Upgrade()
    world = upgrade.world
    world.run(119.0, from_s=82.0, resume=True)
    before = world.entries(TALK)
    told = len(world.messages(TALK, "es"))
    at, until = before[-1], CUT_SAMPLES
    while until < 13 * SAMPLE_RATE_HZ:
        if until > at.end_sample:
            at = cut(upgrade.second_words, at, until, epoch=1, begins_at_s=111.1)
            put_entries(world, [at])
        until += CUT_SAMPLES
    assert at.number >= before[-1].number + 2
    put_positions(world, "40")
    world.run(136.0, from_s=124.0, resume=True)
    assert world.words(TALK) == upgrade.all_words
    numbers = [int(str(each)) for each in world.numbers(TALK, "es")]
    assert min(numbers[told:]) > at.number, "nothing before is told again"
    assert asyncio.run(world.positions.load("test"))[f"{SHARD}/0"].sequence_number == "40"


# Raw PCM of the flow that was replaced ----------------------------------------------------------


def test_raw_pcm_is_covered_by_its_time_of_arrival() -> None:
    """Rows of the first edition name no record of it; their epoch was an arrival time."""
    world = World()
    pcm, words = write_words(0, 60, 0.4, 0.1)
    pcm += write_silence(1.0)
    world.at(0.0, lambda: put_positions(world, f"@{ms(0.0)}"))
    for session_id, end in ((TALK, len(pcm)), ("over", 10 * CHUNK_BYTES)):
        for number, start in enumerate(range(0, end, CHUNK_BYTES)):
            data = pcm[start : min(end, start + CHUNK_BYTES)]
            jitter_s = 0.02 if number % 5 == 3 else 0.0
            world.put_data(number * CHUNK_S + jitter_s, session_id, data)
    entries: list[LedgerEntry] = []
    for until in range(CUT_SAMPLES, 6 * CUT_SAMPLES, CUT_SAMPLES):
        entries.append(cut(words, entries[-1] if entries else None, until, epoch=ms(0.0)))
    put_entries(world, entries)
    over = cut(words, None, 10 * CHUNK_SAMPLES, epoch=ms(0.0))
    put_entries(world, [replace(over, session_id="over", resume_sample=over.end_sample)])
    world.run(45.0, from_s=17.0, resume=True, record_format="pcm")
    assert world.words(TALK) == spoken(words)
    assert [entry.version for entry in world.entries("over")] == [1]
    (row,) = (
        row
        for key, row in asyncio.run(world.positions.load("test")).items()
        if key.endswith("-of-1")
    )
    assert int(row.sequence_number) > len(pcm) // CHUNK_BYTES, "what is over keeps no mark back"
