"""What a phone does that scans the code of ``make live PHONES=1``: it is told the link, and prints
what it met. JSON in as the only argument, JSON out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any

from websockets.asyncio.client import connect

_TIMEOUT_S = 20


def fetched(url: str, tls: ssl.SSLContext | None = None) -> bytes:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S, context=tls) as answer:  # noqa: S310
        return bytes(answer.read())


def refused(url: str, tls: ssl.SSLContext | None = None) -> str:
    try:
        fetched(url, tls)
    except (urllib.error.URLError, OSError) as error:
        return str(error)
    return "answered"


async def join(url: str, session_id: str, tls: ssl.SSLContext) -> dict[str, Any]:
    address = url.replace("https", "wss", 1) + "/ws"
    async with connect(
        address,
        ssl=tls,
        subprotocols=["live-translation"],
        proxy=None,  # type: ignore[list-item]
    ) as socket:
        joining = {"action": "joinSession", "sessionId": session_id, "targetLanguage": "es"}
        await socket.send(json.dumps(joining))
        answer: dict[str, Any] = json.loads(await socket.recv())
        return answer


def main() -> None:
    machine = json.loads(sys.argv[1])
    secure, trust = machine["publicUrl"], machine["trustUrl"]
    host = secure.removeprefix("https://").partition(":")[0]
    met = {
        "before": refused(f"{secure}/offer"),
        "loopbackPort": refused(f"http://{host}:{machine['gatewayPort']}/offer"),
    }
    described = json.loads(fetched(f"{trust}authority"))
    certificate = fetched(trust.rstrip("/") + described["certificate"])
    met["fingerprint"] = hashlib.sha256(certificate).digest().hex(":").upper()
    tls = ssl.create_default_context(cadata=certificate)
    offer = json.loads(fetched(f"{secure}/offer", tls))
    met["offer"] = {"publicUrl": offer["publicUrl"], "trustUrl": offer["trustUrl"]}
    joined = asyncio.run(join(secure, machine["sessionId"], tls))
    met["joined"] = [joined["type"], joined["targetLanguage"]]
    sys.stdout.write(f"{json.dumps(met)}\n")


if __name__ == "__main__":
    main()
