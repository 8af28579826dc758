"""A gateway that phones may reach, in a network namespace; says where on its first line of output,
and ends when its input does."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from local_stack.phones.access import Inside, PhoneAccess
from local_stack.phones.address import find_address
from tests.integration.gateway.conftest import in_memory, running


async def serve(kept: Path) -> None:
    access = PhoneAccess(find_address(), kept)
    needs = in_memory(public_url=access.public_url, trust_url=access.trust_url)
    async with running(needs) as gateway:
        _, session_id = await gateway.speaker()
        access.open(Inside(gateway.url, gateway.url, "translation-audio-live"))
        said = {
            "publicUrl": access.public_url,
            "trustUrl": access.trust_url,
            "fingerprint": access.authority.fingerprint,
            "gatewayPort": gateway.port,
            "sessionId": session_id,
        }
        sys.stdout.write(f"{json.dumps(said)}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        access.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
