"""Session events on EventBridge's default bus."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from connectors.amazon.clients import AwsClients, aws_errors
from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.session_events import DETAIL_TYPE, SOURCE, SessionEvent

BUS = "default"
_RETRYABLE = frozenset({"InternalFailure", "InternalException", "ThrottlingException"})


class AmazonSessionEvents:
    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    async def publish(self, event: SessionEvent) -> None:
        bus = await self._clients.events()
        with aws_errors("publish a session's event"):
            answer = await bus.put_events(
                Entries=[
                    {
                        "EventBusName": BUS,
                        "Source": SOURCE,
                        "DetailType": DETAIL_TYPE,
                        "Detail": json.dumps(event.detail()),
                        "Time": datetime.fromtimestamp(event.at_ms / 1000, UTC),
                    }
                ]
            )
        # The call succeeds though its one entry may not have.
        code = answer["Entries"][0].get("ErrorCode")
        if code in _RETRYABLE:
            raise RetryableError(f"publish a session's event: {code}")
        if code is not None:
            raise PermanentError(f"publish a session's event: {code}")

    async def close(self) -> None:
        """The clients are shared: their maker closes them."""
