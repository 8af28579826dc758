"""A bad network for WebRTC: datagrams between a page and the gateway pass through here."""

from __future__ import annotations

import asyncio
import random
import re
from typing import Any

from playwright.async_api import Page, Route

_CANDIDATE = re.compile(r"^(a=candidate:\S+ \d+ udp \d+) (\S+) (\d+) ", re.MULTILINE)
Address = tuple[str, int]


class UdpRelay:
    """Stands where the gateway's answer says that media goes. ``loss``: the share of datagrams, in
    both directions, that do not arrive; ``jitter_ms``: each is late by a random time up to this,
    so that they overtake each other; ``cut``: none arrives any more."""

    def __init__(self, *, loss: float = 0.0, jitter_ms: float = 0.0, cut: bool = False) -> None:
        self.cut = cut
        self.passed = 0
        self.dropped = 0
        self._loss = loss
        self._jitter_s = jitter_ms / 1000
        self._chance = random.Random(7)
        self._ends: list[asyncio.DatagramTransport] = []

    async def attach(self, page: Page) -> None:
        """Pass this page's WebRTC connections through here, whichever it makes."""
        await page.route(re.compile(r"/(whip|whep)/"), self._change)

    def close(self) -> None:
        for end in self._ends:
            end.close()

    async def _change(self, route: Route) -> None:
        offer = route.request.post_data
        if route.request.method != "POST" or offer is None:
            await route.continue_()
            return
        # Without candidates the gateway knows no shorter way back.
        answer = await route.fetch(post_data=_CANDIDATE.sub("a=x-left-out:", offer))
        sdp = await answer.text()
        if answer.status == 201:
            found = _CANDIDATE.search(sdp)
            assert found is not None, sdp
            port = await self._open((found[2], int(found[3])))
            sdp = _CANDIDATE.sub(rf"\1 127.0.0.1 {port} ", sdp)
        await route.fulfill(response=answer, body=sdp)

    async def _open(self, gateway: Address) -> int:
        """A port that leads to this address, for one page."""
        towards_page = _End(self)
        towards_gateway = _End(self, gateway)
        towards_page.other, towards_gateway.other = towards_gateway, towards_page
        loop = asyncio.get_running_loop()
        for end in (towards_page, towards_gateway):
            transport, _ = await loop.create_datagram_endpoint(
                lambda end=end: end, local_addr=("127.0.0.1", 0)
            )
            self._ends.append(transport)
        return int(towards_page.transport.get_extra_info("sockname")[1])

    def pass_on(self, data: bytes, end: _End) -> None:
        if self.cut or self._chance.random() < self._loss:
            self.dropped += 1
            return
        self.passed += 1
        late_s = self._chance.random() * self._jitter_s
        asyncio.get_running_loop().call_later(late_s, end.send, data)


class _End(asyncio.DatagramProtocol):
    def __init__(self, relay: UdpRelay, peer: Address | None = None) -> None:
        self.other: _End
        self.transport: asyncio.DatagramTransport
        self._relay = relay
        self._peer = peer

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._peer = self._peer or addr
        self._relay.pass_on(data, self.other)

    def send(self, data: bytes) -> None:
        if self._peer is not None and not self.transport.is_closing():
            self.transport.sendto(data, self._peer)
