"""The front that gives AWS's refusals, before a service of this machine and real clients."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from connectors.amazon.clients import AwsClients, AwsSettings
from connectors.amazon.clip_store import AmazonClipStore
from connectors.amazon.record_sink import AmazonRecordSink
from connectors.amazon.resources import create_resources
from connectors.interfaces.errors import PermanentError, ThrottledError
from connectors.interfaces.record_sink import SinkRecord
from local_stack.proxies import Fault, FaultyProxy
from tests.conftest import LocalCloud

pytestmark = pytest.mark.integration

RECORD = SinkRecord("session", b"a record")


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """Answers with what it was asked."""

    async def answer(request: web.Request) -> web.Response:
        body = (await request.read()).decode()
        told = f"{request.method} {request.raw_path} {request.headers['Host']} {body}"
        return web.Response(status=207, text=told, headers={"X-Kept": "yes"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def front(echo: str) -> Iterator[FaultyProxy]:
    with FaultyProxy(echo) as running:
        yield running


async def asked(method: str, url: str, **options: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, URL(url, encoded=True), **options) as got,
    ):
        return got.status, await got.text()


async def test_what_is_not_refused_goes_on_as_it_came(front: FaultyProxy) -> None:
    host = front.url.removeprefix("http://")
    found = await asked("PUT", f"{front.url}/b/a%20key?x=1%2F2", data="body")
    assert found == (207, f"PUT /b/a%20key?x=1%2F2 {host} body")


async def test_only_matching_calls_are_refused_and_only_while_it_lasts(front: FaultyProxy) -> None:
    with front.with_faults(Fault("GET /listen/*", 403, "AccessDenied")):
        status, text = await asked("GET", f"{front.url}/listen/x")
        assert (status, "<Code>AccessDenied</Code>" in text) == (403, True)
        assert (await asked("GET", f"{front.url}/"))[0] == 207
    assert (await asked("GET", f"{front.url}/listen/x"))[0] == 207
    assert dict(front.refused) == {"GET /listen/x": 1}


async def test_every_other_call_can_be_refused(front: FaultyProxy) -> None:
    with front.with_faults(Fault("*", 500, "InternalFailure", every=2)):
        statuses = [(await asked("GET", f"{front.url}/{n}"))[0] for n in range(4)]
    assert statuses == [207, 500, 207, 500]


async def test_a_call_can_be_late_and_answered_all_the_same(front: FaultyProxy) -> None:
    began_s = time.monotonic()
    with front.with_faults(Fault("*", delay_s=0.3)):
        assert (await asked("GET", front.url))[0] == 207
    assert time.monotonic() - began_s >= 0.3
    assert not front.refused


async def test_clients_take_its_refusals_for_amazons(local_cloud: LocalCloud) -> None:
    direct = local_cloud.settings()
    await create_resources(direct)
    with FaultyProxy(local_cloud.endpoint_url) as front:
        clients = AwsClients(AwsSettings.local(front.url, direct.stage))
        sink, store = AmazonRecordSink(clients), AmazonClipStore(clients)
        try:
            with front.with_faults(
                Fault("PutRecords", 400, "ProvisionedThroughputExceededException"),
                Fault(f"PUT /{direct.names.clip_bucket}/*", 403, "AccessDenied"),
            ):
                with pytest.raises(ThrottledError):
                    await sink.put([RECORD])
                with pytest.raises(PermanentError, match="AccessDenied"):
                    await store.put("a clip.mp3", b"mp3", content_type="audio/mpeg", metadata={})
            assert await sink.put([RECORD]) == (None,)
            await store.put("a clip.mp3", b"mp3", content_type="audio/mpeg", metadata={})
            # Signed for the front's address, and taken by the service behind it.
            link = await store.presign("a clip.mp3", expires_s=60)
            assert await asked("GET", link) == (200, "mp3")
        finally:
            await clients.close()
