"""uvicorn's server without its two waits of a tenth of a second: for a look at whether it is to
stop, and for connections to close. Hundreds of tests start and stop one."""

from __future__ import annotations

import asyncio

import uvicorn

STOPPED_WITHIN_S = 60.0


class PromptServer(uvicorn.Server):
    async def start(self) -> int:
        """Its port."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup()
        await self.on_tick(0)  # the headers of every answer
        return int(self.servers[0].sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Raises TimeoutError when a client is still answered after a minute."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        async with asyncio.timeout(STOPPED_WITHIN_S):
            while True:
                if not (self.server_state.connections or self.server_state.tasks):
                    break
                await asyncio.sleep(0.005)
        await self.lifespan.shutdown()
