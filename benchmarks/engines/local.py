"""What the neural engines of this machine cost and how good they are, by themselves.

python -m benchmarks.engines.local [recognition] [translation] [voices] [--live]

Recognition: the demo's talk and, out of Moonshine's package, the opening of A Tale of Two Cities,
through the engine's process. ``--live`` speaks them in real time and shows how long after a word's
end it is stable; without it they are spoken as fast as the engine goes, each step decoded.
Translation: sentences by every route from English. Voices: phrases of three lengths; CPU seconds
for a second of speech, and seconds until the clip is there. CPU is that of the engine's process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import psutil

from connectors.interfaces.speech_to_text import Recognition
from connectors.local.line_agreement import bare
from connectors.local.model_store import FOLDER
from connectors.local.speech_synthesis import LocalSynthesizer, LocalSynthesizerSettings
from connectors.local.speech_to_text import LocalSpeechToText, LocalSpeechToTextSettings
from connectors.local.translation import LocalTranslator
from local_stack.talk import make_talk, word_error_rate
from schemas.values import SAMPLE_RATE_HZ

OUTPUT = Path("build/local_engines.json")
CHUNK_S = 0.1
CITIES = FOLDER / "moonshine-tiny-en/moonshine_voice/assets/two_cities.wav"
CITIES_TEXT = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age"
    " of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the"
    " season of light, it was the season of darkness, it was the spring of hope, it was the winter"
    " of despair, we had everything before us, we had nothing before us, we were all going direct"
    " to heaven, we were all going direct the other way, in short, the period was so far like the"
    " present period, that some of its noisiest authorities insisted on its being received, for"
    " good or for evil, in the superlative degree of comparison only."
)
SENTENCES = (
    "Thank you all for being here so early on a Saturday.",
    "The first two did not change anything.",
    "We tried three things: a shorter form, a second nurse at the door, and a number that people "
    "could call at night.",
)
PHRASES = {
    "en": ("He was not an ill disposed young man.", "Had he married a more amiable woman,"),
    "es": ("Él no era un joven malo.", "Si se hubiera casado con una mujer más amable,"),
    "fr": ("Ce n'était pas un mauvais jeune homme.", "S'il avait épousé une femme plus aimable,"),
    "it": ("Non era un giovane cattivo.", "Se avesse sposato una donna più amabile,"),
    "pt": ("Ele não era um jovem malvado.", "Se tivesse casado com uma mulher mais amável,"),
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """``stable_s``: from a word's (estimated) end to the result that first called it stable."""

    what: str
    seconds: float
    wer: float
    cpu_per_s: float
    memory_mb: float
    stable_p50_s: float | None
    stable_p95_s: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Cost:
    what: str
    cpu_per_s: float
    """Of speech; of a translation: milliseconds of CPU a sentence, in thousandths."""
    p50_s: float
    detail: str = ""


def cpu_s(process_id: int | None) -> float:
    """Of the process, its threads and those that it has waited for."""
    times = psutil.Process(process_id).cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def samples_of(recording: Path) -> bytes:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(str(recording)) as container:
        frames = [done for frame in container.decode(audio=0) for done in resampler.resample(frame)]
    return b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames)


