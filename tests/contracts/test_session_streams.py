"""A session's streams: the suite that every implementation of the session tables passes, and rows
that gateways of before openings were counted write beside those of today."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.interfaces.session_tables import (
    MOST_STREAMS,
    KnownStream,
    Progress,
    SessionChange,
    SessionTables,
)
from connectors.memory.session_tables import MemorySessionTables
from tests.contracts.gateway_of_before import GatewayOfBefore
from tests.contracts.test_session_tables import new_row
from tests.settable_clock import T0_MS, SettableClock

pytestmark = pytest.mark.contract


@pytest.fixture
def session_id() -> str:
    return f"joyful-mountain-{uuid.uuid4().hex[:6]}"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


class SessionStreamsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def tables(self) -> SessionTables: ...

    async def test_each_new_stream_counts_the_epoch_up_and_a_known_one_keeps_its_own(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        epochs: list[int] = []
        for stream in ("s1", "s1", "s2", "s2", "s1"):
            row = await tables.open_stream(session_id, "ada", stream, "c1", T0_MS + 5)
            assert row is not None
            assert (row.stream_id, row.speaker_seen_at_ms) == (stream, T0_MS + 5)
            epochs.append(row.epoch)
        assert epochs == [0, 0, 1, 1, 0]

    async def test_who_saves_learns_what_was_changed_elsewhere(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        for muted in (True, False):
            await tables.change(session_id, SessionChange(muted=muted, volume=0.5))
            for sequence in (7, 3):  # the second is behind what is known
                saved = await tables.save_progress(
                    Progress(session_id, 0, sequence, None, T0_MS + 9, 1)
                )
                assert saved is not None
                assert (saved.muted, saved.volume, saved.durable_sequence) == (muted, 0.5, 7)

    async def test_the_same_stream_goes_on_where_it_was_and_a_new_one_begins(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        await tables.save_progress(Progress(session_id, 0, 41, -1500, T0_MS + 9, 1))
        same = await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS + 10)
        assert same is not None
        assert (same.durable_sequence, same.clock_offset_ms) == (41, -1500)
        new = await tables.open_stream(session_id, "ada", "s2", "c2", T0_MS + 11)
        assert new is not None
        assert (new.durable_sequence, new.clock_offset_ms, new.epoch) == (-1, None, 1)
        assert await tables.get(session_id) == new

    async def test_a_stream_that_comes_back_goes_on_in_its_own_epoch(
        self, tables: SessionTables, session_id: str
    ) -> None:
        """A chunk's (epoch, sequence) never names the chunk of another stream."""
        await tables.create(new_row(session_id))
        for number, stream in enumerate(("s1", "s2", "s3")):
            opened = await tables.open_stream(session_id, "ada", stream, "c1", T0_MS)
            assert opened is not None
            progress = Progress(session_id, number, 10 + number, 5, T0_MS + 1, number + 1)
            assert await tables.save_progress(progress)
        back = await tables.open_stream(session_id, "ada", "s1", "c4", T0_MS + 2)
        assert back is not None
        assert (back.stream_id, back.epoch, back.durable_sequence) == ("s1", 0, 10)
        assert back.clock_offset_ms is None  # the speaker's clock is measured anew
        assert await tables.save_progress(Progress(session_id, 0, 25, -7, T0_MS + 3, 4))
        assert await tables.save_progress(Progress(session_id, 0, 24, -8, T0_MS + 4, 4))
        row = await tables.get(session_id)
        assert row is not None
        assert (row.epoch, row.durable_sequence, row.clock_offset_ms) == (0, 25, -7)
        assert row.speaker_seen_at_ms == T0_MS + 3
        assert row.earlier == (KnownStream("s2", 1, 11), KnownStream("s3", 2, 12))
        new = await tables.open_stream(session_id, "ada", "s4", "c5", T0_MS)
        assert new is not None
        assert (new.epoch, new.durable_sequence) == (3, -1)
        assert new.earlier == (*row.earlier, KnownStream("s1", 0, 25))
        assert await tables.get(session_id) == new

    async def test_a_stream_that_was_forgotten_gets_a_new_epoch(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        for number in range(MOST_STREAMS + 1):
            await tables.open_stream(session_id, "ada", f"s{number}", "c1", T0_MS)
        known = await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        forgotten = await tables.open_stream(session_id, "ada", "s0", "c1", T0_MS)
        assert known is not None
        assert forgotten is not None
        assert (known.epoch, forgotten.epoch) == (1, MOST_STREAMS + 1)
        assert len(forgotten.known) == MOST_STREAMS
        assert await tables.get(session_id) == forgotten

    # Who owns a session's audio

    async def test_each_opening_counts_the_generation_up(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        generations: list[int] = []
        for stream in ("s1", "s1", "s2", "s1"):
            row = await tables.open_stream(session_id, "ada", stream, "c1", T0_MS)
            assert row is not None
            generations.append(row.generation)
        assert generations == [1, 2, 3, 4]

    async def test_progress_of_an_earlier_opening_is_refused(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        row = await tables.open_stream(session_id, "ada", "s1", "c2", T0_MS)
        assert not await tables.save_progress(Progress(session_id, 0, 10, 3, T0_MS + 1, 1))
        assert not await tables.save_progress(Progress(session_id, 0, 10, 3, T0_MS + 1, 3))
        assert not await tables.save_progress(Progress(session_id, 0, 10, 3, T0_MS + 1))
        assert await tables.get(session_id) == row
        assert await tables.save_progress(Progress(session_id, 0, 10, 3, T0_MS + 1, 2))
        assert not await tables.save_progress(Progress("no-such", 0, 10, 3, T0_MS + 1, 2))

    async def test_only_the_owner_declares_a_gap(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        await tables.save_progress(Progress(session_id, 0, 10, 3, T0_MS + 1, 1))
        assert await tables.declare_gap(session_id, 1, 0, 14)
        row = await tables.open_stream(session_id, "ada", "s1", "c2", T0_MS)
        assert row is not None
        assert row.durable_sequence == 13
        assert not await tables.declare_gap(session_id, 1, 0, 20)
        assert not await tables.declare_gap("no-such", 1, 0, 20)
        assert await tables.get(session_id) == row
        assert await tables.declare_gap(session_id, 2, 0, 14)
        assert await tables.declare_gap(session_id, 2, 0, 5)
        assert await tables.get(session_id) == row

    async def test_a_gap_of_an_earlier_stream_is_declared_by_the_owner_of_the_session(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        await tables.open_stream(session_id, "ada", "s2", "c2", T0_MS)
        assert await tables.declare_gap(session_id, 2, 0, 8)
        assert await tables.declare_gap(session_id, 2, 7, 8)  # of a stream that nobody knows
        back = await tables.open_stream(session_id, "ada", "s1", "c3", T0_MS)
        assert back is not None
        assert (back.epoch, back.durable_sequence) == (0, 7)
        assert back.earlier == (KnownStream("s2", 1, -1),)

    async def test_after_the_end_nothing_is_written_and_only_the_last_owner_may_declare(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        await tables.open_stream(session_id, "ada", "s1", "c2", T0_MS)
        ended = await tables.end(session_id, T0_MS)
        assert await tables.declare_gap(session_id, 2, 0, 20)
        assert not await tables.declare_gap(session_id, 1, 0, 20)
        assert not await tables.save_progress(Progress(session_id, 0, 5, None, T0_MS, 2))
        assert await tables.get(session_id) == ended

    async def test_openings_progress_and_gaps_at_once_leave_each_other_whole(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s0", "c0", T0_MS)
        opening = [
            tables.open_stream(session_id, "ada", f"s{n % 3}", f"c{n}", T0_MS) for n in range(6)
        ]
        saving = [
            tables.save_progress(Progress(session_id, 0, 10 + n, 1, T0_MS, n + 1)) for n in range(6)
        ]
        declaring = [tables.declare_gap(session_id, n + 1, 1, 30 + n) for n in range(6)]
        rows, _, _ = await asyncio.gather(
            asyncio.gather(*opening), asyncio.gather(*saving), asyncio.gather(*declaring)
        )
        opened = [row for row in rows if row is not None]
        assert sorted(row.generation for row in opened) == [2, 3, 4, 5, 6, 7]
        assert len({(row.stream_id, row.epoch) for row in opened}) == 3
        last = await tables.get(session_id)
        assert last is not None
        assert last.generation == 7
        assert {stream.stream_id for stream in last.known} == {"s0", "s1", "s2"}
        assert len({stream.epoch for stream in last.known}) == 3

    async def test_nobody_else_opens_a_stream(self, tables: SessionTables, session_id: str) -> None:
        await tables.create(new_row(session_id))
        assert await tables.open_stream(session_id, "eve", "s1", "c9", T0_MS) is None
        row = await tables.get(session_id)
        assert row is not None
        assert row.epoch == -1

    async def test_of_streams_opened_at_once_each_gets_its_own_epoch(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        rows = await asyncio.gather(
            *(tables.open_stream(session_id, "ada", f"s{n}", "c1", T0_MS) for n in range(5))
        )
        assert sorted(row.epoch for row in rows if row is not None) == [0, 1, 2, 3, 4]

    async def test_the_speaker_is_where_it_joined_last(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        found: list[str | None] = []
        for stream, connection_id in (("s1", "c1"), ("s1", "c2"), ("s2", "c3")):
            await tables.open_stream(session_id, "ada", stream, connection_id, T0_MS)
            row = await tables.get(session_id)
            assert row is not None
            found.append(row.speaker_connection_id)
        assert found == ["c1", "c2", "c3"]

    async def test_progress_never_goes_back_and_never_crosses_epochs(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        for progress in (
            Progress(session_id, 0, 10, 3, T0_MS + 10, 1),
            Progress(session_id, 0, 9, 4, T0_MS + 20, 1),
            Progress(session_id, 1, 99, 5, T0_MS + 30, 1),
        ):
            assert await tables.save_progress(progress)
        row = await tables.get(session_id)
        assert row is not None
        assert (row.durable_sequence, row.clock_offset_ms) == (10, 3)
        assert row.speaker_seen_at_ms == T0_MS + 10


class TestMemorySessionStreams(SessionStreamsContract):
    @pytest.fixture
    def tables(self, clock: SettableClock) -> SessionTables:
        return MemorySessionTables(clock)


class TestAmazonSessionStreams(SessionStreamsContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("sessions_table",)

    @pytest.fixture
    def tables(self, aws_clients: AwsClients, clock: SettableClock) -> SessionTables:
        return AmazonSessionTables(aws_clients, clock)

    # Gateways of before openings were counted (9bc5d6e), during a rolling update

    async def test_a_row_of_before_is_read_and_goes_on(
        self, aws_clients: AwsClients, tables: SessionTables, session_id: str
    ) -> None:
        before = GatewayOfBefore(aws_clients, session_id)
        await tables.create(new_row(session_id))
        await before.open_stream("s1", "c1")
        await before.save_progress(0, 12)
        row = await tables.get(session_id)
        assert row is not None
        assert (row.stream_id, row.epoch, row.durable_sequence) == ("s1", 0, 12)
        assert (row.generation, row.earlier) == (0, ())
        assert await tables.save_progress(Progress(session_id, 0, 14, -5, T0_MS))
        assert await tables.declare_gap(session_id, 0, 0, 17)
        row = await tables.open_stream(session_id, "ada", "s1", "c2", T0_MS)
        assert row is not None
        assert (row.epoch, row.durable_sequence, row.generation) == (0, 16, 1)
        assert row.clock_offset_ms == -5
        assert not await tables.save_progress(Progress(session_id, 0, 20, None, T0_MS))
        assert not await tables.declare_gap(session_id, 0, 0, 21)

    async def test_an_opening_that_was_not_counted_takes_the_session_from_its_owner(
        self, aws_clients: AwsClients, tables: SessionTables, session_id: str
    ) -> None:
        before = GatewayOfBefore(aws_clients, session_id)
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        await tables.save_progress(Progress(session_id, 0, 5, None, T0_MS, 1))
        await before.open_stream("s1", "c2")
        assert not await tables.save_progress(Progress(session_id, 0, 6, None, T0_MS, 1))
        assert not await tables.declare_gap(session_id, 1, 0, 9)
        await before.save_progress(0, 7)
        row = await tables.get(session_id)
        assert row is not None
        assert (row.epoch, row.durable_sequence, row.generation) == (0, 7, 0)
        row = await tables.open_stream(session_id, "ada", "s1", "c3", T0_MS)
        assert row is not None
        assert (row.epoch, row.durable_sequence, row.generation) == (0, 7, 2)

    async def test_no_two_streams_share_an_epoch_whichever_gateway_opens_them(
        self, aws_clients: AwsClients, tables: SessionTables, session_id: str
    ) -> None:
        """One of before does not know earlier streams: it gives one that comes back a new epoch."""
        before = GatewayOfBefore(aws_clients, session_id)
        await tables.create(new_row(session_id))
        names: dict[int, str] = {}
        for number, (who, stream) in enumerate(
            [
                *((tables, "s1"), (tables, "s2"), (tables, "s1"), (before, "s1"), (tables, "s2")),
                *((before, "s3"), (tables, "s1"), (before, "s1"), (tables, "s3"), (before, "s2")),
                *((tables, "s1"), (tables, "s2"), (tables, "s4"), (before, "s1"), (tables, "s1")),
            ]
        ):
            connection_id = f"c{number}"
            if isinstance(who, GatewayOfBefore):
                epoch = await who.open_stream(stream, connection_id)
            else:
                row = await who.open_stream(session_id, "ada", stream, connection_id, T0_MS)
                assert row is not None
                epoch = row.epoch
            assert names.setdefault(epoch, stream) == stream
            found = await tables.get(session_id)
            assert found is not None
            assert (found.stream_id, found.epoch) == (stream, epoch)
            assert len({each.epoch for each in found.known}) == len(found.known)
        last = await tables.get(session_id)
        assert last is not None
        assert last.generation == 10

    async def test_progress_of_before_on_the_newest_stream_leaves_an_earlier_one_alone(
        self, aws_clients: AwsClients, tables: SessionTables, session_id: str
    ) -> None:
        before = GatewayOfBefore(aws_clients, session_id)
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        await before.open_stream("s2", "c2")
        back = await tables.open_stream(session_id, "ada", "s1", "c3", T0_MS)
        assert back is not None
        assert (back.epoch, back.durable_sequence) == (0, -1)
        await before.save_progress(1, 40)
        row = await tables.get(session_id)
        assert row is not None
        assert (row.epoch, row.durable_sequence) == (0, -1)
        assert row.earlier == (KnownStream("s2", 1, 40),)
