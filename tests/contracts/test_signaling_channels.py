"""The suites that every kind of signaling channels, and of access to them, passes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.signaling_channels import AmazonSignalingAccess, AmazonSignalingChannels
from connectors.interfaces.errors import PermanentError, RetryableError, ThrottledError
from connectors.interfaces.signaling_channels import (
    MESSAGE_TTL_S,
    ChannelLimitError,
    IceServer,
    Role,
    SignalingAccess,
    SignalingChannels,
)
from connectors.memory.signaling_channels import MemorySignalingAccess, MemorySignalingChannels
from local_stack.amazon_servers.http_service import ServiceError
from tests.kvs_server.server import KvsServer, kvs_server

pytestmark = pytest.mark.contract

NAME = "session-joyful-mountain-789"
TURN = IceServer(("turn:127.0.0.1:443?transport=udp",), "somebody", "secret", 300)
TURN_JSON = {
    "Uris": ["turn:127.0.0.1:443?transport=udp"],
    "Username": "somebody",
    "Password": "secret",
    "Ttl": 300,
}
ROLE_ARN = "arn:aws:iam::000000000000:role/signaling"


class SignalingChannelsContract(ABC):
    """With room for two channels, and the TURN server above."""

    @pytest.fixture
    @abstractmethod
    def channels(self) -> Any: ...

    async def test_a_channel_has_endpoints_for_its_role(self, channels: SignalingChannels) -> None:
        arn = await channels.create(NAME)
        assert f"channel/{NAME}/" in arn
        for role in Role:
            endpoints = await channels.endpoints(arn, role)
            assert endpoints.wss.startswith("wss://")
            assert endpoints.https.startswith("http")

    async def test_made_again_it_is_the_same_channel(self, channels: SignalingChannels) -> None:
        arn = await channels.create(NAME)
        assert await channels.create(NAME) == arn
        await channels.create(f"{NAME}-2")  # there is still room for one

    async def test_the_account_s_limit_is_an_error_of_its_own(
        self, channels: SignalingChannels
    ) -> None:
        first = await channels.create(NAME)
        await channels.create(f"{NAME}-2")
        with pytest.raises(ChannelLimitError):
            await channels.create(f"{NAME}-3")
        await channels.delete(first)
        await channels.create(f"{NAME}-3")

    async def test_a_deleted_channel_is_gone_however_often(
        self, channels: SignalingChannels
    ) -> None:
        arn = await channels.create(NAME)
        await channels.delete(arn)
        await channels.delete(arn)
        with pytest.raises(PermanentError):
            await channels.endpoints(arn, Role.MASTER)
        assert await channels.create(NAME) != arn

    async def test_ice_servers_come_with_name_and_password(
        self, channels: SignalingChannels
    ) -> None:
        arn = await channels.create(NAME)
        endpoints = await channels.endpoints(arn, Role.VIEWER)
        assert await channels.ice_servers(arn, endpoints, "worker-1") == (TURN,)


class TestMemorySignalingChannels(SignalingChannelsContract):
    @pytest.fixture
    def channels(self) -> MemorySignalingChannels:
        return MemorySignalingChannels(limit=2, ice=(TURN,))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[KvsServer]:
    async with kvs_server(tmp_path, limit=2, ice=(TURN_JSON,)) as one:
        yield one


class TestAmazonSignalingChannels(SignalingChannelsContract):
    @pytest.fixture
    async def channels(self, server: KvsServer) -> AsyncIterator[AmazonSignalingChannels]:
        clients = AwsClients(server.settings)
        channels = AmazonSignalingChannels(clients)
        yield channels
        await channels.close()
        await clients.close()

    async def test_messages_do_not_wait_longer_than_their_senders(
        self, channels: AmazonSignalingChannels, server: KvsServer
    ) -> None:
        await channels.create(NAME)
        assert server.channel(NAME).ttl_s == MESSAGE_TTL_S

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("ClientLimitExceededException", ThrottledError),
            ("AccessDeniedException", PermanentError),
            ("InternalFailure", RetryableError),
        ],
    )
    async def test_errors_say_whether_to_try_again(
        self, tmp_path: Path, code: str, expected: type[Exception]
    ) -> None:
        async with kvs_server(tmp_path, ServiceError(code)) as failing:
            clients = AwsClients(failing.settings)
            with pytest.raises(expected):
                await AmazonSignalingChannels(clients).create(NAME)
            await clients.close()

    async def test_keys_that_are_not_the_account_s_are_refused(self, server: KvsServer) -> None:
        clients = AwsClients(replace(server.settings, secret_access_key="guessed"))
        with pytest.raises(PermanentError):
            await AmazonSignalingChannels(clients).create(NAME)
        await clients.close()
        assert server.control.channels == {}


class SignalingAccessContract(ABC):
    @pytest.fixture
    @abstractmethod
    def access(self) -> Any: ...

    async def test_keys_are_new_and_last_for_a_while(self, access: SignalingAccess) -> None:
        first = await access.credentials("arn:1", Role.MASTER, "ada")
        second = await access.credentials("arn:1", Role.VIEWER, "a guest/2")
        assert first.access_key_id != second.access_key_id
        assert first.session_token
        assert first.expires_at_ms is not None
        assert first.secret_access_key not in repr(first)
        assert first.session_token not in repr(first)


class TestMemorySignalingAccess(SignalingAccessContract):
    @pytest.fixture
    def access(self) -> MemorySignalingAccess:
        return MemorySignalingAccess()


class TestAmazonSignalingAccess(SignalingAccessContract):
    @pytest.fixture
    async def access(self, server: KvsServer) -> AsyncIterator[AmazonSignalingAccess]:
        clients = AwsClients(server.token_settings)
        yield AmazonSignalingAccess(clients, ROLE_ARN)
        await clients.close()

    @pytest.mark.parametrize(
        ("role", "action"), [(Role.MASTER, "ConnectAsMaster"), (Role.VIEWER, "ConnectAsViewer")]
    )
    async def test_keys_are_for_one_channel_and_one_way_to_connect(
        self, access: AmazonSignalingAccess, server: KvsServer, role: Role, action: str
    ) -> None:
        given = await access.credentials("arn:1", role, "ada l@ve lace")
        key = server.keys.find(given.access_key_id)
        assert key is not None
        assert (key.actions, key.resources) == ((action,), ("arn:1",))
        assert (key.secret, key.token) == (given.secret_access_key, given.session_token)
        assert given.expires_at_ms == pytest.approx((time.time() + 3600) * 1000, abs=10_000)
        assert server.tokens.taken[0]["RoleArn"] == ROLE_ARN
        assert server.tokens.taken[0]["RoleSessionName"] == "ada-l@ve-lace"
