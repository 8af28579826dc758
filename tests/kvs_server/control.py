"""The HTTP side: channels made, found and deleted, their endpoints and ICE servers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from local_stack.amazon_servers.http_service import HttpService, ServiceError
from tests.kvs_server.channels import Channel
from tests.kvs_server.signed_urls import SERVICE as SIGNED_AS

_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,256}")


class ControlServer(HttpService):
    """``channels``: by ARN. ``wss_url``: where their messages go. ``limit``: of the account."""

    SERVICE = SIGNED_AS

    def __init__(
        self,
        wss_url: Callable[[], str],
        *errors: ServiceError,
        limit: int = 100,
        ice: tuple[dict[str, Any], ...] = (),
    ) -> None:
        super().__init__(*errors)
        self.channels: dict[str, Channel] = {}
        self.ice = ice
        self._wss_url = wss_url
        self._limit = limit
        self._numbers = itertools.count(1_790_000_000_000)

    def named(self, name: str) -> Channel | None:
        return next((one for one in self.channels.values() if one.name == name), None)

    async def answer(self, request: web.Request, content: dict[str, Any]) -> web.Response:
        match request.path:
            case "/createSignalingChannel":
                return web.json_response({"ChannelARN": self._create(content).arn})
            case "/describeSignalingChannel":
                found = self.named(content["ChannelName"])
                if found is None:
                    raise _no_channel()
                info = {"ChannelName": found.name, "ChannelARN": found.arn}
                return web.json_response({"ChannelInfo": info | {"ChannelStatus": "ACTIVE"}})
            case "/getSignalingChannelEndpoint":
                self._find(content)
                return web.json_response({"ResourceEndpointList": self._endpoints()})
            case "/v1/get-ice-server-config":
                self._find(content)
                return web.json_response({"IceServerList": list(self.ice)})
            case "/deleteSignalingChannel":
                await self.channels.pop(self._find(content).arn).close()
                return web.json_response({})
            case _:
                raise ServiceError("UnknownOperationException", text="no such operation")

    def error_response(self, error: ServiceError) -> web.Response:
        return web.json_response(
            {"Message": error.text},
            status=error.status,
            headers={**error.headers, "x-amzn-ErrorType": error.code},
        )

    def _create(self, content: dict[str, Any]) -> Channel:
        name = content["ChannelName"]
        if not _NAME.fullmatch(name):
            raise ServiceError("InvalidArgumentException", text="not a name of a channel")
        if self.named(name) is not None:
            raise ServiceError("ResourceInUseException", text="there is one of that name")
        if len(self.channels) >= self._limit:
            raise ServiceError("AccountChannelLimitExceededException", text="too many channels")
        arn = f"arn:aws:kinesisvideo:us-east-1:000000000000:channel/{name}/{next(self._numbers)}"
        ttl_s = content.get("SingleMasterConfiguration", {}).get("MessageTtlSeconds", 60)
        self.channels[arn] = Channel(name, arn, ttl_s)
        return self.channels[arn]

    def _find(self, content: dict[str, Any]) -> Channel:
        found = self.channels.get(content["ChannelARN"])
        if found is None:
            raise _no_channel()
        return found

    def _endpoints(self) -> list[dict[str, str]]:
        return [
            {"Protocol": "WSS", "ResourceEndpoint": self._wss_url()},
            {"Protocol": "HTTPS", "ResourceEndpoint": self.url},
        ]


def _no_channel() -> ServiceError:
    return ServiceError("ResourceNotFoundException", status=404, text="there is no such channel")
