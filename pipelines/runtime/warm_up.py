"""Has the engines load ahead of the first words that need them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable

from beam_flink_kit.loops import WorkerLoop
from connectors.calls.policy import call
from connectors.interfaces.errors import ConnectorError
from connectors.registry import Connectors

_log = logging.getLogger(__name__)


class WarmUp:
    """Hints only: what fails here fails again, with its consequences, where it is needed."""

    def __init__(self, loop: WorkerLoop, connectors: Connectors) -> None:
        self._loop = loop
        self._connectors = connectors

    def load(self) -> None:
        for opening in self._connectors.on_open:
            self._loop.start(_tried(opening()))

    def expect(self, session_id: str, languages: Iterable[str]) -> None:
        """A session is listened to in these languages: its first utterance will not be long."""
        self._loop.start(_tried(self._load_routes(session_id, tuple(languages))))

    async def _load_routes(self, session_id: str, languages: tuple[str, ...]) -> None:
        directory = self._connectors.directory
        info = await call(self._connectors.policies.directory, lambda: directory.find(session_id))
        if info is not None:
            translator = self._connectors.translator
            await asyncio.gather(
                *(translator.warm(info.source_language, language) for language in languages)
            )


async def _tried(hint: Awaitable[object]) -> None:
    try:
        await hint
    except ConnectorError as error:
        _log.info("not loaded ahead: %s", error)
