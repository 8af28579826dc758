"""The WebSocket of a signaling channel, and its address, signed with keys (SigV4 in the query)."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import quote

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from connectors.interfaces.errors import RetryableError
from connectors.interfaces.signaling_channels import TemporaryCredentials

SERVICE = "kinesisvideo"
GOOD_FOR_S = 299
"""As long as Amazon's own SDKs ask for."""
OPEN_S = 10.0
_MOST_MESSAGE_BYTES = 64 * 1024


@asynccontextmanager
async def signaling(url: str, tls: ssl.SSLContext | None) -> AsyncGenerator[ClientConnection, None]:
    """Open until left. ``tls`` None: what this machine trusts. Raises RetryableError, also for what
    happens inside; its message does not hold the address, which is signed."""
    try:
        async with connect(
            url,
            ssl=True if tls is None else tls,
            open_timeout=OPEN_S,
            close_timeout=1,
            max_size=_MOST_MESSAGE_BYTES,
        ) as socket:
            yield socket
    except InvalidHandshake as error:
        raise RetryableError(f"signaling refused: {error}") from None
    except (WebSocketException, OSError, TimeoutError) as error:
        raise RetryableError(f"signaling broke: {type(error).__name__}") from None


def signed_url(
    wss: str, arn: str, region: str, keys: TemporaryCredentials, client_id: str | None
) -> str:
    """``wss``: the channel's endpoint for the role; ``client_id`` None: the master's. The address
    is a secret for as long as it is good."""
    query = f"X-Amz-ChannelARN={quote(arn, safe='')}"
    if client_id is not None:
        query += f"&X-Amz-ClientId={quote(client_id, safe='')}"
    request = AWSRequest("GET", f"{wss.rstrip('/')}/?{query}")
    credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    SigV4QueryAuth(credentials, SERVICE, region, expires=GOOD_FOR_S).add_auth(request)
    return str(request.url)
