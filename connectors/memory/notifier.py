"""Listeners and speakers in memory, for tests and bounded runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from connectors.interfaces.errors import ConnectorError, GoneError, RetryableError
from connectors.interfaces.notifier import Audience, Delivery


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one audience of a (session, language), however many took it."""

    session_id: str
    language: str
    message: dict[str, object]
    audience: Audience = Audience.ALL


@dataclass(frozen=True, slots=True)
class _Seat:
    session_id: str
    language: str
    capabilities: frozenset[str]


class MemoryNotifier:
    """``notices`` is every message to listeners in order, ``told`` every one to a speaker
    (session, message); ``inboxes`` what each connection took."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.told: list[tuple[str, dict[str, object]]] = []
        self.inboxes: dict[str, list[dict[str, object]]] = {}
        self._seats: dict[str, _Seat] = {}
        self._speakers: dict[str, str] = {}
        self._faults: dict[str, ConnectorError] = {}

    def connect(
        self,
        session_id: str,
        language: str,
        connection_id: str,
        capabilities: Collection[str] = (),
    ) -> None:
        self._seats[connection_id] = _Seat(session_id, language, frozenset(capabilities))
        self.inboxes[connection_id] = []

    def speak(self, session_id: str, connection_id: str) -> None:
        """From now on this connection is the session's speaker."""
        self._speakers[session_id] = connection_id
        self.inboxes[connection_id] = []

    def hang_up(self, connection_id: str) -> None:
        """The connection is closed, which is noticed by the next message only."""
        self._faults[connection_id] = GoneError("hung up")

    def fail(self, connection_id: str, error: ConnectorError) -> None:
        """Every message to this connection fails from now on."""
        self._faults[connection_id] = error

    def disconnect(self, connection_id: str) -> None:
        del self._seats[connection_id]

    def fault(self, connection_id: str) -> ConnectorError | None:
        return self._faults.get(connection_id)

    def capabilities(self, connection_id: str) -> frozenset[str]:
        return self._seats[connection_id].capabilities

    def speaker(self, session_id: str) -> str | None:
        return self._speakers.get(session_id)

    def listening(
        self, session_id: str, language: str, audience: Audience = Audience.ALL
    ) -> tuple[str, ...]:
        return tuple(
            connection_id
            for connection_id, seat in self._seats.items()
            if (seat.session_id, seat.language) == (session_id, language)
            and audience.includes(seat.capabilities)
        )

    def is_connected(self, connection_id: str) -> bool:
        return connection_id in self._seats

    async def notify(
        self,
        session_id: str,
        language: str,
        message: dict[str, object],
        *,
        audience: Audience = Audience.ALL,
    ) -> Delivery:
        ids = self.listening(session_id, language, audience)
        delivery = self._post(ids, message)
        self.notices.append(Notice(session_id, language, message, audience))
        for connection in ids:
            if isinstance(self.fault(connection), GoneError):
                self.disconnect(connection)
        return delivery

    async def tell_speaker(self, session_id: str, message: dict[str, object]) -> Delivery:
        speaker = self._speakers.get(session_id)
        delivery = self._post(() if speaker is None else (speaker,), message)
        self.told.append((session_id, message))
        return delivery

    def knows_nobody_inline(self, session_id: str, language: str) -> bool:
        return not self.listening(session_id, language, Audience.INLINE)

    async def close(self) -> None:
        """Nothing is held open."""

    def _post(self, ids: tuple[str, ...], message: dict[str, object]) -> Delivery:
        faults = {
            connection: self._faults[connection] for connection in ids if connection in self._faults
        }
        unreached = [fault for fault in faults.values() if isinstance(fault, RetryableError)]
        if ids and len(unreached) == len(ids):
            raise unreached[0]
        for connection in ids:
            if connection not in faults:
                self.inboxes[connection].append(message)
        gone = sum(isinstance(fault, GoneError) for fault in faults.values())
        return Delivery(delivered=len(ids) - len(faults), listeners=len(ids), gone=gone)
