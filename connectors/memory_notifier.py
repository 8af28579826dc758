"""Listeners in memory, for tests and bounded runs."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.errors import ConnectorError, GoneError, RetryableError
from connectors.notifier import Delivery


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one (session, language), however many took it."""

    session_id: str
    language: str
    message: dict[str, object]


class MemoryNotifier:
    """``notices`` is every message in order; ``inboxes`` what each connection took."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.inboxes: dict[str, list[dict[str, object]]] = {}
        self._listening: dict[str, tuple[str, str]] = {}
        self._faults: dict[str, ConnectorError] = {}

    def connect(self, session_id: str, language: str, connection_id: str) -> None:
        self._listening[connection_id] = (session_id, language)
        self.inboxes[connection_id] = []

    def hang_up(self, connection_id: str) -> None:
        """The connection is closed, which is noticed by the next message only."""
        self._faults[connection_id] = GoneError("hung up")

    def fail(self, connection_id: str, error: ConnectorError) -> None:
        """Every message to this connection fails from now on."""
        self._faults[connection_id] = error

    def disconnect(self, connection_id: str) -> None:
        del self._listening[connection_id]

    def fault(self, connection_id: str) -> ConnectorError | None:
        return self._faults.get(connection_id)

    def listening(self, session_id: str, language: str) -> tuple[str, ...]:
        heard = (session_id, language)
        return tuple(one for one, listens in self._listening.items() if listens == heard)

    def is_connected(self, connection_id: str) -> bool:
        return connection_id in self._listening

    async def notify(self, session_id: str, language: str, message: dict[str, object]) -> Delivery:
        ids = self.listening(session_id, language)
        faults = {
            connection: self._faults[connection] for connection in ids if connection in self._faults
        }
        unreached = [fault for fault in faults.values() if isinstance(fault, RetryableError)]
        if ids and len(unreached) == len(ids):
            raise unreached[0]
        self.notices.append(Notice(session_id, language, message))
        gone = [connection for connection, fault in faults.items() if isinstance(fault, GoneError)]
        for connection in gone:
            self.disconnect(connection)
        for connection in ids:
            if connection not in faults:
                self.inboxes[connection].append(message)
        return Delivery(delivered=len(ids) - len(faults), listeners=len(ids), gone=len(gone))

    async def close(self) -> None:
        """Nothing is held open."""
