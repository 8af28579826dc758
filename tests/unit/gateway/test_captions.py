"""What the gateway keeps of what passed: little, the newest, and of sessions it serves."""

from __future__ import annotations

import asyncio
import tracemalloc

import msgspec
import pytest

from connectors.calls.policy import Policies
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.ledger import MemoryLedger
from ingest_gateway.operations.metrics import Metrics
from ingest_gateway.operations.windows import LagWindows, PassedUtterance
from ingest_gateway.protocol.limits import Limits
from ingest_gateway.read_side.captions import KEPT_PER_LANGUAGE, Captions
from ingest_gateway.read_side.ledger_reads import DEEP
from schemas.names import clip_key
from schemas.values import LEDGER_VERSION, EntryKind, FixedOutcome, LedgerEntry, Route
from tests.settable_clock import T0_MS, SettableClock

pytestmark = pytest.mark.unit

UTTERANCE_MS = 3_000


def captured_ms(number: int) -> int:
    return T0_MS + number * UTTERANCE_MS


class Passing:
    """Captions over a ledger and clips in memory; ``passed`` is what was reported as new."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.clips = MemoryClipStore()
        self.passed: list[int] = []
        self.lags = LagWindows()
        self.captions = Captions(
            self.ledger,
            self.clips,
            Policies(),
            Limits(),
            Metrics(),
            SettableClock(),
            on_passing=self._note,
        )

    def _note(self, utterance: PassedUtterance) -> None:
        self.passed.append(utterance.number)
        self.lags.add(utterance)

    def observe(self, number: int, session_id: str = "talk", language: str = "es") -> None:
        body = {
            "type": "translatedAudio",
            "sequenceNumber": number,
            "timestamp": captured_ms(number),
            "sourceDuration": 3.0,
            "transcript": f"una frase que se dice en tres segundos, la {number}",
            "sourceTranscript": f"a sentence that is said in three seconds, number {number}",
            "contentType": "audio/mpeg",
        }
        self.captions.observe(msgspec.json.encode(body), session_id, language)

    async def commit(
        self, number: int, outcome: FixedOutcome | None = None, version: int = 1
    ) -> None:
        """As the job leaves it behind: in the ledger, and its clip in the store if it is voiced.
        ``outcome`` None: of ``version`` 1, as the first edition's job did, which fixed none."""
        await self.ledger.commit(
            LedgerEntry(
                session_id="talk",
                number=number,
                epoch=0,
                kind=EntryKind.SPEECH,
                first_sample=0,
                end_sample=48_000,
                text=f"sentence {number}",
                language="en",
                captured_at_ms=captured_ms(number),
                committed_at_ms=captured_ms(number),
                writer="job",
                resume_sample=48_000,
                resume_sequence=0,
                resume_sequence_sample=0,
                routes=(Route("es", number - 1),),
                version=version if outcome is None else LEDGER_VERSION,
            )
        )
        if outcome is not None:
            await self.ledger.fix("talk", number, outcome)
            if outcome.skipped is not None:
                return
        await self.clips.put(
            clip_key("talk", "es", captured_ms(number)),
            b"mp3",
            content_type="audio/mpeg",
            metadata={"transcript": f"stored%20{number}"},
        )


async def test_a_clip_that_is_stored_before_its_outcome_is_fixed_is_not_in_the_history() -> None:
    """The ledger was away meanwhile: another engine may fix that it is too late for a voice."""
    passing = Passing()
    await passing.commit(0, version=LEDGER_VERSION)
    assert await passing.captions.history("talk", "es", None) == ()
    await passing.ledger.fix("talk", 0, FixedOutcome("es", "una frase", "late", 0))
    (caption,) = await passing.captions.history("talk", "es", None)
    assert (caption.skipped, caption.transcript) == ("late", "una frase")


def test_memory_is_flat_once_the_window_is_full() -> None:
    passing = Passing()

    def traced_after(numbers: range) -> int:
        for number in numbers:
            passing.observe(number)
        passing.passed.clear()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        full_bytes = traced_after(range(300))
        later_bytes = traced_after(range(300, 1500))
    finally:
        tracemalloc.stop()
    assert later_bytes - full_bytes < 8 * 1024


