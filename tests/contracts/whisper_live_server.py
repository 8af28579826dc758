"""A server of whisper-live's protocol on 127.0.0.1, which reads words written into the samples.

Like the real one it transcribes what it has since its last completed segment, at least a second of
it; completes a segment when another follows or when it has said the same often enough; sends its
newest completed segments every time; says nothing when it hears nothing; and forgets what is
unfinished when a client leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve

from connectors.interfaces.speech_to_text import Word
from connectors.testing.words import WordReader

_LEAST_S = 1.0
_PAUSE_S = 0.3
"""Between two words of different segments."""
_TOLD_AGAIN = 10


@dataclass(slots=True)
class WhisperLiveServer:
    """``wanted``: the first message of every client. ``answers``: sent to the next client instead
    of being ready. ``ends_after_s``: of audio, then it ends the connection. ``is_silent``: it hears
    nothing. ``ended_well``: how many clients said that there is no more audio."""

    wanted: list[dict[str, Any]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    ends_after_s: float = float("inf")
    is_silent: bool = False
    ended_well: int = 0
    received_s: float = 0.0
    _server: Server | None = None

    async def start(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", 0, max_size=1 << 24)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, client: ServerConnection) -> None:
        wanted: dict[str, Any] = json.loads(await client.recv())
        self.wanted.append(wanted)
        uid = wanted["uid"]
        if self.answers:
            await client.send(self.answers.pop(0).replace("UID", uid))
            return
        await client.send(json.dumps({"uid": uid, "language": "en", "language_prob": 0.9}))
        await client.send(json.dumps({"uid": uid, "message": "SERVER_READY", "backend": "words"}))
        transcript = _ServedTranscript(wanted["same_output_threshold"])
        async for frame in client:
            if frame == b"END_OF_AUDIO":
                self.ended_well += 1
                return
            assert isinstance(frame, bytes)
            samples = np.frombuffer(frame, "<f4")
            self.received_s += len(samples) / 16_000
            segments = transcript.add((samples * 32_768).astype("<i2").tobytes())
            if segments and not self.is_silent:
                await client.send(json.dumps({"uid": uid, "segments": segments}))
            if transcript.received_s >= self.ends_after_s:
                await client.send(json.dumps({"uid": uid, "message": "DISCONNECT"}))
                return


class _ServedTranscript:
    def __init__(self, same_output_threshold: int) -> None:
        self._reader = WordReader()
        self._words: list[Word] = []
        """After the last completed segment."""
        self._completed: list[dict[str, Any]] = []
        self._completed_s = 0.0
        self._threshold = same_output_threshold
        self._said = ""
        self._same = 0

    @property
    def received_s(self) -> float:
        return self._reader.through_s

    def add(self, pcm: bytes) -> list[dict[str, Any]]:
        self._words += self._reader.read(pcm)
        if self.received_s - self._completed_s < _LEAST_S or not self._words:
            return []
        *before, last = self._groups()
        for group in before:
            self._complete(group)
        text = _text(last)
        self._same = self._same + 1 if text == self._said else 0
        self._said = text
        if self._same >= self._threshold:
            self._complete(last)
            return self._completed[-_TOLD_AGAIN:]
        return [*self._completed[-_TOLD_AGAIN:], _segment(last, is_completed=False)]

    def _groups(self) -> list[list[Word]]:
        groups: list[list[Word]] = []
        for word in self._words:
            if groups and word.start_s - groups[-1][-1].end_s < _PAUSE_S:
                groups[-1].append(word)
            else:
                groups.append([word])
        return groups

    def _complete(self, group: list[Word]) -> None:
        self._completed.append(_segment(group, is_completed=True))
        self._completed_s = group[-1].end_s
        self._words = self._words[len(group) :]
        self._said, self._same = "", 0


def _text(words: Iterable[Word]) -> str:
    return " " + " ".join(word.text for word in words)


def _segment(words: list[Word], *, is_completed: bool) -> dict[str, Any]:
    return {
        "start": f"{words[0].start_s:.3f}",
        "end": f"{words[-1].end_s:.3f}",
        "text": _text(words),
        "completed": is_completed,
    }
