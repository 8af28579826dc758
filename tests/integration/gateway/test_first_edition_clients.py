"""Clients of commit 9bc5d6e, and of the flow that it replaced, get what they got then.

``recorded/`` holds what went over the wires of that commit's gateway, in both hosts: of its own
client (who speaks and who listens lose their connection once), of its pages, and of a client of the
replaced flow as far as that is known: the token in the address, no stream, no numbers, WebM.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.conftest import HOSTS, in_memory, running
from tests.integration.gateway.recorded_talk import RecordedTalk, differences

pytestmark = pytest.mark.integration

RECORDED = Path(__file__).with_name("recorded")
CLIENTS = ("client", "page", "replaced")
STORED = {
    ("client", "server"): [(0, number) for number in range(14)],
    ("client", "handlers"): [(0, number) for number in range(14)],
    ("page", "server"): [(0, number) for number in range(4)],
    ("page", "handlers"): [(0, number) for number in range(4)],
    ("replaced", "server"): [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)],
    ("replaced", "handlers"): [(0, 0), (0, 1), (0, 2)],
}
"""(epoch, sequence) of what is durable in the end. Functions take no WebM, then as now."""


def recording(client: str, host: str) -> Path:
    return RECORDED / f"{client}.{host}.jsonl"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("host", list(HOSTS))
async def test_a_client_of_then_gets_what_it_got(client: str, host: str) -> None:
    async with running(in_memory(), HOSTS[host]) as gateway:
        talk = RecordedTalk(gateway, recording(client, host))
        await talk.play()
        assert [one for one in talk.unread() if one["type"] == "error"] == []
        await gateway.durable("")
        assert gateway.chunks() == STORED[client, host]


JOINED: dict[str, Any] = {
    "type": "sessionJoined",
    "sessionId": "joyful-mountain-100",
    "targetLanguages": ["ca", "es"],
    "history": [{"sequenceNumber": 5, "transcript": None}],
}


@pytest.mark.parametrize(
    ("today", "missed"),
    [
        ({}, []),
        ({"seat": "s", "sessionId": "calm-sea-1", "targetLanguages": ["ca", "en", "es"]}, []),
        ({"type": "joined"}, ["type"]),
        ({"sessionId": None}, ["sessionId"]),
        ({"targetLanguages": ["ca"]}, ["targetLanguages"]),
        ({"history": []}, ["history"]),
        ({"history": [{"sequenceNumber": 5}]}, ["history.transcript"]),
        ({"history": [{"sequenceNumber": "5", "transcript": None}]}, ["sequenceNumber"]),
    ],
)
def test_what_a_client_of_then_would_miss(today: dict[str, Any], missed: list[str]) -> None:
    assert differences(JOINED, {**JOINED, **today}) == missed
