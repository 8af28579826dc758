"""From the job's publishing and captions to listeners' sockets, by both ways to notify."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from beam_flink_kit.loops import LiveLoop
from connectors.amazon.clients import AwsSettings
from connectors.amazon.notifier import AmazonNotifier, AmazonNotifierSettings
from connectors.interfaces.listener_connections import TableListenerConnections
from connectors.interfaces.notifier import Notifier
from connectors.memory.clip_store import MemoryClipStore
from connectors.registry import Connectors
from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from connectors.testing.connectors import scripted_connectors
from pipelines.runtime.live_captions import Captioner, CaptionPace
from pipelines.runtime.speculation import SpeculativeDelivery
from pipelines.runtime.worker import CallSite
from pipelines.session.caption_queue import Caption
from pipelines.transforms.publish import PublishClip
from schemas.values import (
    Clip,
    EntryKind,
    LedgerEntry,
    Outcome,
    Route,
    Timeline,
    Translation,
    VoicedTranslation,
)

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Client, RunningGateway

pytestmark = pytest.mark.integration

T0_MS = 1_790_000_000_000
BODY = b"\xff\xfbclip"


UNHURRIED = CaptionPace(send_within_s=10.0)
"""The first call loads what it calls with: on a busy machine for longer than a caption may take."""


class HeldClipStore(MemoryClipStore):
    """Uploads are done when ``let_go`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = asyncio.Event()

    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        await self.let_go.wait()
        await super().put(key, body, content_type=content_type, metadata=metadata)


@pytest.fixture(params=["gateway", "amazon"])
async def notifier(
    gateway: RunningGateway, request: pytest.FixtureRequest
) -> AsyncIterator[Notifier]:
    notifier: Notifier
    if request.param == "gateway":
        notifier = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    else:
        notifier = AmazonNotifier(
            AmazonNotifierSettings(gateway.url, listeners_cached_s=0.0),
            AwsSettings.local(gateway.url, "test"),
            TableListenerConnections(gateway.tables, gateway.needs.now_ms),
        )
    yield notifier
    await notifier.close()


@pytest.fixture
def connectors(gateway: RunningGateway, notifier: Notifier) -> Connectors:
    return replace(
        scripted_connectors(gateway.needs.now_ms),
        ledger=gateway.needs.ledger,
        directory=gateway.tables,
        clip_store=HeldClipStore(),
        notifier=notifier,
    )


@pytest.fixture
def loop() -> Iterator[LiveLoop]:
    """Tells the time; the tests run on their own."""
    loop = LiveLoop()
    yield loop
    loop.stop()


def voiced(session_id: str, number: int) -> VoicedTranslation:
    entry = LedgerEntry(
        session_id=session_id,
        number=number,
        epoch=0,
        kind=EntryKind.SPEECH,
        first_sample=0,
        end_sample=16_000,
        text="so",
        language="en",
        captured_at_ms=T0_MS + number * 1000,
        committed_at_ms=T0_MS,
        writer="w",
        resume_sample=0,
        resume_sequence=0,
        resume_sequence_sample=0,
    )
    translation = Translation(entry, Route("es", None), "así", Timeline.start(T0_MS))
    return VoicedTranslation(translation, Clip(BODY, 0.5))


async def types(*clients: Client) -> list[list[str]]:
    """What each has received, behind its joining."""
    for client in clients:
        await client.ask("heartbeat", "heartbeatAck")
    return [
        [
            one["type"]
            for one in client.received
            if one["type"] in ("translatedAudio", "partialCaption", "ownCaption", "skipped")
        ]
        for client in clients
    ]


async def test_an_inline_listener_hears_before_the_upload_is_done(
    gateway: RunningGateway, connectors: Connectors, loop: LiveLoop
) -> None:
    _, session_id = await gateway.speaker()
    inline = await gateway.listener(session_id, "es", capabilities=["inlineAudio"])
    link = await gateway.listener(session_id, "es")
    store = connectors.clip_store
    assert isinstance(store, HeldClipStore)
    clip = voiced(session_id, 0)
    await connectors.ledger.commit(clip.translation.entry)
    settled: list[tuple[str, int, str, bool]] = []
    speculation = SpeculativeDelivery(loop, connectors, is_on=False)
    site = CallSite(connectors, loop, speculation, lambda *told, **_more: settled.append(told))

    async def publish() -> list[object]:
        return [answer async for answer in PublishClip().answers(clip, site)]

    publishing = asyncio.create_task(publish())
    heard = await inline.expect("translatedAudio")
    assert base64.b64decode(heard["audio"]) == BODY
    assert await types(link) == [[]]

    store.let_go.set()
    fetched = await link.expect("translatedAudio")
    assert "audio" not in fetched
    assert fetched["url"] == heard["url"]
    assert fetched["stages"]["publish"] >= heard["stages"]["publish"]
    (outcome,) = await publishing
    assert isinstance(outcome, Outcome)
    assert (outcome.notified, outcome.listeners, outcome.skipped) == (2, 2, None)
    assert settled == [(session_id, 0, "es", True)]
    assert await types(inline, link) == [["translatedAudio"], ["translatedAudio"]]


async def test_captions_reach_who_asked_and_the_speaker(
    gateway: RunningGateway, connectors: Connectors, loop: LiveLoop
) -> None:
    speaker, session_id = await gateway.speaker()
    partials: tuple[str, ...] = ()
    captioner = Captioner(session_id, connectors, lambda: partials, UNHURRIED)

    async def news() -> None:
        """What the session is told: the newest record of its stream."""
        nonlocal partials
        await gateway.gateway.writer.wait_until_durable(session_id)
        partials = gateway.controls("listeners")[-1].partial_languages or ()

    plain = await gateway.listener(session_id, "es")
    await news()
    captioner.show(Caption(0, "so", "en"))
    own = await speaker.expect("ownCaption")
    assert (own["sequenceNumber"], own["text"], own["final"]) == (0, "so", False)

    eager = await gateway.listener(session_id, "ca", capabilities=["partialCaptions"])
    await news()
    captioner.show(Caption(0, "so it is", "en", final=True))
    partial = await eager.expect("partialCaption")
    assert partial == {
        "type": "partialCaption",
        "sequenceNumber": 0,
        "text": "so it is",
        "language": "en",
    }
    assert (await speaker.expect("ownCaption"))["final"]
    assert await types(plain) == [[]]
    assert captioner.lost == 0

    await eager.ask("leaveSession", "sessionLeft", sessionId=session_id)
    await news()
    captioner.show(Caption(1, "and so on", "en", final=True))
    assert (await speaker.expect("ownCaption"))["text"] == "and so on"
    assert await types(eager) == [["partialCaption"]]


async def test_a_listener_that_hung_up_is_counted_out_with_what_it_asked_for(
    gateway: RunningGateway, notifier: Notifier
) -> None:
    _, session_id = await gateway.speaker()
    eager = await gateway.listener(session_id, "es", capabilities=["partialCaptions"])
    await gateway.listener(session_id, "es")
    await eager.socket.close()
    message: dict[str, Any] = {"type": "skipped", "sequenceNumber": 0, "reason": "gap"}
    await notifier.notify(session_id, "es", message)

    def said() -> list[tuple[Any, Any]]:
        return [(one.languages, one.partial_languages) for one in gateway.controls("listeners")]

    await gateway.until(lambda: said() == [(("es",), ("es",)), (("es",), ())])
    counts = await gateway.tables.listener_counts(session_id)
    assert (counts.by_language, counts.partials) == ({"es": 1}, {})
