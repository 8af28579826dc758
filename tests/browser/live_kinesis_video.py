"""Amazon's SDK in Chromium as the master, and what it says heard in Spanish: by way of the worker
that joins as a viewer, the stream, the live job on Flink, and the gateway, each its own process.

Not one of the tests that run every time, because it starts everything: ``make test-kvs-live``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page

from connectors.amazon.clients import AwsClients
from connectors.amazon.ledger import AmazonLedger
from connectors.interfaces.session_events import DETAIL_TYPE, SOURCE
from connectors.offline.translation import OfflineTranslator
from ingest_gateway.client import ReceivedClip, create_session, fetch_token
from local_stack.audience import Audience, is_playable, settled
from local_stack.completeness import Acknowledged, expected_outcomes, judge
from local_stack.flink import ROOT
from local_stack.ports import LOOPBACK, free_ports
from local_stack.stack import LocalStack, StackSettings
from schemas.values import EntryKind
from tests.browser.test_kinesis_video import SAID, SDK, SENTENCE, master_page, share
from tests.browser.test_kinesis_video import microphone as microphone
from tests.kvs_server.world import ROLE_ARN

LANGUAGE = "es"
CHUNK_SAMPLES = 4096
SPOKEN_CHUNKS = 110
"""28 s: the sentence twice, with silence before it."""
PATIENCE_S = 240.0
"""For each step of a machine that has other work."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not SDK.exists(), reason=f"no {SDK}: make test-browser fetches it"),
    pytest.mark.skipif(not SENTENCE.exists(), reason="apt-get install pocketsphinx-testdata"),
]


@dataclass(frozen=True, slots=True)
class Service:
    """Kinesis Video Streams, as far as it signals."""

    control: str
    tokens: str
    ca_file: str

    @property
    def options(self) -> tuple[str, ...]:
        """Of a gateway and of a worker."""
        return (
            f"--kvs-endpoint={self.control}",
            f"--kvs-role={ROLE_ARN}",
            f"--kvs-sts-endpoint={self.tokens}",
        )


@contextmanager
def signaling_service(folder: Path) -> Generator[Service]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.kvs_server", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Service(**json.loads(process.stdout.readline()))
        finally:
            process.terminate()


@contextmanager
def stack_with_worker(service: Service) -> Generator[tuple[LocalStack, str]]:
    """The stack, and where its worker hears of sessions."""
    settings = StackSettings(
        ROOT / "build" / "kvs-live", stage="kvs", gateway_options=("--kvs", *service.options)
    )
    with LocalStack(settings) as stack:
        (port,) = free_ports(1)
        worker = stack.processes.start(
            "kvs-worker",
            [
                *(sys.executable, "-m", "ingest_gateway.kvs", f"--port={port}"),
                *(f"--aws-endpoint={stack.cloud.endpoint}", f"--stage={settings.stage}"),
                *(*service.options, f"--kvs-ca-file={service.ca_file}"),
            ],
            cwd=ROOT,
        )
        worker.wait_for_port(port, PATIENCE_S)
        yield stack, f"http://{LOOPBACK}:{port}"


async def tell_worker(url: str, session_id: str) -> None:
    """As EventBridge does."""
    detail = {
        "sessionId": session_id,
        "eventType": "SESSION_CREATED",
        "status": "active",
        "sourceLanguage": "en",
        "timestamp": 0,
    }
    event = {"source": SOURCE, "detail-type": DETAIL_TYPE, "detail": detail}
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        answer = await http.post(f"{url}/session-events", json=event)
    assert answer.status_code == 202, answer.text


async def speak(page: Page, keys_url: str, token: str, session_id: str) -> int:
    """The talk, until its end; the number of the last chunk that was acknowledged."""
    await page.evaluate("([url, token]) => window.speakByKvs(url, token)", [keys_url, token])
    acknowledged = "window.told.findLast((one) => one.type === 'audioAck')?.sequence ?? -1"
    await page.wait_for_function(f"() => ({acknowledged}) >= {SPOKEN_CHUNKS}")
    end = {"action": "endSession", "sessionId": session_id}
    await page.evaluate("(message) => window.channel.send(JSON.stringify(message))", end)
    await page.wait_for_function("window.peer.connectionState !== 'connected'")
    return int(await page.evaluate(acknowledged))


async def hold_talk(stack: LocalStack, worker_url: str, microphone: Path) -> None:
    url = stack.gateway_url
    token = await fetch_token(url)
    session_id = await create_session(url, token=token, target_languages=(LANGUAGE,))
    clips: dict[int, ReceivedClip] = {}

    def take(clip: ReceivedClip) -> None:
        assert is_playable(clip)
        clips[clip.sequence_number] = clip

    audience = Audience(url, session_id, on_clip=take)
    clients = AwsClients(stack.aws)
    async with asyncio.TaskGroup() as group:
        await audience.join(LANGUAGE, group)
        await tell_worker(worker_url, session_id)
        async with master_page(microphone, url, 1000 * PATIENCE_S) as page:
            last = await speak(
                page, f"{url}/sessions/{session_id}/signaling-keys", token, session_id
            )
            assert await page.evaluate("window.failed") == []
        promised = [Acknowledged(0, (last + 1) * CHUNK_SAMPLES, last)]
        ledger = AmazonLedger(clients)
        entries = await settled(ledger, session_id, promised, lambda: audience.reached, PATIENCE_S)
        await audience.leave()
    await clients.close()
    verdict = judge(session_id, entries, promised, audience.reached)
    assert verdict.is_complete, verdict
    spoken = [entry for entry in entries if entry.kind is EntryKind.SPEECH]
    assert sorted(clips) == [number for number, _ in expected_outcomes(entries)]
    told: Any = [clips[number] for number in sorted(clips)]
    heard = " ".join(clip.source_transcript for clip in told)
    assert heard.split() == " ".join(entry.text for entry in spoken).split()
    assert share(SAID, heard) >= 0.6, "words that the SDK's microphone heard"
    translator = OfflineTranslator()
    expected = await translator.translate(SAID, "en", LANGUAGE)
    await translator.close()
    assert share(expected, " ".join(clip.transcript for clip in told)) >= 0.4
    chunks = last + 1
    sys.stdout.write(f"kvs: {len(clips)} clips in {LANGUAGE}; {chunks} chunks, 0 missing\n")


def test_what_the_sdk_s_master_says_is_heard_in_another_language(
    tmp_path: Path, microphone: Path
) -> None:
    with (
        signaling_service(tmp_path) as service,
        stack_with_worker(service) as (stack, worker_url),
    ):
        asyncio.run(hold_talk(stack, worker_url, microphone))
