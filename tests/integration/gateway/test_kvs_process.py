"""``python -m ingest_gateway.kvs`` over the local cloud: is told of a session, hears its speaker,
stops cleanly."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.amazon.signaling_channels import AmazonOwnKeys, AmazonSignalingChannels
from connectors.interfaces.session_events import DETAIL_TYPE, SOURCE
from connectors.interfaces.session_tables import SessionRow
from connectors.interfaces.signaling_channels import Role
from ingest_gateway.access.auth import Identity
from ingest_gateway.gateway import Gateway, wall_clock_ms
from ingest_gateway.protocol.messages import CreateSession
from ingest_gateway.sessions.hub import Peer
from tests.integration.gateway.conftest import in_memory
from tests.integration.gateway.webrtc_clients import RATE_HZ, SampleTrack
from tests.kvs_server.master import Master
from tests.kvs_server.server import KvsServer, kvs_server
from tests.unit.gateway.opus_tones import tone

pytestmark = pytest.mark.integration

KEY = "secret-of-the-bus"
SLOW_S = 60


async def a_session(aws_clients: AwsClients, channels: AmazonSignalingChannels) -> SessionRow:
    """As a gateway makes it, in the tables that the worker reads."""
    tables = AmazonSessionTables(aws_clients, wall_clock_ms)
    gateway = Gateway(in_memory(tables=tables, channels=channels))
    return await gateway.speakers.create(Peer("", "", Identity("ada")), CreateSession("en"))


async def start(
    aws_clients: AwsClients, server: KvsServer
) -> tuple[asyncio.subprocess.Process, str]:
    """The process, and where it listens."""
    settings = aws_clients.settings
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ingest_gateway.kvs", "--port=0", f"--stage={settings.stage}"),
        *(f"--aws-endpoint={settings.endpoint_url}", "--languages=any", f"--events-key={KEY}"),
        *(f"--kvs-endpoint={server.control.url}", f"--kvs-ca-file={server.ca_file}"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(SLOW_S):
        line = (await process.stdout.readline()).decode()
    assert line.startswith("worker ready: http://127.0.0.1:"), line
    return process, line.removeprefix("worker ready: ").strip()


async def tell(url: str, row: SessionRow) -> int:
    detail = {
        "sessionId": row.session_id,
        "eventType": "SESSION_CREATED",
        "status": "active",
        "sourceLanguage": "en",
        "timestamp": row.info.created_at_ms,
    }
    event = {"source": SOURCE, "detail-type": DETAIL_TYPE, "detail": detail}
    async with httpx.AsyncClient(timeout=SLOW_S) as http:
        answer = await http.post(
            f"{url}/session-events", content=json.dumps(event), headers={"x-events-key": KEY}
        )
    return answer.status_code


async def test_a_worker_hears_the_session_that_it_was_told_of(
    aws_clients: AwsClients, tmp_path: Path
) -> None:
    async with kvs_server(tmp_path) as server:
        channels = AmazonSignalingChannels(aws_clients, server.control.url)
        process, url = await start(aws_clients, server)
        master = Master(SampleTrack(tone(440, 120.0, RATE_HZ)))
        try:
            row = await a_session(aws_clients, channels)
            assert await tell(url, row) == 202
            own = AmazonOwnKeys(AwsClients(replace(server.settings)), wall_clock_ms)
            arn = row.info.extra["kvsChannelArn"]
            keys = await own.credentials(arn, Role.MASTER, "ada")
            await master.open(server.wss_url, arn, keys, server.trusting())
            tables = AmazonSessionTables(aws_clients, wall_clock_ms)
            async with asyncio.timeout(SLOW_S):
                while True:  # the row follows every two seconds
                    found = await tables.get(row.session_id)
                    if found is not None and found.durable_sequence >= 4:
                        break
                    await asyncio.sleep(0.1)
            assert found.epoch == 0
            assert (found.stream_id or "").startswith("kvs-")
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(SLOW_S):
                assert await process.wait() == 0
        finally:
            await master.close()
            await channels.close()
            if process.returncode is None:
                process.kill()
                await process.wait()
