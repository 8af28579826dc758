"""Whether the neural engines of this machine keep growing: their memory over half an hour of work.

python -m benchmarks.engines.memory [--minutes 30]

A speaker speaks the recorded talks (``benchmarks.recorded_talks``) in one stream without an end, as
fast as it is recognised, while sentences are translated into four languages and phrases voiced in
five, one after the other. Prints the resident memory of each engine's process over the time, at
the start, in the middle and at the end, and how fast its second half grows. An engine that is slow
because the machine has other work is waited for: one that is killed would begin anew.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.engines.local import PHRASES, SENTENCES
from benchmarks.recorded_talks import TALKS
from connectors.local.speech_synthesis import LocalSynthesizer, LocalSynthesizerSettings
from connectors.local.speech_to_text import LocalSpeechToText, LocalSpeechToTextSettings
from connectors.local.translation import LocalTranslator, LocalTranslatorSettings
from connectors.offline.translation import OfflineTranslator, OfflineTranslatorSettings
from schemas.values import SAMPLE_RATE_HZ

OUTPUT = Path("build/local_memory.json")
EVERY_S = 10.0
CHUNK_S = 0.5
ROWS = 10
PATIENCE_S = 900.0
"""Before an engine is taken to hang, or not to start."""


@dataclass(frozen=True, slots=True)
class Sample:
    """``memory_mb``: by engine. ``spoken_s``, ``translated``, ``voiced``: work done so far."""

    at_s: float
    memory_mb: Mapping[str, float]
    spoken_s: float
    translated: int
    voiced: int


def growth_mb_a_min(samples: Sequence[Sample], engine: str) -> float:
    """Of the second half, by least squares: the first half loads models and fills caches."""
    later = samples[len(samples) // 2 :]
    minutes = np.array([sample.at_s / 60 for sample in later])
    memory_mb = np.array([sample.memory_mb[engine] for sample in later])
    return float(np.polyfit(minutes, memory_mb, 1)[0])


class Work:
    """The three engines at work until they are told to stop."""

    def __init__(self) -> None:
        self.recogniser = LocalSpeechToText(
            LocalSpeechToTextSettings(
                most_steps=1, start_timeout_s=PATIENCE_S, hangs_after_s=PATIENCE_S
            )
        )
        self.translator = LocalTranslator(
            LocalTranslatorSettings(answer_timeout_s=PATIENCE_S),
            apertium=OfflineTranslator(
                OfflineTranslatorSettings(answer_timeout_s=PATIENCE_S, start_timeout_s=PATIENCE_S)
            ),
        )
        self.voice = LocalSynthesizer(
            LocalSynthesizerSettings(
                deadline_s=float("inf"), start_timeout_s=PATIENCE_S, hangs_after_s=PATIENCE_S
            )
        )
        self.spoken_s = 0.0
        self.translated = self.voiced = 0

    async def speak(self) -> None:
        stream = await self.recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
        step = int(CHUNK_S * SAMPLE_RATE_HZ) * 2

        async def listen() -> None:
            async for result in stream:
                self.spoken_s = result.through_s
            raise RuntimeError("the stream ended by itself")

        listening = asyncio.create_task(listen())
        try:
            for pcm in itertools.cycle([talk.pcm() for talk in TALKS.values()]):
                for at in range(0, len(pcm), step):
                    await stream.send(pcm[at : at + step])
                    if listening.done():
                        listening.result()
        finally:
            listening.cancel()
            await stream.close()

    async def translate(self) -> None:
        for number in itertools.count():
            # Texts that were never there before: nothing is answered out of a cache.
            text = f"{SENTENCES[number % len(SENTENCES)]} It was number {number}."
            await self.translator.translate(text, "en", ("pt", "es", "ca", "fr")[number % 4])
            self.translated += 1
            await asyncio.sleep(0.1)

    async def voices(self) -> None:
        for number in itertools.count():
            for language, phrases in PHRASES.items():
                await self.voice.synthesize(f"{phrases[number % 2]} {number}", language)
                self.voiced += 1

    def processes(self) -> dict[str, int | None]:
        return {
            "recognition": self.recogniser.model_process_id,
            "translation": self.translator.engine_process_id,
            "voices": self.voice.engine_process_id,
            "worker": None,
        }

    async def close(self) -> None:
        await asyncio.gather(self.recogniser.close(), self.translator.close(), self.voice.close())


def save(samples: Sequence[Sample]) -> None:
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(each) for each in samples], indent=1))


def raise_what_failed(tasks: Sequence[asyncio.Task[None]]) -> None:
    """The work has no end of its own."""
    for task in tasks:
        if task.done():
            task.result()


async def run(minutes: float) -> list[Sample]:
    work = Work()
    tasks = [asyncio.create_task(each) for each in (work.speak(), work.translate(), work.voices())]
    while work.spoken_s == 0.0 or work.translated < 4 or work.voiced < 1:
        await asyncio.sleep(1.0)
        raise_what_failed(tasks)
    began_s = time.monotonic()
    samples: list[Sample] = []
    while (at_s := time.monotonic() - began_s) < 60 * minutes:
        memory_mb = {
            name: round(psutil.Process(process).memory_info().rss / 2**20, 1)
            for name, process in work.processes().items()
        }
        samples.append(
            Sample(
                *(round(at_s, 1), memory_mb, round(work.spoken_s, 1)),
                *(work.translated, work.voiced),
            )
        )
        save(samples)
        await asyncio.sleep(EVERY_S)
        raise_what_failed(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await work.close()
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    samples = asyncio.run(run(parser.parse_args().minutes))
    engines = tuple(samples[0].memory_mb)
    print("  min  speech s  translated  voiced  " + "  ".join(f"{each:>11}" for each in engines))
    for sample in samples[:: max(1, len(samples) // ROWS)]:
        print(
            f"{sample.at_s / 60:5.1f}  {sample.spoken_s:8.0f}  {sample.translated:10d}"
            f"  {sample.voiced:6d}  "
            + "  ".join(f"{sample.memory_mb[each]:8.0f} MB" for each in engines)
        )
    for engine in engines:
        start, middle, end = (
            samples[at].memory_mb[engine] for at in (0, len(samples) // 2, len(samples) - 1)
        )
        print(
            f"{engine}: {start:.0f} MB at the start, {middle:.0f} in the middle, {end:.0f} at the "
            f"end; {growth_mb_a_min(samples, engine):+.2f} MB a minute in the second half"
        )


if __name__ == "__main__":
    main()
