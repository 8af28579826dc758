"""The suite every ledger passes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.cost.ledger import UNIT_BYTES, stored_bytes
from benchmarks.overhead.stand_ins import ShortLedger
from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger, from_item, to_item
from connectors.interfaces.errors import NoEntryError
from connectors.interfaces.ledger import Ledger
from connectors.memory.ledger import MemoryLedger
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, LedgerHead, Release, Route
from tests.contracts import first_edition

pytestmark = pytest.mark.contract

SESSION = "joyful-mountain-789"


def entry(number: int, *, session_id: str = SESSION, writer: str = "first") -> LedgerEntry:
    return LedgerEntry(
        session_id=session_id,
        number=number,
        epoch=2,
        kind=EntryKind.SPEECH,
        first_sample=48_000 * number,
        end_sample=48_000 * (number + 1),
        text="así es",
        language="en",
        captured_at_ms=1_790_000_000_000 + 3_000 * number,
        committed_at_ms=1_790_000_004_000 + 3_000 * number,
        writer=writer,
        resume_sample=48_000 * number + 40_000,
        resume_sequence=12 * number + 10,
        resume_sequence_sample=48_000 * number + 39_000,
    )


SPANISH = FixedOutcome("es", "así es", None, 1_790_000_004_500)
CATALAN = FixedOutcome("ca", "", "failed", 1_790_000_004_700)
HEAD = LedgerHead(SESSION, 4, '{"0":[0,240000]}')


def fence(number: int, *, takeover: int) -> LedgerEntry:
    first_sample = entry(number).first_sample
    return replace(
        entry(number, writer="successor"),
        kind=EntryKind.SILENCE,
        text="",
        end_sample=first_sample,
        routes=(),
        takeover=takeover,
    )


class LedgerContract(ABC):
    @pytest.fixture
    @abstractmethod
    def ledger(self) -> Ledger: ...

    async def test_a_free_number_is_the_writers(self, ledger: Ledger) -> None:
        assert await ledger.commit(entry(0)) == entry(0)
        assert await ledger.after(SESSION, -1) == (entry(0),)

    async def test_a_taken_number_keeps_the_first_write(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0, writer="first"))
        late = replace(entry(0, writer="second"), text="other", end_sample=16_000)
        assert await ledger.commit(late) == entry(0, writer="first")
        assert await ledger.last(SESSION) == entry(0, writer="first")

    async def test_committing_again_is_no_loss(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0))
        assert await ledger.commit(entry(0)) == entry(0)

    async def test_of_writers_at_once_exactly_one_wins(self, ledger: Ledger) -> None:
        writers = [f"writer-{index}" for index in range(20)]
        stands = await asyncio.gather(
            *(ledger.commit(entry(5, writer=writer)) for writer in writers)
        )
        winners = {stood.writer for stood in stands}
        assert len(winners) == 1
        assert winners <= set(writers)
        assert (await ledger.after(SESSION, -1))[0].writer in winners

    async def test_everything_of_an_entry_comes_back(self, ledger: Ledger) -> None:
        routed = replace(entry(1), routes=(Route("es", None), Route("ca", 0)))
        silence = replace(entry(2), kind=EntryKind.SILENCE, text="", routes=())
        gap = replace(
            entry(3),
            kind=EntryKind.GAP,
            text="",
            end_sample=entry(3).first_sample,
            gap_from_sequence=36,
            gap_until_sequence=40,
        )
        said = replace(entry(4), sentence=7, ends_sentence=True)
        for written in (routed, silence, gap, said):
            await ledger.commit(written)
        assert await ledger.after(SESSION, 0) == (routed, silence, gap, said)

    async def test_releases_of_a_sentence_come_back(self, ledger: Ledger) -> None:
        await ledger.commit(replace(entry(0), sentence=0))
        waits = Release(0, False, "", 0, 1_790_000_000_000, None)
        voiced = Release(3, True, "así es", 0, 1_790_000_000_000, 4, catches_up=True)
        for language, release in (("es", waits), ("ca", voiced)):
            outcome = FixedOutcome(language, " es", None, 1_790_000_004_500, release)
            assert await ledger.fix(SESSION, 0, outcome) == outcome
        (found,) = await ledger.after(SESSION, -1)
        assert [each.release for each in found.outcomes] == [voiced, waits]

    async def test_entries_come_in_the_order_of_their_numbers(self, ledger: Ledger) -> None:
        for number in (10, 2, 0, 9, 1):
            await ledger.commit(entry(number))
        await ledger.commit(entry(3, session_id="other-river-1"))
        assert [found.number for found in await ledger.after(SESSION, 1)] == [2, 9, 10]
        assert await ledger.last(SESSION) == entry(10)

    async def test_a_long_session_comes_whole(self, ledger: Ledger) -> None:
        """More than one page: DynamoDB answers with 1 MB at a time."""
        long_text = "x" * 30_000
        written = tuple(replace(entry(number), text=long_text) for number in range(60))
        await asyncio.gather(*(ledger.commit(one) for one in written))
        assert await ledger.after(SESSION, -1) == written

    async def test_an_unknown_session_is_empty(self, ledger: Ledger) -> None:
        assert await ledger.after("nobody-1", -1) == ()
        assert await ledger.last("nobody-1") is None

    async def test_what_a_fence_and_raw_audio_need_comes_back(self, ledger: Ledger) -> None:
        raw = replace(entry(0), resume_record="4957" * 14)
        await ledger.commit(raw)
        await ledger.commit(fence(1, takeover=3))
        assert await ledger.after(SESSION, -1) == (raw, fence(1, takeover=3))

    async def test_a_former_owner_meets_the_fence_under_its_next_number(
        self, ledger: Ledger
    ) -> None:
        await ledger.commit(entry(0))
        await ledger.commit(fence(1, takeover=2))
        assert await ledger.commit(entry(1)) == fence(1, takeover=2)
        assert await ledger.last(SESSION) == fence(1, takeover=2)

    async def test_outcomes_are_not_committed(self, ledger: Ledger) -> None:
        assert await ledger.commit(replace(entry(0), outcomes=(SPANISH,))) == entry(0)
        assert await ledger.last(SESSION) == entry(0)

    async def test_an_outcome_is_fixed_once(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0))
        assert await ledger.fix(SESSION, 0, SPANISH) == SPANISH
        other = replace(SPANISH, text="otra cosa", skipped="late", fixed_at_ms=1)
        assert await ledger.fix(SESSION, 0, other) == SPANISH
        assert await ledger.after(SESSION, -1) == (replace(entry(0), outcomes=(SPANISH,)),)

    async def test_fixing_again_is_no_loss(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0))
        await ledger.fix(SESSION, 0, SPANISH)
        assert await ledger.fix(SESSION, 0, SPANISH) == SPANISH

    async def test_of_outcomes_at_once_exactly_one_is_fixed(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0))
        texts = [f"text {number}" for number in range(20)]
        stands = await asyncio.gather(
            *(ledger.fix(SESSION, 0, replace(SPANISH, text=text)) for text in texts)
        )
        assert len({stood.text for stood in stands}) == 1
        (found,) = await ledger.after(SESSION, -1)
        assert found.outcomes == (stands[0],)

    async def test_languages_are_fixed_apart(self, ledger: Ledger) -> None:
        """In the order of their names, whichever came first."""
        await ledger.commit(entry(0))
        await asyncio.gather(ledger.fix(SESSION, 0, SPANISH), ledger.fix(SESSION, 0, CATALAN))
        stands = await ledger.last(SESSION)
        assert stands == replace(entry(0), outcomes=(CATALAN, SPANISH))
        assert stands.outcome("pt-BR") is None

    async def test_an_outcome_needs_an_entry(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0))
        with pytest.raises(NoEntryError):
            await ledger.fix(SESSION, 7, SPANISH)
        with pytest.raises(NoEntryError):
            await ledger.fix("nobody-1", 0, SPANISH)
        assert await ledger.after(SESSION, -1) == (entry(0),)
        assert await ledger.after("nobody-1", -1) == ()

    async def test_committing_again_shows_what_became_of_it(self, ledger: Ledger) -> None:
        await ledger.commit(entry(0))
        await ledger.fix(SESSION, 0, SPANISH)
        assert await ledger.commit(entry(0)) == replace(entry(0), outcomes=(SPANISH,))

    async def test_an_entry_of_version_1_takes_outcomes(self, ledger: Ledger) -> None:
        old = replace(entry(0), version=1, routes=(Route("es", None),))
        await ledger.commit(old)
        assert await ledger.fix(SESSION, 0, SPANISH) == SPANISH
        assert await ledger.fix(SESSION, 0, CATALAN) == CATALAN
        assert await ledger.fix(SESSION, 0, replace(SPANISH, text="tarde")) == SPANISH
        assert await ledger.after(SESSION, -1) == (replace(old, outcomes=(CATALAN, SPANISH)),)

    async def test_of_first_outcomes_of_version_1_none_is_lost(self, ledger: Ledger) -> None:
        await ledger.commit(replace(entry(0), version=1))
        languages = [f"l{number}" for number in range(10, 20)]
        wanted = [replace(SPANISH, language=language) for language in languages]
        stands = await asyncio.gather(*(ledger.fix(SESSION, 0, outcome) for outcome in wanted))
        assert stands == wanted
        (found,) = await ledger.after(SESSION, -1)
        assert found.outcomes == tuple(wanted)

    async def test_a_head_is_no_entry(self, ledger: Ledger) -> None:
        assert await ledger.head(SESSION) is None
        await ledger.save_head(HEAD)
        assert await ledger.after(SESSION, -1) == ()
        assert await ledger.after(SESSION, -2) == ()
        assert await ledger.last(SESSION) is None
        await ledger.commit(entry(0))
        assert await ledger.after(SESSION, -1) == (entry(0),)
        assert await ledger.last(SESSION) == entry(0)

    async def test_the_head_saved_last_is_found(self, ledger: Ledger) -> None:
        later = replace(HEAD, number=9, coverage="more")
        await ledger.save_head(HEAD)
        await ledger.save_head(replace(HEAD, session_id="other-river-1", coverage="another"))
        await ledger.save_head(later)
        assert await ledger.head(SESSION) == later
        await ledger.save_head(HEAD)
        assert await ledger.head(SESSION) == HEAD


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> Ledger:
        return MemoryLedger()

    async def test_a_short_one_keeps_the_last_entries(self) -> None:
        ledger = MemoryLedger(keep=2)
        for number in range(4):
            await ledger.commit(entry(number))
        assert await ledger.after(SESSION, -1) == (entry(2), entry(3))
        with pytest.raises(NoEntryError):
            await ledger.fix(SESSION, 1, SPANISH)


class TestShortLedger(LedgerContract):
    """The benchmarks' stand-in, with room for what the suite writes."""

    @pytest.fixture
    def ledger(self) -> Ledger:
        return ShortLedger()


