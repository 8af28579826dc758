"""Records that came in panes and that the ledger does not cover yet, by session.

A pane comes once: nobody reads the log again for a host of panes. What the machine of a session has
not committed is therefore kept here, to be fed to it once more when it begins anew, or when a hole
has been passed after which it could not hold all. These are references to records that Beam made,
no copies; how much there may be is bounded by the reader (``record_engine``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipelines.session.records import Place, ReadRecord


class KeptRecords:
    """``size_bytes``: the audio of all of them."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._sessions: dict[str, dict[str, dict[int, ReadRecord]]] = {}
        """By session, shard and number, in the order in which they came."""

    def add(self, session_id: str, records: Iterable[ReadRecord]) -> None:
        """Keep each once, however often it comes."""
        shards = self._sessions.setdefault(session_id, {})
        for record in records:
            kept = shards.setdefault(record.place.shard_id, {})
            number = int(record.place.number)
            if number not in kept:
                kept[number] = record
                self.size_bytes += record.size_bytes

    def covered(self, session_id: str, oldest_open: Mapping[str, Place]) -> None:
        """The ledger covers what lies in front of these places, and all of shards that have none.
        As long as what came first is open, what came after it is kept."""
        shards = self._sessions.get(session_id, {})
        for shard_id, kept in list(shards.items()):
            place = oldest_open.get(shard_id)
            while kept:
                first = next(iter(kept))
                if place is not None and first >= int(place.number):
                    break
                self.size_bytes -= kept.pop(first).size_bytes
            if not kept:
                del shards[shard_id]
        if not shards:
            self._sessions.pop(session_id, None)

    def of(self, session_id: str) -> list[ReadRecord]:
        """In the log's order."""
        shards = self._sessions.get(session_id, {})
        records = [record for kept in shards.values() for record in kept.values()]
        return sorted(records, key=lambda record: int(record.place.number))
