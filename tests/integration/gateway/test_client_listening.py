"""The headless listener: how clips come to it, what it shows and says at the end."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from connectors.interfaces.notifier import Audience
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.client import listen, received_numbers
from ingest_gateway.client.__main__ import app
from ingest_gateway.protocol.messages import Caption

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import RunningGateway

pytestmark = pytest.mark.integration

INSIDE, STORED = b"\xff\xfbinside", b"\xff\xfbstored"


@asynccontextmanager
async def clip_host() -> AsyncIterator[str]:
    """Serves every clip from its store."""

    async def clip(_request: web.Request) -> web.Response:
        return web.Response(body=STORED)

    hosting = web.Application()
    hosting.router.add_get("/{name}", clip)
    runner = web.AppRunner(hosting, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def clip_message(host: str, number: int, audio: str | None = None) -> dict[str, Any]:
    return {
        "type": "translatedAudio",
        "sequenceNumber": number,
        "previousSequenceNumber": number - 1 if number else None,
        "timestamp": 1_790_000_000_000 + number * 2000,
        "sourceDuration": 2.0,
        "duration": 1.5,
        "transcript": f"frase {number}",
        "sourceTranscript": f"sentence {number}",
        "url": f"{host}/{number}.mp3",
        **({} if audio is None else {"audio": audio}),
    }


async def listened(
    gateway: RunningGateway, folder: Path, *options: str, audio: Mapping[int, str]
) -> str:
    """What ``client listen`` prints of two clips (each is told twice, as after a kill), a partial
    caption and the session's end."""
    speaker, session_id = await gateway.speaker()
    arguments = ["listen", session_id, "--language=es", f"--url={gateway.url}"]
    arguments += ["--linger=0.1", f"--save={folder}", *options]
    listening = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, app, arguments))
    await gateway.until(lambda: len(gateway.gateway.hub.listeners(session_id)) == 1)
    notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    partial = {"type": "partialCaption", "sequenceNumber": 1, "text": "sent", "language": "en"}
    async with clip_host() as host:
        for turn, number in enumerate((0, 1, 1, 0)):
            message = clip_message(host, number, audio.get(number))
            await notifier.notify(session_id, "es", message)
            if turn == 0:
                await notifier.notify(session_id, "es", partial, audience=Audience.PARTIALS)
        await speaker.send("endSession", sessionId=session_id)
        async with asyncio.timeout(60):
            result = await listening
    await notifier.close()
    assert result.exit_code == 0, result.output
    return result.output


def clips(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "clips").iterdir())]


async def test_clips_inside_messages_are_not_fetched_and_others_are(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    audio = {0: base64.b64encode(INSIDE).decode()}
    output = await listened(gateway, tmp_path, "--inline", audio=audio)
    assert clips(tmp_path) == [INSIDE, STORED]
    assert output.splitlines()[-1] == "heard: 2 clips (1 inside messages), 0 skipped"
    assert "sent" not in output.replace("sentence", "")


async def test_a_damaged_clip_inside_a_message_is_fetched(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    output = await listened(gateway, tmp_path, "--inline", audio={0: "not base64"})
    assert clips(tmp_path) == [STORED, STORED]
    assert output.splitlines()[-1] == "heard: 2 clips (0 inside messages), 0 skipped"


async def test_without_asking_every_clip_is_fetched_and_partial_captions_stay_away(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    audio = {0: base64.b64encode(INSIDE).decode()}
    output = await listened(gateway, tmp_path, audio=audio)
    assert clips(tmp_path) == [STORED, STORED]
    assert sorted(output.splitlines()) == [
        "    0  frase 0",
        "    1  frase 1",
        "heard: 2 clips (0 inside messages), 0 skipped",
    ]


async def test_partial_captions_are_shown_as_such(gateway: RunningGateway, tmp_path: Path) -> None:
    output = await listened(gateway, tmp_path, "--partials", audio={})
    assert "    1~ sent" in output.splitlines()


async def test_a_listener_asks_again_for_what_it_missed(
    gateway: RunningGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is lost while the connection lives on: the next one tells that it is missing."""
    monkeypatch.setattr(received_numbers, "FIRST_ASKED_AFTER_S", 0.0)
    asked: list[int | None] = []

    async def history(_session_id: str, _language: str, since: int | None) -> tuple[Caption, ...]:
        asked.append(since)
        if since is None:
            return ()
        missed = Caption(
            1, "es", 1_790_000_002_000, "sentence 1", 2.0, 0, "frase 1", skipped="late"
        )
        return (missed,)

    monkeypatch.setattr(gateway.gateway.captions, "history", history)
    speaker, session_id = await gateway.speaker()
    stop = asyncio.Event()
    async with clip_host() as host:
        listening = asyncio.create_task(listen(gateway.url, session_id, "es", stop=stop))
        await gateway.until(lambda: len(gateway.gateway.hub.listeners(session_id)) == 1)
        notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
        for number in (0, 2):
            await notifier.notify(session_id, "es", clip_message(host, number))
        await gateway.until(lambda: len(asked) == 2)
        await speaker.send("endSession", sessionId=session_id)
        stop.set()
        report = await listening
    await notifier.close()
    assert asked == [None, 0]
    assert [clip.sequence_number for clip in report.clips] == [0, 2]
    assert [(skip.sequence_number, skip.reason) for skip in report.skips] == [(1, "late")]
