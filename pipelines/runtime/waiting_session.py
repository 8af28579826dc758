"""A session that is being taken over, and what came for it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.interfaces.errors import ConnectorError, UnreadableError
from pipelines.session.low_water import keep_older
from pipelines.session.records import Place, ReadRecord

GIVE_UP_AFTER_S = 600.0
"""A session whose rows cannot be read for so long is a dead letter; its next record tries again."""


@dataclass(slots=True)
class WaitingSession:
    """``refused_since_s``: since when what the tables hold of it cannot be read. Then only places
    are kept: it must not take the room of others, and the log is read again from there."""

    records: list[ReadRecord] = field(default_factory=list[ReadRecord])
    refused_since_s: float | None = None

    @property
    def size_bytes(self) -> int:
        return sum(record.size_bytes for record in self.records)

    @property
    def misses_records(self) -> bool:
        """Whether the log is to be read again for it."""
        return any(_is_place(record) for record in self.records)

    def add(self, records: Iterable[ReadRecord]) -> None:
        self.records += records
        if self.refused_since_s is not None:
            self.records = places_of(record.place for record in self.records)

    def refused(self, now_s: float) -> float:
        """Note that it was refused; for how many seconds it has been by now."""
        if self.refused_since_s is None:
            self.refused_since_s = now_s
            self.add(())
        return now_s - self.refused_since_s

    def whole_records(self) -> list[ReadRecord]:
        """What came, without those of which only the place was kept."""
        return [record for record in self.records if not _is_place(record)]


def is_unreadable(error: Exception) -> bool:
    """Whether what the tables hold is the cause, not a service that is away or refuses."""
    return isinstance(error, UnreadableError) or not isinstance(error, ConnectorError)


def places_of(places: Iterable[Place]) -> list[ReadRecord]:
    """Records that only keep the place, by shard the oldest, of what is to be read again."""
    oldest: dict[str, Place] = {}
    for place in places:
        keep_older(oldest, place)
    return [ReadRecord(place, 0, 0) for place in oldest.values()]


def _is_place(record: ReadRecord) -> bool:
    return record.chunk is None and record.control is None