def test_a_repeat_is_told_of_once_however_late_it_comes() -> None:
    passing = Passing()
    for number in range(KEPT_PER_LANGUAGE + 5):
        passing.observe(number)
    expected = list(passing.passed)
    assert passing.captions.newest("talk", "es") == KEPT_PER_LANGUAGE + 4
    assert passing.captions.newest("talk", "ca") == -1
    for number in (0, 4, 5, KEPT_PER_LANGUAGE + 4):
        passing.observe(number)
    assert passing.passed == expected
    passing.observe(KEPT_PER_LANGUAGE + 5)
    assert passing.passed == [*expected, KEPT_PER_LANGUAGE + 5]


def test_who_comes_back_gets_also_what_is_not_kept_any_more() -> None:
    passing = Passing()

    async def resumed() -> list[tuple[int, str | None]]:
        for number in range(KEPT_PER_LANGUAGE + 2):
            await passing.commit(number)
            passing.observe(number)
        history = await passing.captions.history("talk", "es", since=-1)
        return [(one.sequence_number, one.transcript) for one in history]

    shown = asyncio.run(resumed())
    assert [number for number, _ in shown] == list(range(KEPT_PER_LANGUAGE + 2))
    assert shown[1] == (1, "stored 1")
    assert shown[2] == (2, "una frase que se dice en tres segundos, la 2")


def test_a_session_that_is_not_served_any_more_is_forgotten() -> None:
    passing = Passing()
    for session_id in ("talk", "ended"):
        passing.observe(0, session_id)
    passing.captions.keep_only({"talk"})
    assert passing.captions.lag_ms("ended") == {}
    assert list(passing.captions.lag_ms("talk")) == ["es"]


def test_what_was_skipped_and_is_not_kept_any_more_is_in_the_ledger() -> None:
    """A gateway that was not there when listeners were told, or has let it go, knows it too."""
    passing = Passing()

    async def resumed() -> list[tuple[int, str | None, str | None]]:
        await passing.commit(0, FixedOutcome("es", "una frase", None, 0))
        await passing.commit(1, FixedOutcome("es", "otra frase", "late", 0))
        history = await passing.captions.history("talk", "es", since=-1)
        return [(one.sequence_number, one.transcript, one.skipped) for one in history]

    assert asyncio.run(resumed()) == [(0, "una frase", None), (1, "otra frase", "late")]


def test_who_misses_more_than_one_answer_holds_gets_it_in_turns() -> None:
    passing = Passing()
    limit = Limits().resumed_captions

    async def turns() -> list[list[int]]:
        for number in range(limit + 3):
            await passing.commit(number, FixedOutcome("es", "frase", "late", 0))
        first = await passing.captions.history("talk", "es", since=-1)
        rest = await passing.captions.history("talk", "es", since=first[-1].sequence_number)
        return [[one.sequence_number for one in each] for each in (first, rest)]

    assert asyncio.run(turns()) == [list(range(limit)), list(range(limit, limit + 3))]


async def test_links_are_made_once_for_all_who_join() -> None:
    passing, made = Passing(), list[str]()
    presign = passing.clips.presign

    async def counted(key: str, *, expires_s: int) -> str:
        made.append(key)
        return await presign(key, expires_s=expires_s)

    passing.clips.presign = counted  # type: ignore[method-assign]
    for number in range(5):
        await passing.commit(number, FixedOutcome("es", "una frase", None, 0))
    for _ in range(20):
        history = await passing.captions.history("talk", "es", since=-1)
        assert [one.url is not None for one in history] == [True] * 5
    assert len(made) == 5


async def test_who_asks_for_all_of_a_long_talk_shares_a_reading() -> None:
    """What is new is read for each: of that something may have been fixed meanwhile."""
    passing, asked = Passing(), list[int]()
    after = passing.ledger.after

    async def counted(session_id: str, number: int) -> tuple[LedgerEntry, ...]:
        asked.append(number)
        await asyncio.sleep(0)
        return await after(session_id, number)

    passing.ledger.after = counted  # type: ignore[method-assign]
    for number in range(3 * DEEP):
        await passing.commit(number, FixedOutcome("es", "frase", "late", 0))
        passing.observe(number)
    listeners = [passing.captions.history("talk", "es", since=-1) for _ in range(20)]
    histories = await asyncio.gather(*listeners)
    wanted = list(range(Limits().resumed_captions))
    assert [[one.sequence_number for one in each] for each in histories] == [wanted] * 20
    assert asked.count(-1) == 1
    assert min(number for number in asked if number >= 0) > DEEP
    last = await passing.captions.history("talk", "es", since=3 * DEEP - 2)
    assert [one.sequence_number for one in last] == [3 * DEEP - 1]
    assert await passing.captions.url("talk", "es", 7) is not None
