"""What people in browsers wait for: ``python -m benchmarks.browsers``, or ``make bench-browsers``.

1. *Microphone to stream*, by WebSocket and by WebRTC: the microphone is a tone that rises steadily,
   so that each chunk in the local Kinesis says when its first sample was spoken; spoken is when the
   page itself hears it.
2. *Word to sound*: the demo's talk spoken from the page, by each way, through the whole job with
   the offline engines; until a listener's page begins to play the utterance. Times are from the
   utterance's first and last sample; the gateway's stamp is corrected by what (1) found.
3. *500 listeners* of one session, captions four times a second and a clip every 3 s in four
   languages: a gateway of its own, over tables in memory.
4. *A phone arrives* at a live room by its link: until the page can be used, until its first
   caption, what it loads until then, and layout shift; as it is, and as a slow phone on fast 3G.

All of it in less than eight minutes; ``build/bench/browsers.json`` has the figures. Fails when one
is not what is promised (``bars``); the last line says which.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
import wave
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from playwright.async_api import Error as PlaywrightError

from benchmarks.bars import in_a_line, missed
from benchmarks.browsers import arrival, audience
from benchmarks.browsers.bars import BARS, flat
from benchmarks.browsers.pages import (
    CHROMIUM,
    PlayedUtterance,
    WaySent,
    chromium,
    end,
    glimpse,
    listen,
    speak,
    write_microphone,
)
from benchmarks.browsers.report import IN_WORDS, Found, WordToSound, report
from benchmarks.browsers.sweep import Arrived, Way, sweep, way
from benchmarks.tables import save
from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.interfaces.errors import ConnectorError
from ingest_gateway.routes import pages as built_pages
from local_stack.flink import ROOT
from local_stack.latency import percentile, spread
from local_stack.processes import ProcessError, Processes, stop_on_terminate
from local_stack.stack import LocalStack, StackSettings
from local_stack.talk import NoTalkError, make_talk
from schemas.avro_codec import decode
from schemas.names import RECOGNISED_STAGES
from schemas.values import SAMPLE_RATE_HZ, AudioChunk

if TYPE_CHECKING:
    from types_aiobotocore_kinesis.client import KinesisClient

T = TypeVar("T")
DIRECTORY = ROOT / "build" / "bench-browsers"
WAYS: tuple[WaySent, ...] = ("websocket", "webrtc")
LANGUAGE = "es"
GLIMPSES = 12
MICROPHONE_HZ = 48_000
SETTLE_S = 25.0
AT_MOST_S = 400.0
"""For what goes through the whole system."""
_HEARD = "page"
"""From the notification's sending to the first sound: the way to the page, its queue, its clock."""


async def measure(stack: LocalStack, seconds: float, way_sent: WaySent) -> tuple[float, Way]:
    """Milliseconds to connect, and from the microphone to the stream."""
    tone = write_microphone(DIRECTORY / "sweep.wav", sweep(MICROPHONE_HZ), MICROPHONE_HZ)
    async with chromium(tone) as browser:
        page, session_id, connect_ms = await speak(browser, stack.gateway_url, way_sent)
        glimpses = []
        for _ in range(GLIMPSES):
            glimpses.append(await glimpse(page))
            await asyncio.sleep(seconds / GLIMPSES)
        await end(page)
    arrived = await stored(stack.aws, session_id)
    # Behind the first second, in which echo canceller and clock find their feet; whole chunks only.
    whole = [one for one in arrived[4:] if len(one.samples) == len(arrived[0].samples)]
    return connect_ms, way(glimpses, whole, SAMPLE_RATE_HZ)


async def stored(aws: AwsSettings, session_id: str) -> list[Arrived]:
    """A session's chunks as they stand in Kinesis, in order."""
    clients = AwsClients(aws)
    try:
        kinesis = await clients.kinesis()
        name = aws.names.audio_stream
        shards = (await kinesis.list_shards(StreamName=name))["Shards"]
        found = [
            one
            for shard in shards
            for one in await _of_shard(kinesis, name, shard["ShardId"], session_id)
        ]
    finally:
        await clients.close()
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


async def _of_shard(
    kinesis: KinesisClient, stream: str, shard: str, session_id: str
) -> list[tuple[tuple[int, int], Arrived]]:
    begin = await kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )
    at, found = begin["ShardIterator"], []
    while True:
        answer = await kinesis.get_records(ShardIterator=at, Limit=1000)
        for record in answer["Records"]:
            chunk = decode(record["Data"])
            at_time = record.get("ApproximateArrivalTimestamp")
            if at_time and isinstance(chunk, AudioChunk) and chunk.session_id == session_id:
                samples = np.frombuffer(chunk.pcm, "<i2").astype(np.float64)
                one = Arrived(
                    at_time.timestamp(),
                    chunk.captured_at_ms / 1000,
                    samples,
                )
                found.append(((chunk.epoch, chunk.sequence), one))
        at = answer.get("NextShardIterator", "")
        if not at or not answer.get("MillisBehindLatest"):
            return found
        await asyncio.sleep(0.2)  # a shard may be read five times a second


