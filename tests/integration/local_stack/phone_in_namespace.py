"""What a phone does that scans the codes of ``make live PHONES=1``: first that of the page which
explains how to trust, then the room's. JSON in as the only argument, what it met as JSON out."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect

from tests.integration.local_stack.qr_scan import scan

_TIMEOUT_S = 20


def fetched(
    url: str, tls: ssl.SSLContext | None = None, headers: dict[str, str] | None = None
) -> bytes:
    request = urllib.request.Request(url, headers=headers or {})  # noqa: S310
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=tls) as answer:  # noqa: S310
        return bytes(answer.read())


def refused(url: str, tls: ssl.SSLContext | None = None) -> str:
    try:
        fetched(url, tls)
    except (urllib.error.URLError, OSError) as error:
        return str(error)
    return "answered"


def load_page(url: str, tls: ssl.SSLContext | None) -> int:
    """The page, and all that its HTML names; how many parts."""
    html = fetched(url, tls).decode()
    parts = re.findall(r'(?:src|href)="(/assets/[^"]+)"', html)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    return sum(len(fetched(origin + part, tls)) > 0 for part in parts)


async def listen(link: str, tls: ssl.SSLContext) -> dict[str, Any]:
    """Through the room into its talk, until the first caption."""
    parts = urlsplit(link)
    room_id, key = parts.path.removeprefix("/room/"), parts.fragment
    async with connect(
        f"wss://{parts.netloc}/ws",
        ssl=tls,
        subprotocols=["live-translation"],  # type: ignore[list-item]
        proxy=None,
    ) as socket:

        async def told(kind: str) -> dict[str, Any]:
            async with asyncio.timeout(_TIMEOUT_S):
                while True:
                    message: dict[str, Any] = json.loads(await socket.recv())
                    if message["type"] == kind:
                        return message

        await socket.send(json.dumps({"action": "joinRoom", "roomId": room_id, "key": key}))
        room = await told("talkState")
        joining = {"action": "joinSession", "sessionId": room["sessionId"], "targetLanguage": "es"}
        await socket.send(json.dumps({**joining, "key": key}))
        joined = await told("sessionJoined")
        caption = await told("translatedAudio")
        return {
            "room": [room["state"], room["talk"]["title"]],
            "joined": joined["targetLanguage"],
            "caption": caption["transcript"],
        }


def main() -> None:
    shown = json.loads(sys.argv[1])
    trust, link = scan(shown["trustCode"]), scan(shown["roomCode"])
    host = urlsplit(link).hostname
    met: dict[str, Any] = {
        "before": refused(link.partition("#")[0]),
        "loopbackPort": refused(f"http://{host}:{shown['gatewayPort']}/offer"),
        "trustParts": load_page(trust, None),
    }
    described = json.loads(fetched(f"{trust}authority"))
    certificate = fetched(trust.rstrip("/") + described["certificate"])
    met["fingerprint"] = hashlib.sha256(certificate).digest().hex(":").upper()
    tls = ssl.create_default_context(cadata=certificate)
    offer = json.loads(fetched(f"{described['secureUrl']}/offer", tls))
    met["offer"] = {"publicUrl": offer["publicUrl"], "trustUrl": offer["trustUrl"]}
    met["pageParts"] = load_page(link.partition("#")[0], tls)
    met |= asyncio.run(listen(link, tls))
    sys.stdout.write(f"{json.dumps(met)}\n")


if __name__ == "__main__":
    main()
