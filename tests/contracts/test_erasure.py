"""The suite that every erasure passes: nothing of a deleted session stays, others lose nothing."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.clip_store import AmazonClipStore
from connectors.amazon.dead_letter_archive import AmazonDeadLetterArchive
from connectors.amazon.erasure import AmazonErasure
from connectors.amazon.layout import tables as table_shapes
from connectors.amazon.ledger import AmazonLedger
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.interfaces.clip_store import ClipStore
from connectors.interfaces.dead_letters import letter_json, letter_key
from connectors.interfaces.erasure import Erased, Erasure
from connectors.interfaces.ledger import Ledger
from connectors.interfaces.session_tables import CountChange, SessionTables
from connectors.memory.clip_store import MemoryClipStore
from connectors.memory.dead_letters import MemoryDeadLetters
from connectors.memory.erasure import MemoryErasure
from connectors.memory.ledger import MemoryLedger
from connectors.memory.session_tables import MemorySessionTables
from schemas.names import clip_key
from schemas.values import DeadLetter, LedgerHead
from tests.contracts.test_ledger import SPANISH, entry
from tests.contracts.test_session_tables import connection, new_row
from tests.settable_clock import T0_MS, SettableClock

pytestmark = pytest.mark.contract


@dataclass
class World:
    """``everything``: each row and object that there is, as text."""

    erasure: Erasure
    tables: SessionTables
    ledger: Ledger
    clips: ClipStore
    send_letter: Callable[[DeadLetter], Awaitable[None]]
    everything: Callable[[], Awaitable[list[str]]]

    async def fill(self, session_id: str) -> None:
        """All that a talk leaves behind: 1 + 1 + 2 + 4 rows, 4 objects."""
        await self.tables.create(new_row(session_id))
        await self.tables.count_listeners(session_id, CountChange({"es": 2}), T0_MS)
        for name in ("one", "two"):
            await self.tables.add_connection(connection(session_id, name))
        for number in range(3):
            await self.ledger.commit(entry(number, session_id=session_id))
            await self.ledger.fix(session_id, number, SPANISH)
            key = clip_key(session_id, "es", T0_MS + number)
            await self.clips.put(
                key, b"clip", content_type="audio/mpeg", metadata={"sessionId": session_id}
            )
        await self.ledger.save_head(LedgerHead(session_id, 2, "{}"))
        await self.send_letter(
            DeadLetter("translate", "PermanentError", f"{session_id}/7/es", T0_MS, session_id)
        )

    async def traces_of(self, session_id: str) -> list[str]:
        return [one for one in await self.everything() if session_id in one]


class ErasureContract(ABC):
    @pytest.fixture
    @abstractmethod
    def world(self) -> World: ...

    async def test_nothing_of_a_deleted_talk_is_left(self, world: World) -> None:
        gone, stays = f"gone-{uuid.uuid4().hex[:6]}", f"stays-{uuid.uuid4().hex[:6]}"
        await world.fill(gone)
        await world.fill(stays)
        kept = await world.traces_of(stays)
        assert len(await world.traces_of(gone)) == len(kept) == 12
        assert await world.erasure.erase(gone, T0_MS) == Erased(objects=4, rows=8)
        assert await world.traces_of(gone) == []
        assert sorted(await world.traces_of(stays)) == sorted(kept)

    async def test_what_comes_late_is_erased_with_the_next_turn(self, world: World) -> None:
        session_id = f"late-{uuid.uuid4().hex[:6]}"
        await world.fill(session_id)
        await world.erasure.erase(session_id, T0_MS)
        await world.ledger.commit(entry(3, session_id=session_id))
        assert await world.erasure.erase(session_id, T0_MS) == Erased(rows=1)
        assert await world.erasure.erase(session_id, T0_MS) == Erased()
        assert await world.traces_of(session_id) == []

    async def test_a_session_whose_id_begins_alike_is_another_one(self, world: World) -> None:
        session_id = f"calm-{uuid.uuid4().hex[:6]}"
        await world.fill(f"{session_id}-2")
        assert await world.erasure.erase(session_id, T0_MS) == Erased()


class TestMemoryErasure(ErasureContract):
    @pytest.fixture
    def world(self) -> World:
        tables = MemorySessionTables(SettableClock())
        ledger, clips, letters = MemoryLedger(), MemoryClipStore(), MemoryDeadLetters()

        async def everything() -> list[str]:
            held = (
                *tables.rows(),
                *ledger.rows(),
                *clips.clips.items(),
                *letters.letters,
            )
            return [repr(one) for one in held]

        erasure = MemoryErasure(tables, ledger, clips, letters)
        return World(erasure, tables, ledger, clips, letters.send, everything)


class TestAmazonErasure(ErasureContract):
    @pytest.fixture
    def world(self, aws_clients: AwsClients) -> World:
        names = aws_clients.settings.names
        letters = AmazonClipStore(aws_clients, bucket=names.audio_bucket)

        async def send(letter: DeadLetter) -> None:
            await letters.put(
                letter_key(letter),
                letter_json(letter),
                content_type="application/json",
                metadata={},
            )

        async def everything() -> list[str]:
            dynamodb, s3 = await aws_clients.dynamodb(), await aws_clients.s3()
            found: list[str] = []
            for shape in table_shapes(names):
                answer = await dynamodb.scan(TableName=shape.name)
                assert "LastEvaluatedKey" not in answer
                found += [repr(item) for item in answer["Items"]]
            for bucket in (names.clip_bucket, names.audio_bucket):
                listed = await s3.list_objects_v2(Bucket=bucket)
                for one in listed.get("Contents", []):
                    body = await AmazonClipStore(aws_clients, bucket=bucket).get(one["Key"])
                    found.append(f"{one['Key']} {body!r}")
            return found

        clock = SettableClock()
        return World(
            AmazonErasure(aws_clients),
            AmazonSessionTables(aws_clients, clock),
            AmazonLedger(aws_clients, clock),
            AmazonClipStore(aws_clients),
            send,
            everything,
        )

    async def test_letters_of_before_the_talk_are_not_read(
        self, world: World, aws_clients: AwsClients
    ) -> None:
        session_id = f"old-{uuid.uuid4().hex[:6]}"
        letter = DeadLetter("translate", "PermanentError", f"{session_id}/1/es", T0_MS, session_id)
        await world.send_letter(letter)
        await world.send_letter(replace(letter, at_ms=T0_MS + 10))
        assert await world.erasure.erase(session_id, T0_MS + 5) == Erased(objects=1)
        left: Any = await AmazonDeadLetterArchive(aws_clients).since(T0_MS - 1, 50)
        assert [one.at_ms for one in left.newest if one.session_id == session_id] == [T0_MS]
