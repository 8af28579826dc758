"""Records of a session's log, written short, and items written readably."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.session.coverage import is_late, late_epoch
from pipelines.session.records import (
    Chunk,
    Flush,
    Hole,
    Item,
    Listeners,
    Opened,
    Place,
    ReadRecord,
)
from schemas.values import AudioChunk, ControlKind, SessionControl

SESSION = "joyful-mountain-789"
START_MS = 1_800_000_000_000


class LogOf:
    """Numbers records as Kinesis does, in the order in which they are asked for."""

    def __init__(self, shard_id: str = "shard-0") -> None:
        self.shard_id = shard_id
        self._number = 100

    def chunk(
        self,
        epoch: int,
        sequence: int,
        pcm: bytes = b"\0\0",
        *,
        at_ms: int = START_MS,
        loss: int = 0,
    ) -> ReadRecord:
        audio = AudioChunk(SESSION, epoch, sequence, at_ms, at_ms + 40, pcm)
        return self._read(at_ms, chunk=audio, loss=loss)

    def control(
        self,
        kind: ControlKind,
        epoch: int = 0,
        after: int = -1,
        *,
        until: int | None = None,
        languages: tuple[str, ...] | None = None,
        revision: int = 1,
        at_ms: int = START_MS,
        loss: int = 0,
    ) -> ReadRecord:
        control = SessionControl(
            SESSION, epoch, after, revision, kind, at_ms, languages, next_sequence=until
        )
        return self._read(at_ms, control=control, loss=loss)

    def _read(
        self,
        at_ms: int,
        chunk: AudioChunk | None = None,
        control: SessionControl | None = None,
        *,
        loss: int,
    ) -> ReadRecord:
        before, self._number = str(self._number), self._number + 1
        place = Place(self.shard_id, str(self._number), before)
        return ReadRecord(place, at_ms + 60, at_ms + 90, chunk, control, loss)


def shown(items: Iterable[Item]) -> list[str]:
    """``1/5`` a chunk, ``late 1/5`` one after its turn, ``gap 1/5-7`` chunks 5 and 6."""
    lines: list[str] = []
    for item in items:
        match item:
            case Chunk(epoch, sequence) if is_late(epoch):
                lines.append(f"late {late_epoch(epoch)}/{sequence}")
            case Chunk(epoch, sequence):
                lines.append(f"{epoch}/{sequence}")
            case Hole(epoch, first, until):
                lines.append(f"gap {epoch}/{first}-{until}")
            case Opened(epoch, sequence, begins):
                lines.append(f"{'from' if begins else 'on'} {epoch}/{sequence}")
            case Flush(ended):
                lines.append("end" if ended else "flush")
            case Listeners(languages):
                lines.append(f"listeners {','.join(languages.languages)}")
    return lines
