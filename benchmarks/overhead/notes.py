"""What a load run's listeners were told, read from the worker's notes while it still writes."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Notification(msgspec.Struct, frozen=True):
    """A line of the notes. ``stages``: ms by stage; None: the utterance was skipped."""

    at_ms: float
    stages: dict[str, float] | None = None


class NoteTail:
    """Each ``read`` gives what has been written since the last one, whole lines only."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._place = 0
        self._decode = msgspec.json.Decoder(Notification).decode

    def read(self) -> list[Notification]:
        if not self._file.exists():
            return []
        with self._file.open("rb") as notes:
            notes.seek(self._place)
            new = notes.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._place += len(whole)
        return [self._decode(line) for line in whole.splitlines()]
