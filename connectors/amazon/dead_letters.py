"""Dead letters on a stream, for operators who watch, and on S3, for those who look later."""

from __future__ import annotations

import asyncio
import logging

from connectors.amazon.clients import AwsClients, aws_errors
from connectors.interfaces.dead_letters import letter_json, letter_key
from connectors.interfaces.errors import ConnectorError, RetryableError
from schemas.values import DeadLetter

_log = logging.getLogger(__name__)


class AmazonDeadLetters:
    """Writes both at once; one of them is enough, as both hold the whole letter."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        names = clients.settings.names
        self._stream = names.dead_letter_stream
        self._bucket = names.audio_bucket

    async def send(self, letter: DeadLetter) -> None:
        results = await asyncio.gather(
            self._to_stream(letter), self._to_bucket(letter), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in failures:
            if not isinstance(failure, ConnectorError):
                raise failure
            _log.warning("dead letter of %s: %s", letter.stage, failure)
        if len(failures) == len(results) and any(
            isinstance(failure, RetryableError) for failure in failures
        ):
            raise RetryableError("dead letter: neither the stream nor the bucket took it")

    async def close(self) -> None:
        """The clients are shared: their owner closes them."""

    async def _to_stream(self, letter: DeadLetter) -> None:
        kinesis = await self._clients.kinesis()
        with aws_errors("put a dead letter on the stream"):
            await kinesis.put_record(
                StreamName=self._stream,
                PartitionKey=letter.session_id or letter.stage,
                Data=letter_json(letter),
            )

    async def _to_bucket(self, letter: DeadLetter) -> None:
        s3 = await self._clients.s3()
        with aws_errors("put a dead letter into the bucket"):
            await s3.put_object(
                Bucket=self._bucket,
                Key=letter_key(letter),
                Body=letter_json(letter),
                ContentType="application/json",
            )
