"""One listener of every session and language, in a process of its own: notes what arrives and when.

``python -m benchmarks.lag.collector --port PORT --notes FILE`` answers what
``connectors.services.gateway_notifier`` posts, as the gateway does, and writes a line of JSON for
each ``translatedAudio`` or ``skipped``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import msgspec
from aiohttp import web

from benchmarks.lag.word_lags import Arrival
from connectors.interfaces.notifier import INLINE_AUDIO, Audience
from local_stack.ports import LOOPBACK

CAPABILITIES = (INLINE_AUDIO,)
"""The listener's page asks for clips inside messages; a flow that has none sends links."""
TRANSLATED_AUDIO = "translatedAudio"
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Note:
    """A message as it arrived; ``source_text`` is empty for what was skipped."""

    at_ms: float
    session_id: str
    language: str
    kind: str
    number: int
    captured_at_ms: int
    source_text: str
    clip_s: float
    stages_ms: dict[str, int]

    def arrival(self) -> Arrival:
        words = tuple(self.source_text.split())
        return Arrival(self.at_ms, self.captured_at_ms, words, self.clip_s)


def note(at_ms: float, session_id: str, language: str, message: dict[str, Any]) -> Note:
    return Note(
        at_ms,
        session_id,
        language,
        message["type"],
        message.get("sequenceNumber", -1),
        message.get("timestamp", 0),
        message.get("sourceTranscript", ""),
        message.get("duration", 0.0),
        message.get("stages", {}),
    )


def read_notes(file: Path) -> tuple[Note, ...]:
    if not file.exists():
        return ()
    lines = file.read_bytes().splitlines()
    return tuple(msgspec.json.decode(line, type=Note) for line in lines if line)


class Collector:
    def __init__(self, notes: TextIO) -> None:
        self._notes = notes

    def app(self) -> web.Application:
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_post("/notify/{session}/{language}", self._notify)
        app.router.add_post("/notify/{session}", self._tell_speaker)
        app.router.add_post("/notify", self._tell_speakers)
        return app

    def take(
        self, session_id: str, language: str, audience: Audience, body: bytes, at_ms: float
    ) -> bool:
        """Whether a listener with CAPABILITIES got it; what is no outcome is not noted."""
        if not audience.includes(CAPABILITIES):
            return False
        message = msgspec.json.decode(body, type=dict[str, Any])
        if message["type"] in (TRANSLATED_AUDIO, "skipped"):
            one = note(at_ms, session_id, language, message)
            self._notes.write(msgspec.json.encode(asdict(one)).decode() + "\n")
            self._notes.flush()
        return True

    async def _notify(self, request: web.Request) -> web.Response:
        body = await request.read()
        at_ms = time.time_ns() / 1e6
        whose = request.match_info
        audience = Audience(request.query.get("audience", Audience.ALL.value))
        return _answer(int(self.take(whose["session"], whose["language"], audience, body, at_ms)))

    async def _tell_speaker(self, request: web.Request) -> web.Response:
        await request.read()
        return _answer(1)

    async def _tell_speakers(self, request: web.Request) -> web.Response:
        """Several at once: as many answers."""
        notes = msgspec.json.decode(await request.read(), type=list[dict[str, Any]])
        return web.json_response([_delivery(1) for _ in notes])


def _answer(listeners: int) -> web.Response:
    return web.json_response(_delivery(listeners))


def _delivery(listeners: int) -> dict[str, int]:
    return {"delivered": listeners, "listeners": listeners, "gone": 0, "inline": 1}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--notes", type=Path, required=True)
    given = parser.parse_args()
    with given.notes.open("w") as notes:
        web.run_app(
            Collector(notes).app(), host=LOOPBACK, port=given.port, print=None, access_log=None
        )


if __name__ == "__main__":
    main()
