"""Kinesis Video Streams' signaling channels, and keys for them from Security Token Service."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from connectors.amazon.clients import AwsClients, aws_errors, error_code
from connectors.interfaces.errors import PermanentError, RetryableError, ThrottledError
from connectors.interfaces.signaling_channels import (
    MESSAGE_TTL_S,
    ChannelLimitError,
    Endpoints,
    IceServer,
    Role,
    TemporaryCredentials,
)

KEYS_LAST_S = 3600
OWN_KEYS_LAST_MS = 60_000
_CONNECT_AS = {Role.MASTER: "ConnectAsMaster", Role.VIEWER: "ConnectAsViewer"}


class AmazonSignalingChannels:
    """``endpoint_url``: where channels are made, if that is not where the clients go."""

    def __init__(self, clients: AwsClients, endpoint_url: str | None = None) -> None:
        self._clients = clients
        self._endpoint_url = endpoint_url

    async def create(self, name: str) -> str:
        client = await self._clients.kinesis_video(self._endpoint_url)
        with _errors("create a signaling channel"):
            try:
                answer = await client.create_signaling_channel(
                    ChannelName=name,
                    ChannelType="SINGLE_MASTER",
                    SingleMasterConfiguration={"MessageTtlSeconds": MESSAGE_TTL_S},
                )
            except ClientError as error:
                if error_code(error) != "ResourceInUseException":
                    raise
                described = await client.describe_signaling_channel(ChannelName=name)
                return described["ChannelInfo"]["ChannelARN"]
        return answer["ChannelARN"]

    async def endpoints(self, arn: str, role: Role) -> Endpoints:
        client = await self._clients.kinesis_video(self._endpoint_url)
        with _errors("find a channel's endpoints"):
            answer = await client.get_signaling_channel_endpoint(
                ChannelARN=arn,
                SingleMasterChannelEndpointConfiguration={
                    "Protocols": ["WSS", "HTTPS"],
                    "Role": role.value,
                },
            )
        found = {one["Protocol"]: one["ResourceEndpoint"] for one in answer["ResourceEndpointList"]}
        return Endpoints(found["WSS"], found["HTTPS"])

    async def ice_servers(
        self, arn: str, endpoints: Endpoints, client_id: str
    ) -> tuple[IceServer, ...]:
        client = await self._clients.kinesis_video_signaling(endpoints.https)
        with _errors("find a channel's ICE servers"):
            answer = await client.get_ice_server_config(
                ChannelARN=arn, ClientId=client_id, Service="TURN"
            )
        return tuple(
            IceServer(tuple(one["Uris"]), one["Username"], one["Password"], one["Ttl"])
            for one in answer["IceServerList"]
        )

    async def delete(self, arn: str) -> None:
        client = await self._clients.kinesis_video(self._endpoint_url)
        with _errors("delete a signaling channel"):
            try:
                await client.delete_signaling_channel(ChannelARN=arn)
            except ClientError as error:
                if error_code(error) != "ResourceNotFoundException":
                    raise

    async def close(self) -> None:
        """The clients are shared: their maker closes them."""


class AmazonSignalingAccess:
    """Keys of a role, cut down to one channel and one way to connect to it. What the role may not
    do, they may not either. ``endpoint_url``: where they come from, if not where the clients go."""

    def __init__(self, clients: AwsClients, role_arn: str, endpoint_url: str | None = None) -> None:
        self._clients = clients
        self._role_arn = role_arn
        self._endpoint_url = endpoint_url

    async def credentials(self, arn: str, role: Role, holder: str) -> TemporaryCredentials:
        sts = await self._clients.sts(self._endpoint_url)
        with _errors("take on the role for signaling"):
            answer = await sts.assume_role(
                RoleArn=self._role_arn,
                RoleSessionName=_session_name(holder),
                Policy=json.dumps(policy(arn, role)),
                DurationSeconds=KEYS_LAST_S,
            )
        keys = answer["Credentials"]
        return TemporaryCredentials(
            keys["AccessKeyId"],
            keys["SecretAccessKey"],
            keys["SessionToken"],
            int(keys["Expiration"].timestamp() * 1000),
        )

    async def close(self) -> None:
        pass


class AmazonOwnKeys:
    """This process's own keys, whatever they are for: never for anybody outside. They may be
    replaced at any time, so they are given for a moment only."""

    def __init__(self, clients: AwsClients, now_ms: Callable[[], int]) -> None:
        self._settings = clients.settings
        self._now_ms = now_ms
        self._found: Any = None

    async def credentials(self, arn: str, role: Role, holder: str) -> TemporaryCredentials:
        expires_at_ms = self._now_ms() + OWN_KEYS_LAST_MS
        settings = self._settings
        if settings.access_key_id and settings.secret_access_key:
            return TemporaryCredentials(
                settings.access_key_id, settings.secret_access_key, None, expires_at_ms
            )
        with aws_errors("find this process's keys"):
            if self._found is None:
                self._found = await get_session().get_credentials()
            if self._found is None:
                raise PermanentError("this process has no keys for AWS")
            keys = await self._found.get_frozen_credentials()  # renewed by itself
        return TemporaryCredentials(keys.access_key, keys.secret_key, keys.token, expires_at_ms)

    async def close(self) -> None:
        pass


def policy(arn: str, role: Role) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [f"kinesisvideo:{_CONNECT_AS[role]}"],
                "Resource": [arn],
            }
        ],
    }


def _session_name(holder: str) -> str:
    """In the characters that a session's name may have, 2 to 64 of them."""
    clean = "".join(
        one if one.isascii() and (one.isalnum() or one in "_=,.@-") else "-" for one in holder
    )
    return clean[:64].ljust(2, "-")


@contextmanager
def _errors(action: str) -> Generator[None, None, None]:
    with aws_errors(action):
        try:
            yield
        except ClientError as error:
            code = error_code(error)
            if code == "AccountChannelLimitExceededException":
                raise ChannelLimitError(f"{action}: the account has no channel left") from None
            if code == "ClientLimitExceededException":
                raise ThrottledError(f"{action}: {code}") from None
            if code == "ResourceInUseException":  # still being made, or being deleted
                raise RetryableError(f"{action}: {code}") from None
            raise
