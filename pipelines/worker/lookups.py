"""Questions to the session directory that a bundle must not wait for."""

from __future__ import annotations

from concurrent.futures import Future

from connectors.policy import call
from connectors.registry import Connectors
from pipelines.worker.loops import WorkerLoop
from schemas.values import ListenerLanguages


class ListenerLookups:
    """Who listens to a session, asked of the tables; at most one question a session at a time."""

    def __init__(self, loop: WorkerLoop, connectors: Connectors) -> None:
        self._loop = loop
        self._connectors = connectors
        self._asked: dict[str, Future[ListenerLanguages]] = {}

    def ask(self, session_id: str) -> None:
        if session_id in self._asked:
            return
        directory = self._connectors.directory
        policy = self._connectors.policies.directory
        self._asked[session_id] = self._loop.start(
            call(policy, lambda: directory.listeners(session_id))
        )

    def answer(self, session_id: str) -> ListenerLanguages | None:
        """The answer, once; None while there is none. A failed question is forgotten.

        A session without a counter has no listeners: that is knowledge too, at revision 0.
        """
        asked = self._asked.get(session_id)
        if asked is None or not asked.done():
            return None
        del self._asked[session_id]
        if asked.cancelled() or asked.exception() is not None:
            return None
        listeners = asked.result()
        return listeners if listeners.revision >= 0 else ListenerLanguages((), 0)
