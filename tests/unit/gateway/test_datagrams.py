"""A peer that floods a WebRTC connection is cut off; one whose packets stand for silence, too."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from ingest_gateway.access.auth import Identity
from ingest_gateway.hosts.server.uvicorn_server import start_logging
from ingest_gateway.sessions.hub import Peer
from ingest_gateway.settings import GatewaySettings
from ingest_gateway.webrtc import datagrams
from ingest_gateway.webrtc.datagrams import OF_SPEAKERS, DatagramBudget
from ingest_gateway.webrtc.ice import IceSettings
from ingest_gateway.webrtc.reorder import RtpAudio
from ingest_gateway.webrtc.whip import WhipSpeaker
from tests.unit.gateway.opus_tones import opus_packets, tone
from tests.unit.gateway.two_gateways import SESSION, RunVirtual, Story

pytestmark = pytest.mark.unit


class Ice:
    """What is taken of aioice's connection."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def data_received(self, data: bytes, component: int) -> None:
        self.taken.append(data)

    def request_received(self, message: bytes, address: tuple[str, int], protocol: object) -> None:
        self.taken.append(message)


def test_a_flood_is_not_looked_at_and_ends_the_connection_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ice, ended, clock = Ice(), list[str](), SimpleNamespace(now_s=0.0)

    def connections_of(_peer: object) -> list[Ice]:
        return [ice]

    monkeypatch.setattr(datagrams, "connections_of", connections_of)
    budget = DatagramBudget((10.0, 20), lambda: clock.now_s, lambda: ended.append("over"))
    peer: Any = object()
    budget.keep(peer)
    for _ in range(15):
        ice.data_received(b"rtp", 1)
    clock.now_s = 1.0  # ten more
    for _ in range(15):
        ice.request_received(b"check", ("192.0.2.7", 9), None)
    assert (len(ice.taken), ended) == (30, [])
    clock.now_s = 1.01
    for _ in range(1_000):
        ice.data_received(b"rtp", 1)
    clock.now_s = 60.0
    ice.data_received(b"rtp", 1)
    assert (len(ice.taken), ended) == (30, ["over"])


def test_an_encoder_is_within_its_budget() -> None:
    clock = SimpleNamespace(now_s=0.0)
    budget = DatagramBudget(OF_SPEAKERS, lambda: clock.now_s, lambda: None)
    for at in range(60 * 800):  # 2.5 ms of Opus, each packet twice, for a minute
        clock.now_s = at / 800
        assert budget.takes()


def test_packets_that_stand_for_silence_are_not_filled_without_end(run_virtual: RunVirtual) -> None:
    """Each is two seconds of the media clock behind the one before it."""

    async def run() -> None:
        story = Story()
        gateway = story.hosts[0].gateway
        peer = Peer("192.0.2.7", "", Identity("ada"))
        speaker = WhipSpeaker(gateway, IceSettings(), peer, SESSION)
        (payload, *_) = opus_packets(tone(440, 0.1, 48_000))
        sent = 0
        while not speaker._line.closed.is_set() and sent < 400:  # type: ignore[reportPrivateUsage]
            speaker._packet(RtpAudio(sent, sent * 96_000, payload))  # type: ignore[reportPrivateUsage]
            sent += 1
            await asyncio.sleep(0)
        assert 50 < sent < 100  # two minutes of sound, and no more
        for host in story.hosts:
            await host.close()

    run_virtual(run())


def test_addresses_of_listeners_are_not_logged() -> None:
    start_logging(GatewaySettings())
    for name in ("aioice.ice", "aiortc.rtcdtlstransport"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
