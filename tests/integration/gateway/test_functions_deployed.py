"""The functions behind a real API Gateway protocol: MiniStack's WebSocket and HTTP APIs call them
in processes of their own, with tables, a stream and an event bus on the wire."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from connectors.amazon.record_sink import AmazonRecordSink
from ingest_gateway.access.auth import LocalIssuer
from schemas.avro_codec import decode
from schemas.values import AudioChunk, SessionControl, StreamRecord
from tests.integration.gateway.conftest import Client
from tests.integration.gateway.deployed_functions import DeployedFunctions, deploy

if TYPE_CHECKING:
    from connectors.amazon.clients import AwsClients

pytestmark = pytest.mark.integration

LOUD = b"\x01\x00" * 1600
_START_S = 120


async def everything_on(clients: AwsClients) -> list[StreamRecord]:
    kinesis = await clients.kinesis()
    name = AmazonRecordSink(clients)._stream
    found: list[StreamRecord] = []
    for shard in (await kinesis.list_shards(StreamName=name))["Shards"]:
        iterator = await kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        answer = await kinesis.get_records(ShardIterator=iterator["ShardIterator"])
        found.extend(decode(record["Data"]) for record in answer["Records"])
    return found


def controls_of(records: list[StreamRecord]) -> list[SessionControl]:
    return [one for one in records if isinstance(one, SessionControl)]


async def socket(
    exits: AsyncExitStack, functions: DeployedFunctions, token: str | None = None
) -> Client:
    query = "" if token is None else f"?token={token}"
    opened = await exits.enter_async_context(
        connect(
            functions.socket_url + query,
            proxy=None,
            ping_interval=None,
            open_timeout=_START_S,
            close_timeout=5,
        )
    )
    return Client(opened, json_audio=True)


async def test_a_talk_through_api_gateway_and_lambda(
    aws_clients: AwsClients, tmp_path: Path
) -> None:
    key = tmp_path / "issuer.pem"
    token = LocalIssuer(key).issue("ada")
    functions = await asyncio.to_thread(deploy, aws_clients.settings, key)
    async with AsyncExitStack() as exits:
        http = await exits.enter_async_context(
            httpx.AsyncClient(base_url=functions.http_url, timeout=_START_S)
        )
        with pytest.raises(InvalidStatus) as refused:
            await socket(exits, functions, "not.a.token")
        assert refused.value.response.status_code == 403

        speaker = await socket(exits, functions, token)
        async with asyncio.timeout(_START_S):  # processes start with the first events
            await speaker.ask("heartbeat", "heartbeatAck")
        created = await speaker.ask("createSession", "sessionCreated", sourceLanguage="en")
        assert created["speakerId"] == "ada"
        session_id = created["sessionId"]
        joined = await speaker.ask(
            "joinAsSpeaker", "speakerJoined", sessionId=session_id, streamId="s1", nextSequence=0
        )
        assert (joined["epoch"], joined["sequence"]) == (0, -1)
        for number in range(4):
            await speaker.frame(number, pcm=LOUD)
        await speaker.acknowledged(3)

        listener = await socket(exits, functions)
        heard = await listener.ask(
            "joinSession", "sessionJoined", sessionId=session_id, targetLanguage="es"
        )
        assert (heard["sourceLanguage"], heard["state"]) == ("en", "live")
        assert (await speaker.expect("listenerCount"))["byLanguage"] == {"es": 1}

        shown = await http.get(f"/sessions/{session_id}")
        assert (shown.status_code, shown.json()["status"]) == (200, "active")
        bearer = {"authorization": f"Bearer {token}"}
        ticket = (await http.post("/tickets", headers=bearer)).json()["ticket"]
        assert len(ticket) > 20
        paused = await http.patch(
            f"/sessions/{session_id}", json={"status": "paused"}, headers=bearer
        )
        assert paused.json()["status"] == "paused"
        assert (await listener.expect("broadcastState"))["state"] == "paused"

        await listener.socket.close()
        async with asyncio.timeout(_START_S):
            while controls_of(await everything_on(aws_clients))[-1].languages != ():  # noqa: ASYNC110 - on a stream
                await asyncio.sleep(0.05)
        await speaker.send("endSession", sessionId=session_id)
        await speaker.expect("broadcastState", state="ended")

    records = await everything_on(aws_clients)
    chunks = [one for one in records if isinstance(one, AudioChunk)]
    assert [(one.epoch, one.sequence, one.pcm) for one in chunks] == [
        (0, number, LOUD) for number in range(4)
    ]
    controls = controls_of(records)
    assert [(one.kind, one.after_sequence, one.languages) for one in controls] == [
        ("opened", -1, None),
        ("listeners", 3, ("es",)),
        ("pause", 3, None),
        ("listeners", 3, ()),
        ("end", 3, None),
    ]
