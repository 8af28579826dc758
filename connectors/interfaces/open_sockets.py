"""Sockets that another service holds open, known by their connection's id."""

from __future__ import annotations

from typing import Protocol


class OpenSockets(Protocol):
    async def post(self, connection_id: str, text: str) -> None:
        """Send a text frame, once. GoneError: it has hung up."""
        ...

    async def close(self, connection_id: str) -> None:
        """Hang up. GoneError: it has already."""
        ...
