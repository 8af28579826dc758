"""The suite that every place for dead letters passes."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.dead_letters import AmazonDeadLetters
from connectors.amazon.shard_source import AmazonShardSource
from connectors.files.dead_letters import FolderDeadLetters
from connectors.interfaces.dead_letters import DeadLetters, letter_json
from connectors.interfaces.errors import RetryableError
from connectors.interfaces.shard_source import StartAt, StartKind
from connectors.memory.dead_letters import MemoryDeadLetters
from schemas.names import Names
from schemas.values import DeadLetter

pytestmark = pytest.mark.contract

UNVOICED = DeadLetter(
    stage="synthesize",
    cause="PermanentError: no voice",
    key="joyful-mountain-789/4/es",
    at_ms=1_790_000_000_000,
    session_id="joyful-mountain-789",
)
UNDECODED = DeadLetter(
    stage="read",
    cause="unknown schema fingerprint",
    key="shardId-000000000001/4957",
    at_ms=1_790_000_000_500,
    record_sha256="ab" * 32,
    record_bytes=812,
)
UNVOICED_JSON = {
    "stage": "synthesize",
    "cause": "PermanentError: no voice",
    "key": "joyful-mountain-789/4/es",
    "at": 1_790_000_000_000,
    "sessionId": "joyful-mountain-789",
}
UNDECODED_JSON = {
    "stage": "read",
    "cause": "unknown schema fingerprint",
    "key": "shardId-000000000001/4957",
    "at": 1_790_000_000_500,
    "recordSha256": "ab" * 32,
    "recordBytes": 812,
}


class DeadLettersContract(ABC):
    @pytest.fixture
    @abstractmethod
    def dead_letters(self) -> DeadLetters: ...

    @abstractmethod
    async def found(self, dead_letters: DeadLetters) -> list[dict[str, Any]]:
        """The letters as somebody who looks for them finds them, in order of time."""

    async def test_letters_are_found_with_stage_cause_and_key(
        self, dead_letters: DeadLetters
    ) -> None:
        await asyncio.gather(dead_letters.send(UNDECODED), dead_letters.send(UNVOICED))
        assert await self.found(dead_letters) == [UNVOICED_JSON, UNDECODED_JSON]

    async def test_letters_of_the_same_moment_stay_apart(self, dead_letters: DeadLetters) -> None:
        other = replace(UNVOICED, key="joyful-mountain-789/5/es")
        await dead_letters.send(UNVOICED)
        await dead_letters.send(other)
        keys = [letter["key"] for letter in await self.found(dead_letters)]
        assert sorted(keys) == [UNVOICED.key, other.key]

    async def test_odd_names_are_no_trouble(self, dead_letters: DeadLetters) -> None:
        odd = replace(UNVOICED, key="../é\n/?#", session_id="../é?#", cause="\x00 ünknown")
        await dead_letters.send(odd)
        assert [letter["key"] for letter in await self.found(dead_letters)] == ["../é\n/?#"]


class TestMemoryDeadLetters(DeadLettersContract):
    @pytest.fixture
    def dead_letters(self) -> DeadLetters:
        return MemoryDeadLetters()

    async def found(self, dead_letters: DeadLetters) -> list[dict[str, Any]]:
        assert isinstance(dead_letters, MemoryDeadLetters)
        letters = [json.loads(letter_json(letter)) for letter in dead_letters.letters]
        return sorted(letters, key=lambda letter: letter["at"])


class TestFolderDeadLetters(DeadLettersContract):
    @pytest.fixture
    def dead_letters(self, tmp_path: Path) -> DeadLetters:
        self.folder = tmp_path
        return FolderDeadLetters(tmp_path)

    async def found(self, dead_letters: DeadLetters) -> list[dict[str, Any]]:
        return await asyncio.to_thread(_letters_below, self.folder / "dead-letters")

    async def test_a_repeated_letter_is_one_file(self, dead_letters: DeadLetters) -> None:
        await dead_letters.send(UNVOICED)
        await dead_letters.send(UNVOICED)
        assert await self.found(dead_letters) == [UNVOICED_JSON]

    async def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        in_the_way = tmp_path / "file"
        await asyncio.to_thread(in_the_way.touch)
        with pytest.raises(RetryableError):
            await FolderDeadLetters(in_the_way).send(UNVOICED)


def _letters_below(folder: Path) -> list[dict[str, Any]]:
    paths = sorted(folder.rglob("*.json"), key=lambda path: path.name)
    return [json.loads(path.read_text()) for path in paths]


class WithoutKinesis(AwsClients):
    async def kinesis(self) -> NoReturn:
        raise RetryableError("no answer")


class TestAmazonDeadLetters(DeadLettersContract):
    """Looked for in both places, which must agree."""

    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("dead_letter_stream", "audio_bucket")

    @pytest.fixture
    def dead_letters(self, aws_clients: AwsClients) -> DeadLetters:
        self.clients = aws_clients
        return AmazonDeadLetters(aws_clients)

    async def found(self, dead_letters: DeadLetters) -> list[dict[str, Any]]:
        names = self.clients.settings.names
        in_bucket = sorted(await self._in_bucket(names), key=lambda letter: str(letter))
        on_stream = sorted(await self._on_stream(names), key=lambda letter: str(letter))
        assert in_bucket == on_stream
        return sorted(on_stream, key=lambda letter: letter["at"])

    async def _in_bucket(self, names: Names) -> list[dict[str, Any]]:
        s3 = await self.clients.s3()
        listed = await s3.list_objects_v2(Bucket=names.audio_bucket, Prefix="dead-letters/")
        letters: list[dict[str, Any]] = []
        for entry in listed.get("Contents", []):
            found = await s3.get_object(Bucket=names.audio_bucket, Key=entry.get("Key", ""))
            letters.append(json.loads(await found["Body"].read()))
        return letters

    async def _on_stream(self, names: Names) -> list[dict[str, Any]]:
        source = AmazonShardSource(self.clients, names.dead_letter_stream)
        letters: list[dict[str, Any]] = []
        for shard in await source.list_shards():
            iterator = await source.iterator(shard.shard_id, StartAt(StartKind.TRIM_HORIZON))
            batch = await source.read(iterator, 100)
            letters += [json.loads(record.data) for record in batch.records]
        return letters

    async def test_one_of_both_places_is_enough(self, aws_clients: AwsClients) -> None:
        self.clients = aws_clients
        half = WithoutKinesis(aws_clients.settings)
        await AmazonDeadLetters(half).send(UNVOICED)
        await half.close()
        assert await self._in_bucket(aws_clients.settings.names) == [UNVOICED_JSON]

    async def test_nothing_is_reachable(self) -> None:
        clients = AwsClients(AwsSettings.local("http://127.0.0.1:9", "test"))
        with pytest.raises(RetryableError):
            await AmazonDeadLetters(clients).send(UNVOICED)
        await clients.close()
