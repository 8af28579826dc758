"""``make demo``: a real talk, spoken live, heard in three languages.

Leaves in build/demo/ one MP3 and one WebVTT file per language, latency.png and report.json. Ends
with one line, and with an error code when anything is missing.

``--speech=local``: the neural engines of this machine, with the models of `make models`, heard in
Portuguese, Spanish and Catalan. ``offline``: small engines that Debian packages. ``amazon``: the
adapters of Amazon's services, over servers on this machine that speak their protocols and have the
offline engines behind them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from ingest_gateway.client import create_session, fetch_token, speak
from local_stack.audience import Audience, promised, settled
from local_stack.demo.display import DemoDisplay
from local_stack.demo.report import Evidence, make_report
from local_stack.flink import ROOT
from local_stack.latency import draw
from local_stack.processes import ProcessError, stop_on_terminate
from local_stack.speech_engines import SPEECH, demo_engines
from local_stack.stack import LocalStack, StackSettings
from local_stack.talk import NoTalkError, Talk, make_talk
from pipelines.sentences.settings import ReleaseName, ReleaseSettings

DIRECTORY = ROOT / "build" / "demo"
SETTLE_TIMEOUT_S = 45.0


async def hold_talk(
    stack: LocalStack,
    talk: Talk,
    display: DemoDisplay,
    languages: Mapping[str, str],
    *,
    save_to: Path = DIRECTORY / "listeners",
    settle_timeout_s: float = SETTLE_TIMEOUT_S,
) -> Evidence:
    """Speak ``talk`` to its listeners in real time and wait until all of it has been told, or for
    ``settle_timeout_s``. Who listens in the last of ``languages`` joins half way."""
    url = stack.gateway_url
    clients = AwsClients(stack.aws)
    try:
        token = await fetch_token(url)
        session_id = await create_session(url, token=token, target_languages=tuple(languages))
        audience = Audience(
            url, session_id, partial_captions=True, on_clip=display.take, save_to=save_to
        )
        async with asyncio.TaskGroup() as group:
            *early, late = languages
            for language in early:
                await audience.join(language, group)
            speaking = group.create_task(speak(url, talk.wav, session_id=session_id, token=token))
            await asyncio.sleep(talk.duration_s / 2)
            await audience.join(late, group)
            spoken = await speaking
            entries = await settled(
                AmazonLedger(clients),
                session_id,
                [promised(spoken)],
                lambda: audience.reached | audience.skipped,
                settle_timeout_s,
            )
            heard = await audience.leave()
        return Evidence(talk, spoken, heard, entries)
    finally:
        await clients.close()


def say(step: str) -> None:
    print(f"demo: {step}", flush=True)


def run(speech: str, job_options: tuple[str, ...]) -> int:
    """The exit code: 0 when nothing is missing."""
    began = time.monotonic()
    settings = StackSettings(DIRECTORY, job_options=job_options)
    with ExitStack() as exits:
        engines = exits.enter_context(demo_engines(speech, settings))
        for line in engines.in_words:
            say(line)
        languages = engines.languages
        stack = exits.enter_context(LocalStack(engines.settings, say=say))
        talk = make_talk(DIRECTORY / "talk.wav")
        print(f"demo: speaking {talk.duration_s:.0f} s after {time.monotonic() - began:.1f} s")
        with DemoDisplay(talk.duration_s, languages) as display:
            evidence = asyncio.run(hold_talk(stack, talk, display, languages))
    report = make_report(evidence)
    for language in languages:
        for suffix in ("mp3", "vtt"):
            saved = DIRECTORY / "listeners" / language / f"{language}.{suffix}"
            if saved.exists():
                saved.replace(DIRECTORY / saved.name)
    draw(report.notified, DIRECTORY / "latency.png")
    report.save(DIRECTORY / "report.json")
    print(f"demo: see {DIRECTORY.relative_to(ROOT)}/: es.mp3, es.vtt, latency.png, report.json...")
    for language, voices in report.voices.items():
        spoken = ", ".join(f"{maker} {clips}" for maker, clips in voices.items())
        changes = report.voice_changes[language]
        say(f"{language} spoken by {spoken}" + f"; changes of voice: {changes}" * bool(changes))
    if report.faults:
        print(f"demo: missing: {'; '.join(report.faults)}", file=sys.stderr)
    print(report.line)
    return 1 if report.faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--speech", default="local", choices=SPEECH)
    parser.add_argument("--segmentation", default="pause", choices=("pause", "window"))
    parser.add_argument(
        "--release", default=ReleaseSettings().release, choices=list(ReleaseName), type=ReleaseName
    )
    given = parser.parse_args()
    stop_on_terminate()
    try:
        options = (f"--segmentation={given.segmentation}", f"--release={given.release}")
        return run(given.speech, options)
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
        return 130
    except (ProcessError, NoTalkError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except ExceptionGroup as group:  # of the speaker or a listener
        for error in group.exceptions:
            print(f"demo: {type(error).__name__}: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
