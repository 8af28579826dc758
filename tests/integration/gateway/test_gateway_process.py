"""``python -m ingest_gateway`` over the local cloud: speaks, listens, is killed, stops cleanly."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from connectors.amazon.clients import AwsClients
from connectors.amazon.dead_letters import AmazonDeadLetters
from connectors.amazon.session_tables import AmazonSessionTables
from connectors.interfaces.session_tables import ListenerCounts
from ingest_gateway.access.auth import OPERATOR, LocalIssuer
from ingest_gateway.client import ReceivedMessage, create_session, fetch_token, listen, speak
from ingest_gateway.gateway import wall_clock_ms
from schemas.avro_codec import decode
from schemas.values import AudioChunk, DeadLetter, SessionControl, StreamRecord

pytestmark = pytest.mark.integration

HANGS_S = 120
"""Only what hangs takes that long; a busy machine may take its time."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def process(
    clients: AwsClients, port: int, *more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = clients.settings
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ingest_gateway", f"--port={port}", f"--stage={settings.stage}"),
        "--trust-loopback",
        *(f"--aws-endpoint={settings.endpoint_url}", "--languages=any", *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert started.stdout is not None
        async with asyncio.timeout(HANGS_S):
            line = await started.stdout.readline()
        assert line.decode() == f"gateway ready: http://127.0.0.1:{port}\n"
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def records(clients: AwsClients) -> list[StreamRecord]:
    kinesis = await clients.kinesis()
    name = clients.settings.names.audio_stream
    found: list[StreamRecord] = []
    for shard in (await kinesis.list_shards(StreamName=name))["Shards"]:
        iterator = await kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        answer = await kinesis.get_records(ShardIterator=iterator["ShardIterator"])
        found += [decode(one["Data"]) for one in answer["Records"]]
    return found


async def test_a_killed_gateway_loses_nothing_that_it_acknowledged(
    aws_clients: AwsClients,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    pcm = bytes(range(256)) * 125 * 4  # 4 s
    acks: list[int] = []
    joined = asyncio.Event()
    joins = 0
    stop = asyncio.Event()
    acknowledging = asyncio.Event()

    def seen(message: ReceivedMessage) -> None:
        if message.type == "audioAck":
            acks.append(int(message.fields["sequence"]))
            acknowledging.set()

    def listener_joined() -> None:
        nonlocal joins
        joins += 1
        joined.set()

    async with process(aws_clients, port) as first:
        # A token must outlive the restart, whose local issuer has a new key: join over it.
        token = await fetch_token(url, subject="ada")
        session_id = await create_session(url, token=token)
        listening = asyncio.create_task(
            listen(url, session_id, "es", stop=stop, on_joined=listener_joined)
        )
        async with asyncio.timeout(HANGS_S):
            await joined.wait()
        speaking = asyncio.create_task(
            speak(
                url,
                pcm[:64_000],
                session_id=session_id,
                token=token,
                chunk_samples=1600,
                end_session=False,
                on_message=seen,
            )
        )
        async with asyncio.timeout(HANGS_S):
            await acknowledging.wait()
        acknowledged = acks[-1]
        first.kill()
        await first.wait()
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
    stored = await records(aws_clients)
    sequences = {one.sequence for one in stored if isinstance(one, AudioChunk)}
    assert sequences >= set(range(acknowledged + 1))

    joined.clear()
    async with process(aws_clients, port) as second:
        async with asyncio.timeout(HANGS_S):
            await joined.wait()
        token = await fetch_token(url, subject="ada")
        report = await speak(
            url, pcm, session_id=session_id, token=token, stream_id="new-page", pace=4.0
        )
        stop.set()
        await listening
        second.send_signal(signal.SIGTERM)
        async with asyncio.timeout(HANGS_S):
            assert await second.wait() == 0
    assert (report.epoch, report.acknowledged_samples) == (1, len(pcm) // 2)

    stored = await records(aws_clients)
    chunks = [one for one in stored if isinstance(one, AudioChunk) and one.epoch == 1]
    assert b"".join(one.pcm for one in chunks) == pcm
    kinds = [one.kind for one in stored if isinstance(one, SessionControl)]
    assert kinds[-1] == "end"
    tables = AmazonSessionTables(aws_clients, wall_clock_ms)
    # One life counted its listener in and was killed; the next counted it out, the new one in
    # and out: nobody is left, and nothing was counted twice. Revisions begin at 0; on a busy
    # machine the listener may have lost its line once more.
    assert joins >= 2
    assert await tables.listener_counts(session_id) == ListenerCounts({}, 2 * joins - 1)
    assert await tables.connections(session_id, 0) == ()


async def test_operators_look_with_a_token_of_the_gateways_own_key(
    aws_clients: AwsClients, tmp_path: Path
) -> None:
    """As ``make live`` makes their link: the key is a file, and Flink's pages are named."""
    letter = DeadLetter("translate", "PermanentError", "talk/4/es", wall_clock_ms(), "talk")
    await AmazonDeadLetters(aws_clients).send(letter)
    port, key = free_port(), tmp_path / "token-key.pem"
    flink = "http://127.0.0.1:8081"
    async with process(aws_clients, port, f"--token-key={key}", f"--flink-url={flink}"):
        token = LocalIssuer(key).issue("operator", roles=(OPERATOR,))
        headers = {"authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=HANGS_S) as http:
            async with asyncio.timeout(HANGS_S):
                while True:  # until the gateway has looked for the first time
                    shown = (await http.get("/operations")).raise_for_status().json()
                    if shown["history"]:
                        break
                    await asyncio.sleep(0.05)
    assert shown["flinkUrl"] == flink
    assert shown["deadLetters"]["byStep"] == {"translate": 1}
    assert [one["key"] for one in shown["deadLetters"]["newest"]] == ["talk/4/es"]
