"""The WebSocket of a signaling channel."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from connectors.interfaces.errors import RetryableError

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
