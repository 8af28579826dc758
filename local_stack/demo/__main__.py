"""``make demo``: a real talk, spoken live, heard in three languages.

Leaves in build/demo/ one MP3 and one WebVTT file per language, latency.png and report.json. Ends
with one line, and with an error code when anything is missing.

``--speech=amazon``: the same talk through the adapters of Amazon's services, over servers on this
machine that speak their protocols and have the offline engines behind them. ``--speech=local``: the
neural engines of this machine, with the models of `make models`, heard in Portuguese, Spanish and
French.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from ingest_gateway.client import create_session, fetch_token, speak
from local_stack.amazon_speech import amazon_speech
from local_stack.audience import Audience, promised, settled
from local_stack.demo.display import DemoDisplay
from local_stack.demo.report import Evidence, make_report
from local_stack.flink import ROOT
from local_stack.latency import draw
from local_stack.local_speech import LANGUAGES as LOCAL_LANGUAGES
from local_stack.local_speech import with_local_engines
from local_stack.processes import ProcessError, stop_on_terminate
from local_stack.stack import LocalStack, StackSettings
from local_stack.talk import NoTalkError, Talk, make_talk
from pipelines.sentences.settings import ReleaseName

DIRECTORY = ROOT / "build" / "demo"
AMAZON_DIRECTORY = ROOT / "build" / "amazon_speech"
LANGUAGES = {"es": "Spanish", "ca": "Catalan", "fr": "French"}
LATE_LANGUAGE = "fr"
SETTLE_TIMEOUT_S = 45.0
SPEECH = ("offline", "local", "amazon")


async def hold_talk(
    stack: LocalStack,
    talk: Talk,
    display: DemoDisplay,
    languages: Mapping[str, str],
    *,
    save_to: Path = DIRECTORY / "listeners",
) -> Evidence:
    """Speak ``talk`` to its listeners in real time and wait until all of it has arrived."""
    url = stack.gateway_url
    clients = AwsClients(stack.aws)
    try:
        token = await fetch_token(url)
        session_id = await create_session(url, token=token, target_languages=tuple(languages))
        audience = Audience(
            url, session_id, partial_captions=True, on_clip=display.take, save_to=save_to
        )
        async with asyncio.TaskGroup() as group:
            for language in languages:
                if language != LATE_LANGUAGE:
                    await audience.join(language, group)
            speaking = group.create_task(speak(url, talk.wav, session_id=session_id, token=token))
            await asyncio.sleep(talk.duration_s / 2)
            await audience.join(LATE_LANGUAGE, group)
            spoken = await speaking
            entries = await settled(
                AmazonLedger(clients),
                session_id,
                [promised(spoken)],
                lambda: audience.reached,
                SETTLE_TIMEOUT_S,
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
    languages = LOCAL_LANGUAGES if speech == "local" else LANGUAGES
    with ExitStack() as exits:
        settings = StackSettings(DIRECTORY, job_options=job_options)
        if speech == "local":
            settings = with_local_engines(settings)
        if speech == "amazon":
            say("servers that speak as Transcribe, Translate and Polly do")
            options = exits.enter_context(amazon_speech(AMAZON_DIRECTORY, languages=LANGUAGES))
            settings = replace(
                settings,
                job_options=(*settings.job_options, *options),
                gateway_options=("--languages=amazon",),
            )
        stack = exits.enter_context(LocalStack(settings, say=say))
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
    if report.faults:
        print(f"demo: missing: {'; '.join(report.faults)}", file=sys.stderr)
    print(report.line)
    return 1 if report.faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--speech", default="offline", choices=SPEECH)
    parser.add_argument("--segmentation", default="pause", choices=("pause", "window"))
    parser.add_argument(
        "--release", default=ReleaseName.APPEND, choices=list(ReleaseName), type=ReleaseName
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
