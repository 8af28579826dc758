"""The suite that every record sink passes."""

from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.record_sink import AmazonRecordSink
from connectors.interfaces.errors import PermanentError
from connectors.interfaces.record_sink import RecordSink, SinkRecord
from connectors.memory.record_sink import MemoryRecordSink

pytestmark = pytest.mark.contract


class RecordSinkContract(ABC):
    @pytest.fixture
    @abstractmethod
    def sink(self) -> RecordSink: ...

    @abstractmethod
    async def stored(self, sink: RecordSink) -> list[SinkRecord]:
        """Everything durable, each partition key's records in their order."""

    async def test_every_record_is_answered_and_durable_in_order(self, sink: RecordSink) -> None:
        records = [SinkRecord(f"session-{n % 3}", f"{n}".encode()) for n in range(30)]
        assert await sink.put(records) == (None,) * 30
        stored = await self.stored(sink)
        for key in ("session-0", "session-1", "session-2"):
            assert [one for one in stored if one.partition_key == key] == [
                one for one in records if one.partition_key == key
            ]

    async def test_a_record_keeps_its_bytes(self, sink: RecordSink) -> None:
        data = bytes(range(256)) * 128
        assert await sink.put([SinkRecord("joyful-mountain-789", data)]) == (None,)
        assert await self.stored(sink) == [SinkRecord("joyful-mountain-789", data)]


class TestMemoryRecordSink(RecordSinkContract):
    @pytest.fixture
    def sink(self) -> RecordSink:
        return MemoryRecordSink()

    async def stored(self, sink: RecordSink) -> list[SinkRecord]:
        assert isinstance(sink, MemoryRecordSink)
        return sink.stored

    async def test_a_script_decides_what_fails(self) -> None:
        sink = MemoryRecordSink(lambda call, records: ["Throttled", None] if call == 0 else [None])
        first, second = SinkRecord("a", b"1"), SinkRecord("b", b"2")
        assert await sink.put([first, second]) == ("Throttled", None)
        assert await sink.put([first]) == (None,)
        assert sink.stored == [second, first]


class TestAmazonRecordSink(RecordSinkContract):
    @pytest.fixture
    def stage_parts(self) -> tuple[str, ...]:
        return ("audio_stream",)

    @pytest.fixture
    def sink(self, aws_clients: AwsClients) -> RecordSink:
        self.clients = aws_clients
        return AmazonRecordSink(aws_clients)

    async def stored(self, sink: RecordSink) -> list[SinkRecord]:
        kinesis = await self.clients.kinesis()
        name = self.clients.settings.names.audio_stream
        found: list[SinkRecord] = []
        for shard in (await kinesis.list_shards(StreamName=name))["Shards"]:
            iterator = await kinesis.get_shard_iterator(
                StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            answer = await kinesis.get_records(ShardIterator=iterator["ShardIterator"])
            found += [SinkRecord(one["PartitionKey"], one["Data"]) for one in answer["Records"]]
        return found

    async def test_a_missing_stream_is_permanent(self, aws_clients: AwsClients) -> None:
        sink = AmazonRecordSink(aws_clients)
        kinesis = await aws_clients.kinesis()
        await kinesis.delete_stream(StreamName=aws_clients.settings.names.audio_stream)
        with pytest.raises(PermanentError):
            await sink.put([SinkRecord("a", b"1")])
