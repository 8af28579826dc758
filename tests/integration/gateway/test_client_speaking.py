"""The headless speaker: what it gets over by itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from connectors.testing.words import write_words
from ingest_gateway.client import speak, speaker
from ingest_gateway.client.connection import GatewayConnection, open_connection
from ingest_gateway.client.reports import ReceivedMessage

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = pytest.mark.integration


async def test_a_connection_that_does_not_open_in_time_is_tried_again(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a gateway that is frozen: the system takes its sockets, and nothing answers."""
    opened = 0

    @asynccontextmanager
    async def opens_late(
        url: str, token: str | None, on_message: Callable[[ReceivedMessage], None] | None
    ) -> AsyncGenerator[GatewayConnection, None]:
        nonlocal opened
        opened += 1
        if opened == 1:
            raise TimeoutError("timed out during opening handshake")
        async with open_connection(url, token, on_message) as connection:
            yield connection

    monkeypatch.setattr(speaker, "open_connection", opens_late)
    pcm, _ = write_words(0, 3)
    report = await speak(gateway.url, pcm, pace=10.0)
    assert report.acknowledged_samples == report.samples == len(pcm) // 2
    assert (opened, report.reconnects) == (2, 1)