async def recognise(what: str, pcm: bytes, reference: str, *, live: bool) -> Spoken:
    settings = LocalSpeechToTextSettings() if live else LocalSpeechToTextSettings(most_steps=1)
    recogniser = LocalSpeechToText(settings)
    stream = await recogniser.open("en", sample_rate_hz=SAMPLE_RATE_HZ)
    process = recogniser.model_process_id
    before_s, began_s = cpu_s(process), time.monotonic()
    step = int(CHUNK_S * SAMPLE_RATE_HZ) * 2

    async def speak() -> None:
        for at in range(0, len(pcm), step):
            if live:
                due_s = began_s + (at + step) / 2 / SAMPLE_RATE_HZ
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            await stream.send(pcm[at : at + step])
        await stream.finish()

    speaking = asyncio.create_task(speak())
    waits: list[float] = []
    final: list[str] = []
    stable = 0
    async for result in stream:
        waits += _newly_stable(result, stable, time.monotonic() - began_s)
        stable = 0 if result.is_final else sum(word.is_stable for word in result.words)
        if result.is_final:
            final += [word.text for word in result.words]
    await speaking
    seconds = len(pcm) / 2 / SAMPLE_RATE_HZ
    spent_s = cpu_s(process) - before_s
    memory_mb = psutil.Process(process).memory_info().rss / 2**20
    await recogniser.close()
    text = " ".join(final)
    return Spoken(
        what,
        round(seconds, 1),
        round(word_error_rate(_as_read(reference), _as_read(text)), 4),
        round(spent_s / seconds, 3),
        round(memory_mb),
        round(statistics.median(waits), 2) if live else None,
        round(statistics.quantiles(waits, n=20)[-1], 2) if live else None,
        text,
    )


def _newly_stable(result: Recognition, known: int, now_s: float) -> list[float]:
    words = [word for word in result.words if word.is_stable or result.is_final]
    return [now_s - word.end_s for word in words[known:]]


def _as_read(text: str) -> str:
    return " ".join("mister" if bare(word) == "mr" else word for word in text.split())


async def translation() -> list[Cost]:
    translator = LocalTranslator()
    costs: list[Cost] = []
    for target in ("pt", "es", "ca", "fr"):
        await translator.warm("en", target)
        took: list[float] = []
        before_s = cpu_s(translator.engine_process_id)
        for _ in range(5):
            for sentence in SENTENCES:
                began_s = time.monotonic()
                await translator.translate(sentence, "en", target)
                took.append(time.monotonic() - began_s)
        spent_s = (cpu_s(translator.engine_process_id) - before_s) / len(took)
        route = translator.route("en", target)
        steps = " ".join(f"{step.engine}:{step.target}" for step in route.steps) if route else ""
        costs.append(
            Cost(f"en-{target}", round(spent_s, 4), round(statistics.median(took), 4), steps)
        )
    await translator.close()
    return costs


async def voices() -> list[Cost]:
    voice = LocalSynthesizer(LocalSynthesizerSettings(deadline_s=float("inf")))
    await voice.warm()
    costs: list[Cost] = []
    for language, phrases in PHRASES.items():
        before_s = cpu_s(voice.engine_process_id)
        took: list[float] = []
        seconds = 0.0
        for phrase in phrases:
            began_s = time.monotonic()
            clip = await voice.synthesize(phrase, language)
            took.append(time.monotonic() - began_s)
            seconds += clip.duration_s
        spent_s = cpu_s(voice.engine_process_id) - before_s
        costs.append(
            Cost(
                language,
                round(spent_s / seconds, 3),
                round(statistics.median(took), 2),
                f"{seconds:.1f} s of speech",
            )
        )
    await voice.close()
    return costs


async def run(parts: Sequence[str], *, live: bool) -> dict[str, object]:
    found: dict[str, object] = {"load": psutil.getloadavg()[0]}
    if "recognition" in parts:
        talk = make_talk(Path("build/local_engines/talk.wav"))
        spoken = [
            await recognise("talk", samples_of(talk.wav), talk.reference, live=live),
            await recognise("two cities", samples_of(CITIES), CITIES_TEXT, live=live),
        ]
        found["recognition"] = [asdict(each) for each in spoken]
    if "translation" in parts:
        found["translation"] = [asdict(each) for each in await translation()]
    if "voices" in parts:
        found["voices"] = [asdict(each) for each in await voices()]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parts = ("recognition", "translation", "voices")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(parts))
    parser.add_argument("--live", action="store_true")
    given = parser.parse_args()
    found = asyncio.run(run(given.parts or parts, live=given.live))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(found, indent=1, ensure_ascii=False))
    print(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
