"""A clip store with addresses that a browser can fetch from, and that can refuse."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from aiohttp import web

from connectors.audio.mp3 import RATE_HZ, encode_clip
from connectors.memory.clip_store import MemoryClipStore


def tone_clip(hz: int, duration_s: float = 0.6) -> bytes:
    """An MP3 of one tone, by which it is told from the others when it is heard."""
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    samples = (0.5 * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)
    return encode_clip(samples).body


class ServedClips(MemoryClipStore):
    """``refusals``: statuses to answer a path with, one after the other, before the clip."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: dict[str, list[int]] = defaultdict(list)
        self.asked: list[str] = []
        self._links = 0

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{key:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def presign(self, key: str, *, expires_s: int) -> str:
        self._links += 1
        return f"{self.url}/{key}?link={self._links}"

    async def _get(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        self.asked.append(key)
        headers = {"access-control-allow-origin": "*"}
        if self.refusals[key]:
            return web.Response(status=self.refusals[key].pop(0), headers=headers)
        body = await self.get(key)
        if body is None:
            return web.Response(status=404, headers=headers)
        return web.Response(body=body, content_type="audio/mpeg", headers=headers)
