"""What the offline engines cost and how well they hear, by themselves.

python -m benchmarks.engines.offline

Recognises the demo's talk as fast as the decoder goes, then commits its results the way the window
mode does, for several waits behind an edge; then times translations and clips one after another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from connectors.interfaces.speech_to_text import Recognition, SpeechStream
from connectors.offline.speech_synthesis import OfflineSynthesizer
from connectors.offline.speech_to_text import OfflineSpeechToText
from connectors.offline.translation import OfflineTranslator
from local_stack.talk import make_talk, word_error_rate
from pipelines.segmentation.segmenter import Hypothesis, TimedWord
from pipelines.segmentation.window_segmenter import WindowSegmenter
from schemas.values import SAMPLE_RATE_HZ

TEXT = "had he married a more amiable woman he might have been made still more respectable"
SETTLES_S = (0.0, 0.25, 0.5, 0.75, 1.0)
TARGETS = ("es", "ca", "fr", "pt")
STREAMS = 10


@dataclass(frozen=True, slots=True)
class Hearing:
    """``real_time_factor``: decoder seconds for a second of audio. Memory is proportional set
    size (shared pages counted once), of the model process and its decoders together."""

    first_open_ms: float
    open_ms: float
    real_time_factor: float
    wer: float
    wer_in_windows: dict[str, float]
    memory_mb_of_ten: float


@dataclass(frozen=True, slots=True)
class Latency:
    what: str
    p50_ms: float
    p95_ms: float


async def recognise(stream: SpeechStream, pcm: bytes) -> list[Recognition]:
    async def speak() -> None:
        for at in range(0, len(pcm), 3_200):
            await stream.send(pcm[at : at + 3_200])
        await stream.finish()

    speaking = asyncio.create_task(speak())
    results = [result async for result in stream]
    await speaking
    await stream.close()
    return results


def in_windows(results: list[Recognition], cutter: WindowSegmenter, samples: int) -> str:
    """What the window mode would have said, given these results one after another."""
    said: list[str] = []
    settled: list[TimedWord] = []
    end = resume = 0
    for number, result in enumerate(results, 1):
        words = [
            TimedWord(
                word.text, round(word.start_s * SAMPLE_RATE_HZ), round(word.end_s * SAMPLE_RATE_HZ)
            )
            for word in result.words
        ]
        heard = Hypothesis(
            [*settled, *words],
            through_sample=round(result.through_s * SAMPLE_RATE_HZ),
            available_sample=samples,
            finished=number == len(results),
        )
        while (cut := cutter.next_segment(end, resume, heard)) is not None:
            said.append(cut.text)
            end, resume = cut.end_sample, cut.resume_sample
        if result.is_final:
            settled += words
    return " ".join(said)


async def measure_hearing() -> Hearing:
    with tempfile.TemporaryDirectory() as folder:
        talk = make_talk(Path(folder) / "talk.wav")
        with wave.open(str(talk.wav)) as recording:
            pcm = recording.readframes(recording.getnframes())
    recogniser = OfflineSpeechToText()
    opens_ms: list[float] = []
    streams: list[SpeechStream] = []
    for _ in range(1 + STREAMS):
        started_s = time.perf_counter()
        streams.append(await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ))
        opens_ms.append((time.perf_counter() - started_s) * 1000)
    started_s = time.perf_counter()
    results = await recognise(streams.pop(), pcm)
    took_s = time.perf_counter() - started_s
    for stream in streams:
        await consider(stream, pcm)
    memory_mb = _memory_mb(recogniser)
    await recogniser.close()
    final = " ".join(word.text for result in results if result.is_final for word in result.words)
    samples = len(pcm) // 2
    windows = {
        f"{settle_s:g}": in_windows(
            results, WindowSegmenter(settle_samples=round(settle_s * SAMPLE_RATE_HZ)), samples
        )
        for settle_s in SETTLES_S
    }
    return Hearing(
        first_open_ms=opens_ms[0],
        open_ms=statistics.median(opens_ms[1:]),
        real_time_factor=took_s / talk.duration_s,
        wer=word_error_rate(talk.reference, final),
        wer_in_windows={
            settle_s: word_error_rate(talk.reference, text) for settle_s, text in windows.items()
        },
        memory_mb_of_ten=memory_mb,
    )


async def consider(stream: SpeechStream, pcm: bytes) -> None:
    """Let the decoder hear 10 s, and keep it open."""
    ten_s = 10 * 2 * SAMPLE_RATE_HZ
    sending = asyncio.create_task(stream.send(pcm[:ten_s]))
    async for result in stream:
        if result.through_s > 9.7:
            break
    await sending


def _memory_mb(recogniser: OfflineSpeechToText) -> float:
    model = psutil.Process(recogniser.model_process_id)
    return sum(each.memory_full_info().pss for each in (model, *model.children())) / 1e6


async def measure_latency(what: str, call: Callable[[], Awaitable[object]], times: int) -> Latency:
    took_ms: list[float] = []
    for _ in range(times):
        started_s = time.perf_counter()
        await call()
        took_ms.append((time.perf_counter() - started_s) * 1000)
    cuts = statistics.quantiles(took_ms, n=20)
    return Latency(what, statistics.median(took_ms), cuts[18])


async def measure_latencies() -> list[Latency]:
    translator, voice = OfflineTranslator(), OfflineSynthesizer()
    found: list[Latency] = []
    for target in TARGETS:
        await translator.warm("en", target)
        found.append(
            await measure_latency(
                f"translate en-{target}",
                lambda to=target: translator.translate(TEXT, "en", to),
                200,
            )
        )
        text = await translator.translate(TEXT, "en", target)
        found.append(
            await measure_latency(
                f"synthesize {target}", lambda to=target, it=text: voice.synthesize(it, to), 50
            )
        )
    await translator.close()
    await voice.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks/speech_engines.json"))
    out: Path = parser.parse_args().out
    hearing = asyncio.run(measure_hearing())
    latencies = asyncio.run(measure_latencies())
    print(f"first open {hearing.first_open_ms:.0f} ms, others {hearing.open_ms:.1f} ms (median)")
    print(f"real time factor {hearing.real_time_factor:.3f}")
    print(f"ten decoders {hearing.memory_mb_of_ten:.0f} MB with the model")
    print(f"WER {hearing.wer:.3f}; in 3 s windows, by wait behind the edge:")
    for settle_s, rate in hearing.wer_in_windows.items():
        print(f"    {settle_s:>5} s  {rate:.3f}")
    for latency in latencies:
        print(f"{latency.what:16} p50 {latency.p50_ms:6.1f} ms  p95 {latency.p95_ms:6.1f} ms")
    out.parent.mkdir(parents=True, exist_ok=True)
    report = {"hearing": asdict(hearing), "latencies": [asdict(each) for each in latencies]}
    out.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
