"""The sockets of an API Gateway WebSocket API, by its Management API."""

from __future__ import annotations

from connectors.amazon.clients import AwsClients, aws_errors


class AmazonOpenSockets:
    """``clients`` have the API's own address as their endpoint:
    ``https://{api}.execute-api.{region}.amazonaws.com/{stage}``."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    async def post(self, connection_id: str, text: str) -> None:
        api = await self._clients.management()
        with aws_errors("post to a connection"):
            await api.post_to_connection(ConnectionId=connection_id, Data=text.encode())

    async def close(self, connection_id: str) -> None:
        api = await self._clients.management()
        with aws_errors("close a connection"):
            await api.delete_connection(ConnectionId=connection_id)
