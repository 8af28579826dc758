"""One program under the load, from its start to its end, and what was measured of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import psutil

from benchmarks.gateway.chunk_stamp import CHUNK_S
from benchmarks.gateway.histogram import Histogram
from benchmarks.gateway.listeners import INLINE_AUDIO, Listeners
from benchmarks.gateway.servers import Program, Seen, served
from benchmarks.gateway.speakers import Speakers, open_speakers
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.client import create_session, fetch_token
from ingest_gateway.client.account import socket_url
from local_stack.processes import Processes

WARM_UP_S = 4.0
UTTERANCE_S = 3.0
QUIET_UTTERANCES = 40
_SETTLE_S = 1.0
_LAST_ACKNOWLEDGEMENT_S = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    speakers: int
    listeners: int
    seconds: float
    answer_ms: float
    server_core: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """``put``: from a frame's sending until it was in a call of the sink; ``durable``: until that
    call was answered; ``acknowledged``: until the speaker had it back. ``generator_*``: this
    program's own CPU, and how late it was in sending. ``starved_share``: of the time, how much the
    server was ready to run while others had its core; where it is not near 0, latencies are theirs
    as much as the server's.

    ``memory_growth``: flat is what grows no more in the second half. By then a session that nobody
    listens to has the runs of its waiting chunks (``operations_backlog``: a handful more each time
    the talk gets twice as long); the listened one goes on filling its captions (60 a language) and
    the lag windows (240 clips a language), which takes minutes and is about 1 KB a clip."""

    program: str
    chunks: int
    records_per_call: float
    put_p50_ms: float
    put_p99_ms: float
    durable_p50_ms: float
    durable_p99_ms: float
    durable_longest_ms: float
    acknowledged_p50_ms: float
    acknowledged_p99_ms: float
    unacknowledged: int
    dropped: int
    errors: int
    cpu_share: float
    starved_share: float
    memory_mb: float
    memory_kb_per_connection: float
    memory_growth_kb: float
    memory_growth_first_half_kb: float
    memory_growth_second_half_kb: float
    generator_lag_p99_ms: float
    generator_cpu_share: float
    loaded_notify_p50_ms: float
    loaded_notify_p99_ms: float
    notify_text_p50_ms: float
    notify_text_p99_ms: float
    notify_audio_p50_ms: float
    notify_audio_p99_ms: float
    notify_lost: int


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    cpu_s: float
    starved_s: float
    memory_kb: float

    @classmethod
    def of(cls, pid: int) -> _Sample:
        process = psutil.Process(pid)
        times = process.cpu_times()
        memory_kb = process.memory_full_info().uss / 1024
        # The kernel's schedstat: ns on a core, ns ready but waiting for one, turns.
        waited_ns = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
        return cls(time.monotonic(), times.user + times.system, waited_ns / 1e9, memory_kb)

    def cpu_share_since(self, earlier: _Sample) -> float:
        return (self.cpu_s - earlier.cpu_s) / (self.at_s - earlier.at_s)

    def starved_share_since(self, earlier: _Sample) -> float:
        return (self.starved_s - earlier.starved_s) / (self.at_s - earlier.at_s)


async def run(program: Program, load: Load, processes: Processes) -> Measured:
    """Raises ProcessError when the program does not start."""
    answer = f"--answer-ms={load.answer_ms}"
    async with served(processes, program, program, answer) as (url, server):
        if load.server_core is not None:
            psutil.Process(server.pid).cpu_affinity([load.server_core])
        return await _measure(program, load, url, server.pid)


async def _measure(program: Program, load: Load, url: str, pid: int) -> Measured:
    notifier = GatewayNotifier(GatewayNotifierSettings(url))
    listeners = Listeners(socket_url(url), notifier)
    await asyncio.sleep(_SETTLE_S)
    alone = _Sample.of(pid)
    token = None
    if program == "gateway":
        token = await fetch_token(url)
        await listeners.join(load.listeners, await create_session(url, token=token))
    else:
        await listeners.only_connect(load.listeners)
    speakers = await open_speakers(socket_url(url), load.speakers, token)
    await asyncio.sleep(_SETTLE_S)
    connected = _Sample.of(pid)

    loaded, text, audio = Histogram(), Histogram(), Histogram()
    async with contextlib.AsyncExitStack() as beside:
        await beside.enter_async_context(_beside(listeners.beat()))
        await speakers.speak(round(WARM_UP_S / CHUNK_S), measured=False)
        before, own_before = _Sample.of(pid), _Sample.of(os.getpid())
        if program == "gateway":
            announcing = listeners.announce_every(UTTERANCE_S, INLINE_AUDIO, loaded)
            await beside.enter_async_context(_beside(announcing))
        rounds = round(load.seconds / CHUNK_S)
        await speakers.speak(rounds // 2, measured=True)
        halfway = _Sample.of(pid)
        await speakers.speak(rounds - rounds // 2, measured=True)
        after, own_after = _Sample.of(pid), _Sample.of(os.getpid())
        unacknowledged = await speakers.acknowledged(_LAST_ACKNOWLEDGEMENT_S)
    seen = await _seen(url)
    if program == "gateway":
        for times, inline in ((text, None), (audio, INLINE_AUDIO)):
            for _ in range(QUIET_UTTERANCES):
                await listeners.announce(inline, times)
    await notifier.close()
    connections = load.speakers + load.listeners
    return Measured(
        program=program,
        chunks=seen.chunks,
        records_per_call=seen.records / max(1, seen.calls),
        put_p50_ms=seen.put_p50_ms,
        put_p99_ms=seen.put_p99_ms,
        durable_p50_ms=seen.durable_p50_ms,
        durable_p99_ms=seen.durable_p99_ms,
        durable_longest_ms=seen.durable_longest_ms,
        acknowledged_p50_ms=speakers.acknowledgements.percentile(0.5),
        acknowledged_p99_ms=speakers.acknowledgements.percentile(0.99),
        unacknowledged=unacknowledged,
        dropped=_left(speakers, listeners),
        errors=speakers.errors,
        cpu_share=after.cpu_share_since(before),
        starved_share=after.starved_share_since(before),
        memory_mb=after.memory_kb / 1024,
        memory_kb_per_connection=(connected.memory_kb - alone.memory_kb) / max(1, connections),
        memory_growth_kb=after.memory_kb - before.memory_kb,
        memory_growth_first_half_kb=halfway.memory_kb - before.memory_kb,
        memory_growth_second_half_kb=after.memory_kb - halfway.memory_kb,
        generator_lag_p99_ms=speakers.lag.percentile(0.99),
        generator_cpu_share=own_after.cpu_share_since(own_before),
        loaded_notify_p50_ms=loaded.percentile(0.5),
        loaded_notify_p99_ms=loaded.percentile(0.99),
        notify_text_p50_ms=text.percentile(0.5),
        notify_text_p99_ms=text.percentile(0.99),
        notify_audio_p50_ms=audio.percentile(0.5),
        notify_audio_p99_ms=audio.percentile(0.99),
        notify_lost=listeners.lost,
    )


def _left(speakers: Speakers, listeners: Listeners) -> int:
    """Connections that the server closed; counted before this program closes its own, too."""
    dropped = speakers.dropped + listeners.dropped
    for socket in (*(one.socket for one in speakers.all), *listeners.sockets):
        socket.close()
    return dropped


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncGenerator[None, None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _seen(url: str) -> Seen:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/seen") as answer:
        return msgspec.json.decode(await answer.read(), type=Seen)
