"""Plays what clients of an earlier edition sent, and compares what they got with what they get."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.integration.gateway.conftest import RunningGateway, RunningHandlers, until
from tests.integration.gateway.sample_talk import tell_a_talk

_OF_THE_TIME = {"createdAt", "endedAt", "lagMs", "message"}
"""Fields whose values are another run's: of these the type is compared."""
_GIVEN = {"sessionId", "ticket", "token"}
"""Fields whose values a client sends again: of a recording they stand for today's."""
_MAY_GROW = {"targetLanguages", "languages"}
_TOKEN = "TOKEN"


class Difference(AssertionError):  # noqa: N818 - it is what a test fails with
    pass


class RecordedTalk:
    """One recording, line by line; ``today``: of recorded values, what they are in this run."""

    def __init__(self, host: RunningGateway, lines: Path) -> None:
        self._host = host
        self._lines: list[dict[str, Any]] = [
            json.loads(line) for line in lines.read_text().splitlines()
        ]
        self._today = {_TOKEN: host.token("ada")}
        self._sockets: dict[str, ClientConnection] = {}
        self._unread: dict[str, list[dict[str, Any]]] = {}
        self._readers: list[asyncio.Task[None]] = []

    async def play(self) -> None:
        """Raises Difference at the first answer that a client of that edition would miss."""
        try:
            for number, line in enumerate(self._lines, 1):
                try:
                    await self._one(self._of_today(line))
                except TimeoutError:
                    raise Difference(f"line {number} never came: {line}") from None
                except Difference as difference:
                    raise Difference(f"line {number}: {difference}: {line}") from None
        finally:
            for reader in self._readers:
                reader.cancel()
            for socket in self._sockets.values():
                await socket.close()

    def unread(self) -> list[dict[str, Any]]:
        """What came beside what had come then."""
        return [one for messages in self._unread.values() for one in messages]

    async def _one(self, line: dict[str, Any]) -> None:
        name = str(line.get("on"))
        match line:
            case {"opens": subprotocols, "query": query}:
                await self._open(name, subprotocols, query)
            case {"closes": True}:
                await self._sockets.pop(name).close()
            case {"sent": message}:
                await self._sockets[name].send(json.dumps(message))
            case {"frame": text}:
                await self._sockets[name].send(base64.b64decode(text))
            case {"received": message}:
                await until(lambda: self._is_there(name, message))
            case {"call": [method, path], "answered": answered}:
                await self._call(method, path, line, answered)
            case {"job": language, "session": session_id, "posts": message}:
                await self._post(session_id, language, message)
            case {"talk": session_id}:
                await tell_a_talk(self._host, session_id)
            case other:
                raise ValueError(f"a recording has no such line: {other}")

    async def _open(self, name: str, subprotocols: list[str], query: str) -> None:
        url = self._host.url.replace("http", "ws", 1)
        offered: Any = subprotocols or None
        socket = await connect(f"{url}/ws{query}", subprotocols=offered, proxy=None, max_size=None)
        unread = self._unread.setdefault(name, [])

        async def read() -> None:
            async for text in socket:
                unread.append(json.loads(text))

        self._sockets[name] = socket
        self._readers.append(asyncio.create_task(read()))

    def _is_there(self, name: str, recorded: dict[str, Any]) -> bool:
        """Take it. Messages of a moment come in any order, and acknowledgements may be fewer."""
        unread = self._unread[name]
        for at, message in enumerate(unread):
            if message["type"] != recorded["type"]:
                continue
            if message["type"] == "audioAck":
                if message["sequence"] >= recorded["sequence"]:
                    return True  # and of what is acknowledged with it
            elif not differences(recorded, message):
                self._remember(recorded, message)
                del unread[at]
                return True
        return False

    async def _call(
        self, method: str, path: str, line: dict[str, Any], answered: list[Any]
    ) -> None:
        headers = {"authorization": f"Bearer {line['token']}"} if "token" in line else {}
        async with self._host.http() as http:
            answer = await http.request(method, path, json=line.get("body"), headers=headers)
        status, kind, shown = answered
        found: Any = len(answer.content)
        if kind == "application/json":
            found = answer.json()
            self._remember(shown, found)
        elif kind.startswith("text/"):
            found = answer.text
        if answer.status_code != status or differences(self._of_today(shown), found):
            raise Difference(f"{answer.status_code} {found}")

    async def _post(self, session_id: str, language: str, message: dict[str, Any]) -> None:
        """As the job does: by the gateway's own way, or by API Gateway's to each connection."""
        if not isinstance(self._host, RunningHandlers):
            async with self._host.http() as http:
                told = await http.post(f"/notify/{session_id}/{language}", json=message)
                told.raise_for_status()
            return
        for row in await self._host.tables.connections(session_id, 0):
            if row.language == language:
                await self._host.api.post(row.connection_id, json.dumps(message))

    def _remember(self, recorded: dict[str, Any], message: dict[str, Any]) -> None:
        for name in _GIVEN & recorded.keys():
            self._today.setdefault(recorded[name], message[name])

    def _of_today(self, value: Any) -> Any:
        text = json.dumps(value)
        for recorded, today in self._today.items():
            text = text.replace(recorded, today)
        return json.loads(text)


def differences(recorded: Any, today: Any, name: str = "") -> list[str]:
    """What a client that reads the recorded value misses today; more fields are none."""
    if name in _OF_THE_TIME | _GIVEN:
        return [] if type(recorded) is type(today) else [name]
    if name in _MAY_GROW and isinstance(recorded, list):
        return [] if isinstance(today, list) and set(recorded) <= set(today) else [name]
    if isinstance(recorded, dict) and isinstance(today, dict):
        missing = [f"{name}.{one}" for one in recorded.keys() - today.keys()]
        within = _MAY_GROW if name in _MAY_GROW else ()
        return missing + [
            difference
            for one in recorded.keys() & today.keys()
            for difference in differences(recorded[one], today[one], name if within else one)
        ]
    if isinstance(recorded, list) and isinstance(today, list) and len(recorded) == len(today):
        return [
            difference
            for one, other in zip(recorded, today, strict=True)
            for difference in differences(one, other, name)
        ]
    if name == "url" and isinstance(recorded, str) and isinstance(today, str):
        # A link says in its query for how long it is good, and by whose signature.
        recorded, today = recorded.partition("?")[0], today.partition("?")[0]
    return [] if recorded == today else [name or repr(today)]
