"""The suite that every implementation of the session tables passes."""

from __future__ import annotations

import asyncio
import uuid
from abc import ABC, abstractmethod
from dataclasses import replace

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.interfaces.notifier import CAPTIONS_ONLY, INLINE_AUDIO, PARTIAL_CAPTIONS
from connectors.interfaces.session_tables import (
    ACTIVE,
    ENDED,
    PAUSED,
    SETTLED_AFTER_MS,
    ConnectionRow,
    CountChange,
    ListenerCounts,
    Progress,
    SessionChange,
    SessionRow,
    SessionTables,
    count_change,
)
from connectors.memory.session_tables import MemorySessionTables
from schemas.session_info import SessionInfo
from schemas.values import ListenerLanguages
from tests.settable_clock import T0_MS, SettableClock

pytestmark = pytest.mark.contract


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def session_id() -> str:
    return f"joyful-mountain-{uuid.uuid4().hex[:6]}"


def new_row(session_id: str) -> SessionRow:
    return SessionRow(
        SessionInfo(
            session_id=session_id,
            speaker_id="ada",
            source_language="en",
            target_languages=("es", "ca"),
            quality_tier="standard",
            status=ACTIVE,
            created_at_ms=T0_MS,
            extra={"kvsChannelName": "channel-1"},
        )
    )


def connection(
    session_id: str,
    name: str,
    language: str = "es",
    gateway_id: str = "gateway-1",
    capabilities: tuple[str, ...] = (INLINE_AUDIO,),
) -> ConnectionRow:
    return ConnectionRow(
        connection_id=f"{session_id}-{name}",
        session_id=session_id,
        language=language,
        gateway_id=gateway_id,
        connected_at_ms=T0_MS,
        expires_at_ms=T0_MS + 120_000,
        capabilities=capabilities,
    )


class SessionTablesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def tables(self) -> SessionTables: ...

    # Sessions

    async def test_a_session_is_found_as_it_was_created(
        self, tables: SessionTables, session_id: str
    ) -> None:
        row = replace(
            new_row(session_id), clock_offset_ms=-7, speaker_seen_at_ms=T0_MS + 1, volume=0.25
        )
        assert await tables.create(row)
        assert await tables.get(session_id) == row
        assert await tables.find(session_id) == row.info

    async def test_an_id_is_given_once(self, tables: SessionTables, session_id: str) -> None:
        await tables.create(new_row(session_id))
        other = replace(new_row(session_id), volume=0.1)
        assert not await tables.create(other)
        assert await tables.get(session_id) == new_row(session_id)

    async def test_an_unknown_session_is_nothing(
        self, tables: SessionTables, session_id: str
    ) -> None:
        assert await tables.get(session_id) is None
        assert await tables.find(session_id) is None
        assert await tables.end(session_id, T0_MS) is None
        assert await tables.change(session_id, SessionChange(muted=True)) is None
        assert await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS) is None
        assert await tables.get(session_id) is None

    async def test_changes_touch_what_they_name(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        paused = await tables.change(session_id, SessionChange(status=PAUSED, volume=0.5))
        assert paused is not None
        assert (paused.info.status, paused.volume, paused.muted) == (PAUSED, 0.5, False)
        muted = await tables.change(session_id, SessionChange(muted=True, target_languages=("fr",)))
        assert muted is not None
        assert (muted.info.status, muted.volume, muted.muted) == (PAUSED, 0.5, True)
        assert muted.info.target_languages == ("fr",)
        assert await tables.change(session_id, SessionChange()) == muted
        assert await tables.get(session_id) == muted

    async def test_a_session_ends_once_and_for_good(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.create(new_row(session_id))
        await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS)
        ended = await tables.end(session_id, T0_MS + 77)
        assert ended is not None
        assert (ended.info.status, ended.info.ended_at_ms) == (ENDED, T0_MS + 77)
        assert await tables.end(session_id, T0_MS + 88) is None
        assert await tables.change(session_id, SessionChange(status=ACTIVE)) is None
        assert await tables.change(session_id, SessionChange()) is None
        assert await tables.open_stream(session_id, "ada", "s1", "c1", T0_MS) is None
        assert not await tables.save_progress(Progress(session_id, 0, 5, None, T0_MS, 1))
        assert await tables.get(session_id) == ended

    async def test_what_listeners_say_is_counted_beside_them(
        self, tables: SessionTables, session_id: str
    ) -> None:
        await tables.count_listeners(session_id, CountChange({"es": 1}), T0_MS)
        said = CountChange(feedback={"cannotHear": 1})
        await tables.count_listeners(session_id, said, T0_MS + 1)
        counts = await tables.count_listeners(session_id, said, T0_MS + 2)
        assert (dict(counts.feedback), counts.languages) == ({"cannotHear": 2}, ("es",))
        assert not counts.begins_or_ends(said)
        mended = await tables.mend_listener_counts(
            session_id, counts, ListenerCounts({"fr": 1}), T0_MS + 3
        )
        assert mended is not None
        assert (dict(mended.feedback), mended.languages) == ({"cannotHear": 2}, ("fr",))
        assert await tables.listener_counts(session_id) == mended

    async def test_live_sessions_are_those_not_ended(
        self, tables: SessionTables, session_id: str
    ) -> None:
        for name in ("a", "b", "c"):
            await tables.create(new_row(f"{session_id}-{name}"))
        await tables.end(f"{session_id}-b", T0_MS)
        await tables.change(f"{session_id}-c", SessionChange(status=PAUSED))
        live = {row.session_id: row.info.status for row in await tables.live_sessions()}
        assert live == {f"{session_id}-a": ACTIVE, f"{session_id}-c": PAUSED}

    # Connections

    async def test_connections_of_a_session_leave_out_the_expired_and_other_sessions(
        self, tables: SessionTables, session_id: str
    ) -> None:
        kept = connection(session_id, "kept")
        late = replace(connection(session_id, "late", "ca"), expires_at_ms=T0_MS + 500)
        for row in (kept, late, connection(f"{session_id}-other", "far")):
            await tables.add_connection(row)
        found = await tables.connections(session_id, T0_MS + 499)
        assert sorted(found, key=lambda row: row.connection_id) == [kept, late]
        assert await tables.connections(session_id, T0_MS + 500) == (kept,)

    async def test_a_connection_is_replaced_and_removed_once(
        self, tables: SessionTables, session_id: str
    ) -> None:
        row = connection(session_id, "a")
        await tables.add_connection(row)
        await tables.add_connection(replace(row, language="fr"))
        assert await tables.connections(session_id, T0_MS) == (replace(row, language="fr"),)
        removed = await tables.remove_connection(row.connection_id)
        assert removed == replace(row, language="fr")
        assert not await tables.remove_connection(row.connection_id)
        assert await tables.connections(session_id, T0_MS) == ()

    async def test_losing_brings_the_expiry_forward_and_never_puts_it_off(
        self, tables: SessionTables, session_id: str
    ) -> None:
        row = connection(session_id, "a")
        await tables.add_connection(row)
        name, at_ms = row.connection_id, row.expires_at_ms
        await tables.lose_connection(name, at_ms + 1)
        assert await tables.connections(session_id, T0_MS) == (row,)
        await tables.lose_connection(name, at_ms - 1)
        await tables.lose_connection(name, at_ms)
        lost = replace(row, expires_at_ms=at_ms - 1)
        assert await tables.connections(session_id, T0_MS) == (lost,)
        assert await tables.remove_connection(name) == lost
        await tables.lose_connection(name, at_ms - 2)
        assert await tables.connections(session_id, T0_MS) == ()

    async def test_keeping_puts_off_the_expiry_but_revives_nobody(
        self, tables: SessionTables, session_id: str
    ) -> None:
        row = connection(session_id, "a")
        await tables.add_connection(row)
        assert await tables.keep_connection(row.connection_id, T0_MS + 300_000)
        assert await tables.connections(session_id, T0_MS + 200_000) == (
            replace(row, expires_at_ms=T0_MS + 300_000),
        )
        await tables.remove_connection(row.connection_id)
        assert not await tables.keep_connection(row.connection_id, T0_MS + 400_000)
        assert await tables.connections(session_id, T0_MS) == ()

    async def test_a_gateway_finds_what_it_left(
        self, tables: SessionTables, session_id: str
    ) -> None:
        mine = replace(connection(session_id, "mine"), expires_at_ms=T0_MS - 1)
        await tables.add_connection(mine)
        await tables.add_connection(connection(session_id, "other", gateway_id="gateway-2"))
        assert await tables.connections_of_gateway("gateway-1") == (mine,)

    # Listeners

    async def test_counts_and_revision_change_together(
        self, tables: SessionTables, session_id: str
    ) -> None:
        assert await tables.listener_counts(session_id) == ListenerCounts()
        seen = [
            await tables.count_listeners(session_id, CountChange(changes), T0_MS)
            for changes in ({"es": 1}, {"es": 1}, {"pt-BR": 1, "es": -1}, {"es": -1})
        ]
        assert seen == [
            ListenerCounts({"es": 1}, 0),
            ListenerCounts({"es": 2}, 1),
            ListenerCounts({"es": 1, "pt-BR": 1}, 2),
            ListenerCounts({"pt-BR": 1}, 3),
        ]
        assert await tables.listener_counts(session_id) == seen[-1]
        assert await tables.listeners(session_id) == ListenerLanguages(("pt-BR",), 3)

    async def test_joins_at_once_are_all_counted_each_at_its_own_revision(
        self, tables: SessionTables, session_id: str
    ) -> None:
        counts = await asyncio.gather(
            *(tables.count_listeners(session_id, CountChange({"es": 1}), T0_MS) for _ in range(20))
        )
        pairs = sorted((one.revision, one.by_language["es"]) for one in counts)
        assert pairs == [(n, n + 1) for n in range(20)]

    async def test_an_unknown_session_has_no_listeners_at_revision_minus_one(
        self, tables: SessionTables, session_id: str
    ) -> None:
        assert await tables.listeners(session_id) == ListenerLanguages((), -1)

    async def test_mending_replaces_what_was_seen_and_nothing_newer(
        self, tables: SessionTables, session_id: str
    ) -> None:
        seen = await tables.count_listeners(session_id, CountChange({"es": 1, "ca": 1}), T0_MS)
        mended = await tables.mend_listener_counts(
            session_id, seen, ListenerCounts({"fr": 2}), T0_MS
        )
        assert mended == ListenerCounts({"fr": 2}, 1)
        late = ListenerCounts({"es": 9})
        assert await tables.mend_listener_counts(session_id, seen, late, T0_MS) is None
        assert await tables.listener_counts(session_id) == mended
        counted = await tables.count_listeners(session_id, CountChange({"es": 1}), T0_MS)
        assert counted == ListenerCounts({"fr": 2, "es": 1}, 2)

    async def test_a_counter_nobody_wrote_can_be_mended(
        self, tables: SessionTables, session_id: str
    ) -> None:
        mended = await tables.mend_listener_counts(
            session_id, ListenerCounts(), ListenerCounts({"es": 1}), T0_MS
        )
        assert mended == ListenerCounts({"es": 1}, 0)

    async def test_a_dead_gateways_listeners_are_counted_out_once_settled(
        self, tables: SessionTables, session_id: str, clock: SettableClock
    ) -> None:
        await tables.add_connection(connection(session_id, "alive", "es"))
        await tables.count_listeners(
            session_id, CountChange({"es": 1, "fr": 1}), T0_MS
        )  # fr: died uncounted
        clock.now_ms = T0_MS + SETTLED_AFTER_MS - 1
        assert await tables.listeners(session_id) == ListenerLanguages(("es", "fr"), 0)
        clock.now_ms = T0_MS + SETTLED_AFTER_MS
        assert await tables.listeners(session_id) == ListenerLanguages(("es",), 1)
        assert await tables.listener_counts(session_id) == ListenerCounts({"es": 1}, 1)

    async def test_who_asked_for_partial_captions_is_counted_beside_who_listens(
        self, tables: SessionTables, session_id: str
    ) -> None:
        changes = (
            CountChange({"es": 1}, {"es": 1}),
            CountChange({"es": 1}),
            CountChange({"es": -1, "ca": 1}, {"es": -1, "ca": 1}),
            CountChange({}, {"ca": -1}),
        )
        seen = [await tables.count_listeners(session_id, each, T0_MS) for each in changes]
        assert seen == [
            ListenerCounts({"es": 1}, 0, {"es": 1}),
            ListenerCounts({"es": 2}, 1, {"es": 1}),
            ListenerCounts({"es": 1, "ca": 1}, 2, {"ca": 1}),
            ListenerCounts({"es": 1, "ca": 1}, 3, {}),
        ]
        mended = await tables.mend_listener_counts(
            session_id, seen[-1], ListenerCounts({"es": 1}, partials={"es": 1}), T0_MS
        )
        assert mended == ListenerCounts({"es": 1}, 4, {"es": 1})
        assert await tables.listeners(session_id) == ListenerLanguages(("es",), 4, ("es",))

    async def test_who_wants_captions_only_is_counted_beside_who_listens(
        self, tables: SessionTables, session_id: str
    ) -> None:
        """A language is not voiced while all its listeners only read."""
        reader = connection(session_id, "reader", capabilities=(CAPTIONS_ONLY,))
        hearer = connection(session_id, "hearer")
        changes = [
            count_change(None, reader),
            count_change(None, hearer),
            count_change(None, replace(reader, connection_id="second")),
            count_change(hearer, None),
        ]
        seen = [await tables.count_listeners(session_id, change, T0_MS) for change in changes]
        assert [counts.caption_languages for counts in seen] == [("es",), (), (), ("es",)]
        turned = [
            counts.begins_or_ends(change) for counts, change in zip(seen, changes, strict=True)
        ]
        assert turned == [True, True, False, True]
        assert await tables.listener_counts(session_id) == seen[-1]
        nobody = ListenerCounts({"es": 2})
        mended = await tables.mend_listener_counts(session_id, seen[-1], nobody, T0_MS)
        assert mended is not None
        assert mended.caption_languages == ()

    async def test_partial_captions_that_nobody_asks_for_any_more_are_mended_away(
        self, tables: SessionTables, session_id: str, clock: SettableClock
    ) -> None:
        """The same language is still heard: only what was asked for differs."""
        await tables.add_connection(connection(session_id, "alive"))
        both = CountChange({"es": 2}, {"es": 1})  # the other one died uncounted
        await tables.count_listeners(session_id, both, T0_MS)
        clock.now_ms = T0_MS + SETTLED_AFTER_MS
        assert await tables.listeners(session_id) == ListenerLanguages(("es",), 1, ())

    async def test_asking_for_partial_captions_is_mended_in(
        self, tables: SessionTables, session_id: str, clock: SettableClock
    ) -> None:
        eager = connection(session_id, "eager", capabilities=(PARTIAL_CAPTIONS,))
        await tables.add_connection(eager)
        await tables.count_listeners(session_id, CountChange({"es": 1}), T0_MS)
        clock.now_ms = T0_MS + SETTLED_AFTER_MS
        assert await tables.listeners(session_id) == ListenerLanguages(("es",), 1, ("es",))

    # Rates

    async def test_requests_are_counted_by_key(
        self, tables: SessionTables, session_id: str
    ) -> None:
        key, other = f"join:{session_id}:1", f"join:{session_id}:2"
        counts = [await tables.count_request(key, T0_MS + 60_000) for _ in range(3)]
        assert counts == [1, 2, 3]
        assert await tables.count_request(other, T0_MS + 60_000) == 1


class TestMemorySessionTables(SessionTablesContract):
    @pytest.fixture
    def tables(self, clock: SettableClock) -> SessionTables:
        return MemorySessionTables(clock)


class TestAmazonSessionTables(SessionTablesContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("sessions_table", "connections_table", "rate_limits_table", "listener_counts_table")

    @pytest.fixture
    def tables(self, aws_clients: AwsClients, clock: SettableClock) -> SessionTables:
        return AmazonSessionTables(aws_clients, clock)
