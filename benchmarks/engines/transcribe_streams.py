"""What Transcribe's streams cost a worker: CPU while open and while somebody speaks, and delay.

python -m benchmarks.engines.transcribe_streams [--streams 1 25] [--lull-ms 1]

The service is the tests' protocol server, in a process of its own with scripted engines behind it.
CPU is this process': SDK, TLS, signatures and adapter. ``--lull-ms 0`` is the SDK as it comes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tables import save, show
from connectors.amazon import transcribe_wire as amazon_transcribe_wire
from connectors.amazon.clients import AwsSettings
from connectors.amazon.speech_to_text import AmazonSpeechToText
from connectors.amazon.speech_to_text_settings import AmazonSpeechToTextSettings
from connectors.amazon.transcribe_stream import AmazonSpeechStream
from connectors.testing.words import write_words
from schemas.values import SAMPLE_RATE_HZ

WORDS = 60
CHUNK_BYTES = 8_192
IDLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Cost:
    """``delay_*``: from a moment of audio until a result has considered it."""

    streams: int
    open_s: float
    idle_cpu_percent: float
    speaking_cpu_percent: float
    delay_p50_ms: float
    delay_p99_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    lull_ms: float
    costs: tuple[Cost, ...]


class CpuMeter:
    """Of this process, in percent of a core since it was made."""

    def __init__(self) -> None:
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()

    def percent(self) -> float:
        used_s = time.process_time() - self._cpu_s
        return round(100 * used_s / (time.monotonic() - self._began_s), 1)


async def talk(stream: AmazonSpeechStream, pcm: bytes) -> list[float]:
    """Delays in ms, while ``pcm`` is spoken at its own speed."""
    began_s = time.monotonic()

    async def listen() -> list[float]:
        return [
            1000 * (time.monotonic() - began_s - result.through_s)
            async for result in stream
            if not result.is_final
        ]

    listening = asyncio.create_task(listen())
    for at in range(0, len(pcm), CHUNK_BYTES):
        spoken_s = (at + CHUNK_BYTES) / 2 / SAMPLE_RATE_HZ
        await asyncio.sleep(max(0.0, began_s + spoken_s - time.monotonic()))
        await stream.send(pcm[at : at + CHUNK_BYTES])
    await stream.finish()
    return await listening


async def measure(recogniser: AmazonSpeechToText, count: int) -> Cost:
    began_s = time.monotonic()
    streams = [await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ) for _ in range(count)]
    open_s = time.monotonic() - began_s
    idle = CpuMeter()
    await asyncio.sleep(IDLE_S)
    idle_percent = idle.percent()
    pcm, _ = write_words(0, WORDS)
    speaking = CpuMeter()
    heard = await asyncio.gather(*(talk(stream, pcm) for stream in streams))
    speaking_percent = speaking.percent()
    delays_ms = sorted(delay_ms for delays in heard for delay_ms in delays)
    for stream in streams:
        await stream.close()
    return Cost(
        count,
        round(open_s, 2),
        idle_percent,
        speaking_percent,
        round(delays_ms[len(delays_ms) // 2]),
        round(delays_ms[int(len(delays_ms) * 0.99)]),
    )


async def run(counts: list[int], lull_ms: float) -> Found:
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local_stack.amazon_servers", "--engines=scripted"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        line = (await server.stdout.readline()).decode()
        options = dict(each.split("=", 1) for each in line.split())
        recogniser = AmazonSpeechToText(
            AwsSettings.local(options["--transcribe_endpoint"], "bench"),
            AmazonSpeechToTextSettings(
                ca_file=options["--transcribe_ca_file"], max_streams=max(counts)
            ),
        )
        amazon_transcribe_wire.LULL_S = lull_ms / 1000
        costs = tuple([await measure(recogniser, count) for count in counts])
        await recogniser.close()
        return Found(lull_ms, costs)
    finally:
        server.terminate()
        await server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 25])
    parser.add_argument("--lull-ms", type=float, default=1000 * amazon_transcribe_wire.LULL_S)
    given = parser.parse_args()
    found = asyncio.run(run(given.streams, given.lull_ms))
    columns = ("streams", "opened in s", "idle CPU %", "speaking CPU %", "delay p50 ms", "p99 ms")
    rows = [
        (
            cost.streams,
            cost.open_s,
            cost.idle_cpu_percent,
            cost.speaking_cpu_percent,
            cost.delay_p50_ms,
            cost.delay_p99_ms,
        )
        for cost in found.costs
    ]
    show(f"Transcribe's streams, lull {found.lull_ms:g} ms", columns, rows)
    save(Path("build/transcribe-streams.json"), found)


if __name__ == "__main__":
    main()
