"""``make demo``: a real talk, spoken live, heard in three languages.

Leaves in build/demo/ one MP3 and one WebVTT file per language, latency.png and report.json. Ends
with one line, and with an error code when anything is missing.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from connectors.amazon_clients import AwsClients
from connectors.amazon_ledger import AmazonLedger
from connectors.errors import RetryableError
from connectors.ledger import Ledger
from ingest_gateway.client import (
    ListenReport,
    ReceivedClip,
    SpeakReport,
    create_session,
    fetch_token,
    listen,
    speak,
)
from local_stack.clips import decoded_s
from local_stack.completeness import Acknowledged, judge
from local_stack.demo_display import DemoDisplay
from local_stack.demo_report import Evidence, make_report
from local_stack.flink import ROOT
from local_stack.latency import draw
from local_stack.processes import ProcessError, stop_on_terminate
from local_stack.stack import LocalStack, StackSettings
from local_stack.talk import NoTalkError, Talk, make_talk
from schemas.values import LedgerEntry

DIRECTORY = ROOT / "build" / "demo"
LANGUAGES = {"es": "Spanish", "ca": "Catalan", "fr": "French"}
LATE_LANGUAGE = "fr"
JOIN_TIMEOUT_S = 20.0
SETTLE_TIMEOUT_S = 45.0
POLL_S = 0.5


class Audience:
    """The listeners of a talk, and which clips have reached them so far."""

    def __init__(self, url: str, session_id: str, directory: Path, display: DemoDisplay) -> None:
        self._url = url
        self._session_id = session_id
        self._directory = directory
        self._display = display
        self._over = asyncio.Event()
        self._reports: list[asyncio.Task[ListenReport]] = []
        self.reached: set[tuple[int, str]] = set()

    async def join(self, language: str, group: asyncio.TaskGroup) -> None:
        """One more listener; returns when it has joined."""
        joined = asyncio.Event()

        def on_clip(clip: ReceivedClip) -> None:
            self._on_clip(clip)

        self._reports.append(
            group.create_task(
                listen(
                    self._url,
                    self._session_id,
                    language,
                    save_to=self._directory / "listeners" / language,
                    on_joined=joined.set,
                    on_clip=on_clip,
                    linger_s=2 * SETTLE_TIMEOUT_S,  # `leave` ends it, this only bounds it
                    stop=self._over,
                )
            )
        )
        async with asyncio.timeout(JOIN_TIMEOUT_S):
            await joined.wait()

    async def leave(self) -> tuple[ListenReport, ...]:
        self._over.set()
        return tuple([await report for report in self._reports])

    def _on_clip(self, clip: ReceivedClip) -> None:
        if clip.body is not None and decoded_s(clip.body) is not None:
            self.reached.add((clip.sequence_number, clip.language))
        if not clip.from_history:
            late_s = (clip.received_at_ms - clip.timestamp_ms) / 1000
            self._display.heard(clip.source_transcript)
            self._display.said(clip.language, clip.sequence_number, clip.transcript, late_s)


async def hold_talk(stack: LocalStack, talk: Talk, display: DemoDisplay) -> Evidence:
    """Speak ``talk`` to its listeners in real time and wait until all of it has arrived."""
    url = stack.gateway_url
    clients = AwsClients(stack.aws)
    try:
        token = await fetch_token(url)
        session_id = await create_session(url, token=token, target_languages=tuple(LANGUAGES))
        audience = Audience(url, session_id, DIRECTORY, display)
        async with asyncio.TaskGroup() as group:
            for language in LANGUAGES:
                if language != LATE_LANGUAGE:
                    await audience.join(language, group)
            speaking = group.create_task(speak(url, talk.wav, session_id=session_id, token=token))
            await asyncio.sleep(talk.duration_s / 2)
            await audience.join(LATE_LANGUAGE, group)
            spoken = await speaking
            entries = await _settled(AmazonLedger(clients), spoken, audience)
            heard = await audience.leave()
        return Evidence(talk, spoken, heard, entries)
    finally:
        await clients.close()


async def _settled(
    ledger: Ledger, spoken: SpeakReport, audience: Audience
) -> tuple[LedgerEntry, ...]:
    """The ledger once everything in it has arrived, or as it stands when patience is over."""
    promised = [Acknowledged(spoken.epoch, spoken.acknowledged_samples)]
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while True:
        entries = await _entries(ledger, spoken.session_id)
        complete = judge(spoken.session_id, entries, promised, audience.reached).is_complete
        if complete or time.monotonic() > deadline:
            return entries
        await asyncio.sleep(POLL_S)


async def _entries(ledger: Ledger, session_id: str) -> tuple[LedgerEntry, ...]:
    try:
        return await ledger.after(session_id, -1)
    except RetryableError:
        return ()


def run() -> int:
    """The exit code: 0 when nothing is missing."""
    began = time.monotonic()
    settings = StackSettings(DIRECTORY)
    with LocalStack(settings, say=lambda step: print(f"demo: {step}", flush=True)) as stack:
        talk = make_talk(DIRECTORY / "talk.wav")
        print(f"demo: speaking {talk.duration_s:.0f} s after {time.monotonic() - began:.1f} s")
        with DemoDisplay(talk.duration_s, LANGUAGES) as display:
            evidence = asyncio.run(hold_talk(stack, talk, display))
    report = make_report(evidence)
    for language in LANGUAGES:
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
    stop_on_terminate()
    try:
        return run()
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
