"""The suite that every archive of dead letters passes: what was sent is counted and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import pytest

from connectors.amazon import dead_letter_archive as amazon_dead_letter_archive
from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.dead_letter_archive import AmazonDeadLetterArchive
from connectors.amazon.dead_letters import AmazonDeadLetters
from connectors.interfaces.dead_letters import DeadLetterArchive, DeadLetters, FoundLetters
from connectors.interfaces.errors import RetryableError
from connectors.memory.dead_letters import MemoryDeadLetters
from schemas.values import DeadLetter
from tests.contracts.test_dead_letters import UNDECODED, UNVOICED

pytestmark = pytest.mark.contract

T0_MS = UNVOICED.at_ms


def unvoiced(number: int) -> DeadLetter:
    """A minute apart, the later the higher the number."""
    return replace(UNVOICED, key=f"joyful-mountain-789/{number}/es", at_ms=T0_MS + number * 60_000)


class DeadLetterArchiveContract(ABC):
    @pytest.fixture
    @abstractmethod
    def sender(self) -> DeadLetters: ...

    @abstractmethod
    def archive(self, sender: DeadLetters) -> DeadLetterArchive:
        """Where letters of this sender are found."""

    async def sent(self, sender: DeadLetters, *letters: DeadLetter) -> DeadLetterArchive:
        for letter in letters:
            await sender.send(letter)
        return self.archive(sender)

    async def test_nothing_was_sent(self, sender: DeadLetters) -> None:
        assert await self.archive(sender).since(0, 5) == FoundLetters()

    async def test_letters_are_counted_by_step_and_the_newest_shown_whole(
        self, sender: DeadLetters
    ) -> None:
        letters = [unvoiced(number) for number in range(4)]
        archive = await self.sent(sender, letters[2], UNDECODED, *letters[:2], letters[3])
        found = await archive.since(T0_MS, 3)
        assert found == FoundLetters(
            {"synthesize": 4, "read": 1}, (letters[3], letters[2], letters[1])
        )
        assert (await archive.since(T0_MS, 9)).newest[-2:] == (UNDECODED, letters[0])

    async def test_what_is_older_is_left_out(self, sender: DeadLetters) -> None:
        archive = await self.sent(sender, *(unvoiced(number) for number in range(3)), UNDECODED)
        assert await archive.since(unvoiced(2).at_ms, 5) == FoundLetters(
            {"synthesize": 1}, (unvoiced(2),)
        )
        assert await archive.since(unvoiced(2).at_ms + 1, 5) == FoundLetters()

    async def test_a_count_alone(self, sender: DeadLetters) -> None:
        archive = await self.sent(sender, UNVOICED)
        assert await archive.since(0, 0) == FoundLetters({"synthesize": 1})


class TestMemoryDeadLetterArchive(DeadLetterArchiveContract):
    @pytest.fixture
    def sender(self) -> DeadLetters:
        return MemoryDeadLetters()

    def archive(self, sender: DeadLetters) -> DeadLetterArchive:
        assert isinstance(sender, MemoryDeadLetters)
        return sender


class TestAmazonDeadLetterArchive(DeadLetterArchiveContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("dead_letter_stream", "audio_bucket")

    @pytest.fixture
    def sender(self, aws_clients: AwsClients) -> DeadLetters:
        self.clients = aws_clients
        return AmazonDeadLetters(aws_clients)

    def archive(self, sender: DeadLetters) -> DeadLetterArchive:
        return AmazonDeadLetterArchive(self.clients)

    async def test_more_than_can_be_counted_is_said(
        self, sender: DeadLetters, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(amazon_dead_letter_archive, "MOST_COUNTED", 2)
        archive = await self.sent(sender, *(unvoiced(number) for number in range(3)))
        found = await archive.since(T0_MS, 0)
        assert (found.by_stage, found.complete) == ({"synthesize": 2}, False)

    async def test_what_is_no_letter_is_passed_over(self, sender: DeadLetters) -> None:
        archive = await self.sent(sender, UNVOICED)
        s3 = await self.clients.s3()
        bucket = self.clients.settings.names.audio_bucket
        stray = f"dead-letters/synthesize/{T0_MS + 1}-stray.json"
        await s3.put_object(Bucket=bucket, Key=stray, Body=b"{}")
        assert (await archive.since(T0_MS, 2)).newest == (UNVOICED,)

    async def test_nothing_is_reachable(self) -> None:
        clients = AwsClients(AwsSettings.local("http://127.0.0.1:9", "test"))
        with pytest.raises(RetryableError):
            await AmazonDeadLetterArchive(clients).since(0, 1)
        await clients.close()
