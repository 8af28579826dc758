"""A session's channel is made before the session and deleted after it, whatever fails meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.calls.policy import Policies, Policy
from connectors.interfaces.errors import PermanentError, RetryableError
from connectors.interfaces.session_tables import SessionRow
from connectors.memory.session_tables import MemorySessionTables
from connectors.memory.signaling_channels import MemorySignalingAccess, MemorySignalingChannels
from ingest_gateway.access.auth import Identity
from ingest_gateway.gateway import Gateway, wall_clock_ms
from ingest_gateway.protocol.connection_protocol import Refusal
from ingest_gateway.protocol.messages import CreateSession
from ingest_gateway.sessions.hub import Peer
from tests.integration.gateway.conftest import in_memory

pytestmark = pytest.mark.unit

ADA = Peer("127.0.0.1", "test", Identity("ada"))
ONCE = Policy(attempts=1)
HASTY = Policies(signaling=ONCE, directory=ONCE)


def a_gateway(channels: MemorySignalingChannels, **changes: Any) -> Gateway:
    return Gateway(in_memory(channels=channels, policies=HASTY, **changes))


def numbered(*ids: str) -> Callable[[], str]:
    left = iter(ids)
    return lambda: next(left)


async def test_the_session_s_row_knows_its_channel() -> None:
    channels = MemorySignalingChannels()
    gateway = a_gateway(channels)
    row = await gateway.speakers.create(ADA, CreateSession("en"))
    name = f"session-{row.session_id}"
    kept = await gateway.live.tables.get(row.session_id)
    assert kept is not None
    of_channel = {key: text for key, text in kept.info.extra.items() if key.startswith("kvs")}
    assert of_channel == {
        "kvsChannelArn": channels.channels[name],
        "kvsChannelName": name,
        "kvsEndpointWss": "wss://master.signaling.invalid",
        "kvsEndpointHttps": "https://master.signaling.invalid",
    }


async def test_an_id_that_is_taken_leaves_the_other_s_channel_alone() -> None:
    channels = MemorySignalingChannels()
    gateway = a_gateway(channels, new_session_id=numbered("one", "one", "two"))
    first = await gateway.speakers.create(ADA, CreateSession("en"))
    second = await gateway.speakers.create(ADA, CreateSession("en"))
    assert (first.session_id, second.session_id) == ("one", "two")
    assert set(channels.channels) == {"session-one", "session-two"}


async def test_without_a_channel_there_is_no_session() -> None:
    channels = MemorySignalingChannels(failures=(PermanentError("not allowed"),))
    gateway = a_gateway(channels)
    with pytest.raises(PermanentError):
        await gateway.speakers.create(ADA, CreateSession("en"))
    assert await gateway.live.tables.live_sessions() == ()


async def test_without_a_row_there_is_no_channel() -> None:
    class Broken(MemorySessionTables):
        async def create(self, row: SessionRow) -> bool:
            raise RetryableError("no answer")

    channels = MemorySignalingChannels()
    gateway = a_gateway(channels, tables=Broken(wall_clock_ms))
    with pytest.raises(RetryableError):
        await gateway.speakers.create(ADA, CreateSession("en"))
    assert channels.channels == {}


async def test_a_channel_that_could_not_be_deleted_is_deleted_later() -> None:
    channels = MemorySignalingChannels()
    gateway = a_gateway(channels)
    row = await gateway.speakers.create(ADA, CreateSession("en"))
    channels.failures.append(RetryableError("no answer"))
    await gateway.speakers.end(Identity("ada"), row.session_id)
    assert len(channels.channels) == 1
    await gateway.sweeper.sweep()
    assert channels.channels == {}


async def test_nobody_is_given_keys_without_a_role_to_take_them_from() -> None:
    gateway = a_gateway(MemorySignalingChannels())
    row = await gateway.speakers.create(ADA, CreateSession("en"))
    with pytest.raises(Refusal, match="no signaling channel"):
        await gateway.channels.keys(row.info, "ada")


async def test_only_the_session_s_speaker_is_given_a_master_s_keys() -> None:
    access = MemorySignalingAccess()
    gateway = a_gateway(MemorySignalingChannels(), channel_access=access)
    row = await gateway.speakers.create(ADA, CreateSession("en"))
    await gateway.channels.keys(row.info, "ada")
    await gateway.channels.keys(row.info, "eve")
    await gateway.channels.keys(row.info, None)
    assert [(role, holder) for _, role, holder in access.given] == [
        ("MASTER", "ada"),
        ("VIEWER", "eve"),
        ("VIEWER", "guest"),
    ]
