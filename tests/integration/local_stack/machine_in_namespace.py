"""A gateway with a room that phones may reach, in a network namespace. On its first line of output
stand the codes that it shows; whoever listens gets a caption; it ends when its input does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from connectors.services.gateway_notifier import GatewayNotifier, GatewayNotifierSettings
from ingest_gateway.routes import pages
from local_stack.phones.access import Inside, PhoneAccess
from local_stack.phones.address import find_address
from local_stack.phones.qr import qr_lines
from tests.integration.gateway.conftest import Client, RunningGateway, in_memory, running
from tests.integration.gateway.test_rooms import Clock, Venue

_SIGN_S = 1.0
CAPTION = "Cuando llegó el barco"


async def give_signs(speaker: Client) -> None:
    """As a page whose speaker says nothing."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await speaker.send("heartbeat")
            await asyncio.sleep(_SIGN_S)


async def tell_listener(gateway: RunningGateway, speaker: Client, session_id: str) -> None:
    """As the job does, once somebody listens."""
    while json.loads(await speaker.socket.recv()).get("byLanguage") != {"es": 1}:
        pass
    job = GatewayNotifier(GatewayNotifierSettings(gateway.url))
    said = {"type": "translatedAudio", "sequenceNumber": 0, "transcript": CAPTION}
    await job.notify(session_id, "es", {**said, "targetLanguage": "es"})
    await job.close()


async def serve(kept: Path) -> None:
    access = PhoneAccess(find_address(), kept)
    needs = in_memory(public_url=access.public_url, trust_url=access.trust_url)
    async with running(needs) as gateway:
        venue = Venue(gateway, Clock())
        room = await venue.room(languages=["es"])
        talk = await venue.talk(room, "Tides")
        speaker = await venue.speak(talk)
        session_id = (await venue.take(talk))["sessionId"]
        beside = [
            asyncio.create_task(give_signs(speaker)),
            asyncio.create_task(tell_listener(gateway, speaker, session_id)),
        ]
        access.open(Inside(gateway.url, gateway.url, "translation-audio-live"))
        shown = {
            "trustCode": qr_lines(access.trust_url, pages.BUILT.parent),
            "roomCode": qr_lines(access.public_url + room["link"], pages.BUILT.parent),
            "fingerprint": access.authority.fingerprint,
            "publicUrl": access.public_url,
            "trustUrl": access.trust_url,
            "gatewayPort": gateway.port,
        }
        sys.stdout.write(f"{json.dumps(shown)}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        access.close()
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await venue.http.aclose()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
