"""Dead letters as files in a folder, for bounded runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from connectors.files.clip_store import write_whole
from connectors.interfaces.dead_letters import letter_json, letter_key
from connectors.interfaces.errors import RetryableError
from schemas.values import DeadLetter


class FolderDeadLetters:
    """``{folder}/dead-letters/{stage}/{time}-{digest}.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: DeadLetter) -> None:
        path = self._folder / letter_key(letter)
        await asyncio.to_thread(_write, path, letter_json(letter))

    async def close(self) -> None:
        """Nothing is held open."""


def _write(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, body)
    except OSError as error:
        raise RetryableError(f"write a dead letter: {error.strerror}") from error
