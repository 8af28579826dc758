"""From the first edition (9bc5d6e) to this one in mid-talk, with rooms beside the talk: its rows,
clips, link and clients go on, and rooms' talks take nothing from them. On both hosts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from connectors.amazon.clip_store import AmazonClipStore
from connectors.amazon.erasure import AmazonErasure
from connectors.amazon.layout import tables as table_shapes
from connectors.amazon.ledger import AmazonLedger
from connectors.amazon.room_tables import AmazonRoomTables
from connectors.amazon.session_tables import AmazonSessionTables
from ingest_gateway.gateway import wall_clock_ms
from schemas.avro_codec import decode
from schemas.names import clip_key
from schemas.values import FixedOutcome, LedgerEntry, Route, SessionControl
from tests.contracts import first_edition
from tests.contracts.first_edition_listener import FirstEditionListener
from tests.contracts.gateway_of_before import GatewayOfBefore
from tests.contracts.test_ledger import entry
from tests.integration.gateway.conftest import (
    Client,
    RunningGateway,
    RunningHandlers,
    in_memory,
    running,
)
from tests.integration.gateway.test_rooms import Clock, Venue

if TYPE_CHECKING:
    from connectors.amazon.clients import AwsClients

pytestmark = pytest.mark.integration

OLD = "joyful-mountain-789"
STREAM = "s1"
DURABLE = 41
"""The last chunk that the old gateway acknowledged."""


def told(number: int, text: str) -> dict[str, Any]:
    return {
        "type": "translatedAudio",
        "sessionId": OLD,
        "targetLanguage": "es",
        "sequenceNumber": number,
        "previousSequenceNumber": number - 1 if number else None,
        "timestamp": entry(number).captured_at_ms,
        "transcript": text,
        "url": f"https://clips.example/{number}",
    }


@dataclass
class Upgraded:
    """A gateway of today where one of 9bc5d6e stood a moment ago, in mid-talk."""

    clients: AwsClients
    before: GatewayOfBefore
    venue: Venue

    @property
    def host(self) -> RunningGateway:
        return self.venue.host

    async def old_rows(self) -> None:
        """What gateway and job of before have written of the talk."""
        await self.before.create()
        assert await self.before.open_stream(STREAM, "c-of-before") == 0
        await self.before.save_progress(0, DURABLE)
        dynamodb, s3 = await self.clients.dynamodb(), await self.clients.s3()
        names = self.clients.settings.names
        for number in range(3):
            previous = number - 1 if number else None
            await dynamodb.put_item(
                TableName=names.utterances_table,
                Item=first_edition.written_entry(self.old_entry(number, previous)),
            )
            await s3.put_object(  # no tag says how long it is kept
                Bucket=names.clip_bucket,
                Key=clip_key(OLD, "es", entry(number).captured_at_ms),
                Body=b"clip",
                ContentType="audio/mpeg",
                Metadata={"transcript": f"frase%20{number}"},
            )

    def old_entry(self, number: int, previous: int | None) -> LedgerEntry:
        now_ms = wall_clock_ms()
        routed = replace(entry(number, session_id=OLD), routes=(Route("es", previous),), epoch=0)
        return replace(routed, committed_at_ms=now_ms)

    async def new_job_tells(self, number: int, text: str) -> None:
        """An entry of today's job, and its notice."""
        ledger, clips = self.host.needs.ledger, self.host.needs.clips
        key = clip_key(OLD, "es", entry(number).captured_at_ms)
        await clips.put(key, b"clip", content_type="audio/mpeg", metadata={})
        await ledger.commit(replace(self.old_entry(number, number - 1), writer="of today"))
        await ledger.fix(OLD, number, FixedOutcome("es", text, None, wall_clock_ms()))
        async with httpx.AsyncClient() as job:
            said = await job.post(f"{self.host.url}/notify/{OLD}/es", json=told(number, text))
        # Functions have no such route: their job posts to each connection by API Gateway.
        assert said.status_code == (404 if isinstance(self.host, RunningHandlers) else 200)

    async def everything(self) -> list[str]:
        """Each row and object that there is, as text."""
        dynamodb, s3 = await self.clients.dynamodb(), await self.clients.s3()
        names = self.clients.settings.names
        found: list[str] = []
        for shape in table_shapes(names):
            found += [repr(item) for item in (await dynamodb.scan(TableName=shape.name))["Items"]]
        for bucket in (names.clip_bucket, names.audio_bucket):
            listed = await s3.list_objects_v2(Bucket=bucket)
            found += [one.get("Key", "") for one in listed.get("Contents", [])]
        return found


