"""A TCP wire between a browser and the gateway that a test can cut."""

from __future__ import annotations

import asyncio
import contextlib


class Wire:
    """Listens on a port of its own and passes bytes both ways while it is whole."""

    def __init__(self, to_port: int) -> None:
        self.to_port = to_port
        self._whole = True
        self.bytes_per_s = 0
        """Towards the browser; 0: as fast as it goes."""
        self._turn = asyncio.Lock()
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """What is on its way is lost; who connects meanwhile is cut off at once."""
        self._whole = False
        for writer in tuple(self._writers):
            writer.transport.abort()

    def hold(self) -> None:
        """The other end is dead, and nobody says so: connections stay, nothing passes."""
        self._passing.clear()

    def mend(self) -> None:
        self._whole = True
        self._passing.set()

    async def stop(self) -> None:
        self._server.close()
        self.cut()

    async def _connected(
        self, from_browser: asyncio.StreamReader, to_browser: asyncio.StreamWriter
    ) -> None:
        if not self._whole:
            to_browser.transport.abort()
            return
        from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", self.to_port)
        both = {to_browser, to_gateway}
        self._writers |= both
        await asyncio.gather(
            self._pass_on(from_browser, to_gateway),
            self._pass_on(from_gateway, to_browser, is_slow=True),
        )
        self._writers -= both

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_slow: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(512 if is_slow and self.bytes_per_s else 65536):
                await self._passing.wait()
                if is_slow and self.bytes_per_s:
                    await self._wait_for_turn(len(data))
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    async def _wait_for_turn(self, size: int) -> None:
        """All connections share the wire."""
        async with self._turn:
            await asyncio.sleep(size / self.bytes_per_s)
