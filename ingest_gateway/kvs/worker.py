"""The viewers of this process: one for each session that it was told of."""

from __future__ import annotations

import asyncio
import logging

from connectors.interfaces.session_events import SessionEvent, SessionEventType
from ingest_gateway.kvs.viewer import Viewer, ViewerDependencies
from ingest_gateway.sessions.channels import channel_of

MOST_VIEWERS = 200

_log = logging.getLogger(__name__)


class KvsWorker:
    def __init__(self, needs: ViewerDependencies, most: int = MOST_VIEWERS) -> None:
        self._needs = needs
        self._most = most
        self._viewers: dict[str, Viewer] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    @property
    def sessions(self) -> tuple[str, ...]:
        return tuple(self._running)

    def viewer(self, session_id: str) -> Viewer | None:
        return self._viewers.get(session_id)

    def start_viewer(self, session_id: str) -> bool:
        """Join this session's channel; again, it changes nothing. False: this process has as many
        as it takes, ask another."""
        if session_id in self._running:
            return True
        if len(self._running) >= self._most:
            return False
        viewer = Viewer(self._needs, session_id)
        task = asyncio.create_task(viewer.run(), name=f"viewer {session_id}")
        self._viewers[session_id] = viewer
        self._running[session_id] = task
        task.add_done_callback(lambda done: self._stopped(session_id, done))
        _log.info("session %s: viewer started", session_id)
        return True

    async def stop_viewer(self, session_id: str) -> None:
        """What was said is made durable first."""
        task = self._running.get(session_id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def take(self, event: SessionEvent) -> bool:
        """False: not done, tell another or tell again. Events may come twice, and an end before
        its beginning: a viewer of an ended session stops by itself."""
        if event.event_type is SessionEventType.ENDED:
            await self.stop_viewer(event.session_id)
            return True
        return self.start_viewer(event.session_id)

    async def recover(self) -> None:
        """At the start: the sessions that go on and have a channel, told of here or elsewhere."""
        live = self._needs.gateway.live
        for row in await live.ask(live.tables.live_sessions):
            if channel_of(row.info) is not None and not self.start_viewer(row.session_id):
                _log.error("session %s: no room for its viewer", row.session_id)

    async def close(self) -> None:
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stopped(self, session_id: str, task: asyncio.Task[None]) -> None:
        self._running.pop(session_id, None)
        self._viewers.pop(session_id, None)
        if not task.cancelled() and task.exception() is not None:
            _log.error("session %s: its viewer failed", session_id, exc_info=task.exception())