class Rows:
    """The ledger's table as it lies in the local cloud."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._table = clients.settings.names.utterances_table

    async def put(self, item: dict[str, Any]) -> None:
        dynamodb = await self._clients.dynamodb()
        await dynamodb.put_item(TableName=self._table, Item=item)

    async def get(self, number: int) -> dict[str, Any]:
        dynamodb = await self._clients.dynamodb()
        key = {"sessionId": {"S": SESSION}, "sequenceNumber": {"N": str(number)}}
        return dict((await dynamodb.get_item(TableName=self._table, Key=key)).get("Item", {}))


class TestAmazonLedger(LedgerContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("utterances_table",)

    @pytest.fixture
    def ledger(self, aws_clients: AwsClients) -> Ledger:
        return AmazonLedger(aws_clients, now_ms=lambda: 1_790_000_100_000)

    @pytest.fixture
    def rows(self, aws_clients: AwsClients) -> Rows:
        return Rows(aws_clients)

    async def test_a_row_expires_a_day_after_its_words(self, ledger: Ledger, rows: Rows) -> None:
        await ledger.commit(entry(0))
        await ledger.fix(SESSION, 0, SPANISH)
        assert (await rows.get(0))["expiresAt"] == {"N": str(1_790_000_004 + 86_400)}

    async def test_a_head_expires_a_day_after_it_was_saved(
        self, ledger: Ledger, rows: Rows
    ) -> None:
        await ledger.save_head(HEAD)
        assert (await rows.get(-1))["expiresAt"] == {"N": str(1_790_000_100 + 86_400)}

    async def test_rows_of_9bc5d6e_are_version_1(self, ledger: Ledger, rows: Rows) -> None:
        routed = replace(entry(0), version=1, routes=(Route("es", None), Route("ca", 0)))
        gap = replace(
            entry(1),
            version=1,
            kind=EntryKind.GAP,
            text="",
            gap_from_sequence=36,
            gap_until_sequence=40,
        )
        for old in (routed, gap):
            await rows.put(first_edition.written_entry(old))
        assert await ledger.after(SESSION, -1) == (routed, gap)
        assert await ledger.commit(entry(1)) == gap
        assert await ledger.fix(SESSION, 0, SPANISH) == SPANISH
        assert await ledger.after(SESSION, -1) == (replace(routed, outcomes=(SPANISH,)), gap)

    async def test_9bc5d6e_reads_rows_of_today(self, ledger: Ledger, rows: Rows) -> None:
        """After a rollback: entries with outcomes are entries, a fence is a silence."""
        routed = replace(entry(0), routes=(Route("es", None),), resume_record="4957" * 14)
        await ledger.commit(routed)
        await ledger.fix(SESSION, 0, SPANISH)
        await ledger.commit(fence(1, takeover=2))
        assert first_edition.read_entry(await rows.get(0)) == replace(
            routed, version=1, resume_record=None
        )
        assert first_edition.read_entry(await rows.get(1)) == replace(
            fence(1, takeover=2), version=1, takeover=0
        )

    async def test_a_sentence_in_four_languages_is_one_write_unit(
        self, ledger: Ledger, rows: Rows
    ) -> None:
        text = "una frase de la longitud que tienen tres segundos de palabras en un discurso"
        routes = tuple(Route(language, 7_199) for language in ("ca", "es", "fr", "pt"))
        await ledger.commit(replace(entry(7_200), text=text, writer="f" * 32, routes=routes))
        for route in routes:
            await ledger.fix(SESSION, 7_200, replace(SPANISH, language=route.language, text=text))
        assert stored_bytes(await rows.get(7_200)) <= UNIT_BYTES


@pytest.mark.parametrize(("keep_days", "kept_s"), [(0, 86_400), (1, 86_400), (30, 30 * 86_400)])
def test_a_row_is_kept_for_as_long_as_its_room_says(keep_days: int, kept_s: int) -> None:
    item = to_item(replace(entry(0), keep_days=keep_days))
    assert int(item["expiresAt"]["N"]) == entry(0).committed_at_ms // 1000 + kept_s
    assert ("keepDays" in item) == (keep_days != 1)
    assert from_item(item).keep_days == keep_days
