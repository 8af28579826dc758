"""Kinesis PutRecords."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.amazon.clients import AwsClients, aws_errors
from connectors.interfaces.record_sink import SinkRecord


class AmazonRecordSink:
    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._stream = clients.settings.names.audio_stream

    async def put(self, records: Sequence[SinkRecord]) -> tuple[str | None, ...]:
        kinesis = await self._clients.kinesis()
        with aws_errors("put records"):
            answer = await kinesis.put_records(
                StreamName=self._stream,
                Records=[
                    {"PartitionKey": record.partition_key, "Data": record.data}
                    for record in records
                ],
            )
        return tuple(result.get("ErrorCode") for result in answer["Records"])

    async def close(self) -> None:
        """The clients are shared: their maker closes them."""