async def hear(stack: LocalStack, way_sent: WaySent, talk: Path, stamp_ms: float) -> WordToSound:
    """The talk from a page to another one. ``stamp_ms``: how late the gateway's stamps are."""
    with wave.open(str(talk)) as recording:
        duration_s = recording.getnframes() / recording.getframerate()
    async with chromium(talk) as browser:
        page, session_id, _ = await speak(browser, stack.gateway_url, way_sent)
        listening = await listen(browser, stack.gateway_url, session_id, LANGUAGE)
        await asyncio.sleep(duration_s)
        await end(page)
        give_up_s = time.monotonic() + SETTLE_S
        known = 0
        while time.monotonic() < give_up_s:
            await asyncio.sleep(3)  # longer than one utterance follows another
            if listening.is_done and len(listening.utterances) == known:
                break
            known = len(listening.utterances)
        return word_to_sound(listening.utterances, stamp_ms)


def word_to_sound(heard: Sequence[PlayedUtterance], stamp_ms: float) -> WordToSound:
    """Raises ValueError when nothing was heard."""
    if not heard:
        raise ValueError("the listener's page played nothing")
    first_s = [one.heard_s - one.timestamp_s + stamp_ms / 1000 for one in heard]
    last_s = [late_s - one.duration_s for late_s, one in zip(first_s, heard, strict=True)]
    return WordToSound(
        utterances=len(heard),
        from_first_p50_s=percentile(first_s, 0.5),
        from_first_p95_s=percentile(first_s, 0.95),
        from_last_p50_s=percentile(last_s, 0.5),
        from_last_p95_s=percentile(last_s, 0.95),
        stages_ms=_stages(heard),
    )


def _stages(heard: Sequence[PlayedUtterance]) -> dict[str, float]:
    names = [name for name in RECOGNISED_STAGES if any(name in one.stages_ms for one in heard)]
    found = {name: spread([one.stages_ms.get(name, 0) for one in heard]).p50_ms for name in names}
    rest_ms = [
        (one.heard_s - one.timestamp_s) * 1000 - sum(one.stages_ms.values()) for one in heard
    ]
    return found | {_HEARD: spread(rest_ms).p50_ms}


async def browsers(stack: LocalStack, seconds: float, talk: Path, found: Found) -> None:
    """The measurements through the whole system, into ``found``: what was found stays when a later
    one fails."""
    for one in WAYS:
        print(f"browsers: microphone to stream by {IN_WORDS[one]}", flush=True)
        spoken = await _tried(lambda one=one: measure(stack, seconds, one))
        if spoken is None:
            continue
        found.connect_ms[one], found.microphone[one] = spoken
        stamp_ms = found.microphone[one].stamp_ms
        print(f"browsers: word to sound by {IN_WORDS[one]}", flush=True)
        heard = await _tried(lambda one=one, late=stamp_ms: hear(stack, one, talk, late))
        if heard is not None:
            found.sound[one] = heard


async def _tried(once: Callable[[], Awaitable[T]]) -> T | None:
    """A busy machine may be too slow for a page: once more, then do without."""
    for _ in range(2):
        try:
            return await once()
        except (ConnectorError, PlaywrightError, ValueError) as error:
            print(f"browsers: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
    return None


def run(seconds: float, listeners: int, openings: int) -> Found:
    """What could be found in time. Raises ConnectorError, ProcessError, NoTalkError."""
    began_s = time.monotonic()
    settings = StackSettings(DIRECTORY, stage="browsers")
    found = Found({}, {}, {}, None, {})
    with LocalStack(settings, say=lambda step: print(f"browsers: {step}", flush=True)) as stack:
        talk = make_talk(DIRECTORY / "talk.wav")
        whole = browsers(stack, seconds, talk.wav, found)
        left_s = AT_MOST_S - (time.monotonic() - began_s)
        try:
            asyncio.run(asyncio.wait_for(whole, left_s))
        except TimeoutError:
            print(f"browsers: given up after {AT_MOST_S:.0f} s", file=sys.stderr)
    print(f"browsers: {listeners} listeners", flush=True)
    with Processes(DIRECTORY / "logs-of-listeners") as processes:
        crowd = asyncio.run(audience.measure(listeners, seconds, processes))
        print(f"browsers: {openings} phones arrive", flush=True)
        arrivals = asyncio.run(_tried(lambda: arrival.measure(openings, processes)))
    return replace(found, audience=crowd, arrivals=arrivals or {})


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--listeners", type=int, default=500)
    parser.add_argument("--openings", type=int, default=20, help="of a live room's link")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "browsers.json")
    given = parser.parse_args()
    if not CHROMIUM.exists() or not (built_pages.BUILT / "index.html").exists():
        print("browsers: needs Chromium and the built pages: make browser pages", file=sys.stderr)
        return 1
    stop_on_terminate()
    try:
        found = run(given.seconds, given.listeners, given.openings)
    except (ConnectorError, ProcessError, NoTalkError) as error:
        print(f"browsers: {error}", file=sys.stderr)
        return 1
    report(found)
    save(given.json, found)
    below = missed(BARS, flat(asdict(found)), all_measured=True)
    print(f"browsers: missed: {in_a_line(below)}")
    return 1 if below else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