@pytest.fixture
async def upgraded(
    aws_clients: AwsClients, host_kind: type[RunningGateway]
) -> AsyncIterator[Upgraded]:
    async with AsyncExitStack() as exits:
        needs = in_memory(
            tables=AmazonSessionTables(aws_clients, wall_clock_ms),
            ledger=AmazonLedger(aws_clients, wall_clock_ms),
            clips=AmazonClipStore(aws_clients),
            rooms=AmazonRoomTables(aws_clients, wall_clock_ms),
            erasure=AmazonErasure(aws_clients),
            listening_by="link",  # of sessions that are made from now on
        )
        before = GatewayOfBefore(aws_clients, OLD, now_ms=wall_clock_ms())
        host = await exits.enter_async_context(running(needs, host_kind))
        one = Upgraded(aws_clients, before, Venue(host, Clock()))
        await one.old_rows()
        yield one
        await one.venue.http.aclose()


def heard_by(client: Client) -> FirstEditionListener:
    """What a listener of before made of all that came."""
    listener = FirstEditionListener()
    for message in client.received:
        listener.receive(message)
    return listener


async def test_a_talk_of_before_goes_on_beside_rooms(upgraded: Upgraded) -> None:
    host, venue = upgraded.host, upgraded.venue
    # Its link of before lets in, and what was said before is there.
    listener = await host.connect()
    joining = {"sessionId": OLD, "targetLanguage": "es", "capabilities": []}
    joined = await listener.ask("joinSession", "sessionJoined", **joining)
    assert [one["transcript"] for one in joined["history"]] == ["frase 0", "frase 1", "frase 2"]
    # Its speaker goes on in the same stream: nothing acknowledged is asked for again.
    speaker = await host.connect(host.token("ada"))
    stream = {"sessionId": OLD, "streamId": STREAM, "nextSequence": DURABLE + 1}
    answer = await speaker.ask("joinAsSpeaker", "speakerJoined", **stream)
    assert (answer["epoch"], answer["sequence"]) == (0, DURABLE)
    # A room's talk begins beside it.
    room = await venue.room(languages=["es"])
    talk = await venue.talk(room, "Tides")
    its_speaker = await venue.speak(talk)
    in_room, state = await venue.listener(room)
    assert state["state"] == "live"
    assert state["sessionId"] != OLD
    await speaker.frame(DURABLE + 1)
    await speaker.acknowledged(DURABLE + 1)
    await its_speaker.frame(0)
    await host.durable(OLD)
    await host.durable(state["sessionId"])
    assert (0, DURABLE + 1) in host.chunks()
    # The job is today's; who listens is still the listener of before.
    for number in (3, 4):
        await upgraded.new_job_tells(number, f"frase {number}")
    late = await host.connect()
    again = await late.ask("joinSession", "sessionJoined", **joining)
    known = [one["transcript"] for one in again["history"]]
    assert known == [f"frase {number}" for number in range(5)]
    await speaker.send("pauseBroadcast", sessionId=OLD)
    await listener.expect("broadcastState", state="paused")
    await speaker.send("resumeBroadcast", sessionId=OLD)
    await listener.expect("broadcastState", state="live")
    # It ends as it always did; the room's goes on.
    await speaker.send("endSession", sessionId=OLD)
    await listener.expect("broadcastState", state="ended")
    heard = heard_by(listener)
    assert heard.repeats == 0
    count = 3 if isinstance(host, RunningHandlers) else 5
    assert heard.transcripts == {number: known[number] for number in range(count)}
    assert (await venue.take(talk))["sessionId"] == state["sessionId"]
    again = await in_room.ask(
        "joinRoom", "talkState", roomId=room["roomId"], key=room["link"].partition("#")[2]
    )
    assert again["state"] in ("live", "speakerAway")
    # And it is deleted as a session of today, clips without a tag too.
    erased = await venue.ask("DELETE", f"/sessions/{OLD}/data", host.token("ada"))
    assert erased.json()["objects"] == 5
    await host.hung_up(listener, late, speaker)
    left = [one for one in await upgraded.everything() if OLD in one]
    # Only that it is to be looked for once more (its connections close by themselves).
    assert all("deletion" in one.lower() for one in left), left


async def test_a_room_is_no_riddle_to_who_comes_back_from_before(upgraded: Upgraded) -> None:
    """After a rollback: the old gateway reads the row of a room's session and speaks into it, the
    old job knows all records but the openings."""
    host, venue = upgraded.host, upgraded.venue
    room = await venue.room()
    talk = await venue.talk(room, "Tides")
    speaker = await venue.speak(talk)
    session_id = (await venue.take(talk))["sessionId"]
    await speaker.frame(0)
    await speaker.acknowledged(0)
    await host.durable(session_id)
    back = GatewayOfBefore(upgraded.clients, session_id, f"talk:{talk['talkId']}", wall_clock_ms())
    assert await back.read() == ("active", "en")
    assert await back.open_stream("s1", "c-of-before") == 0  # its stream goes on
    unknown = [
        decode(record.data) for record in host.sink.stored if not first_edition.knows(record.data)
    ]
    assert all(isinstance(one, SessionControl) and one.generation for one in unknown)
