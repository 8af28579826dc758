"""An engine that reads, recognises and commits, without waiting for a bundle."""

from __future__ import annotations

import logging
from collections.abc import Callable

from pipelines.log.reader import ReadBatch, ReadOptions
from pipelines.log.record_decoder import decoded
from pipelines.log.shards import SavedMarks
from pipelines.runtime.reading_engine import ReadingEngine, emptied
from pipelines.runtime.session_host import SessionHost
from pipelines.runtime.session_shell import SessionTools
from pipelines.segmentation.segmenter import Segmenter
from pipelines.session.records import Place
from schemas.values import DeadLetter, Utterance

_log = logging.getLogger(__name__)


class Engine(ReadingEngine):
    """One reader with the sessions whose audio it reads."""

    def __init__(
        self,
        number: int,
        options: ReadOptions,
        segmenter: Segmenter,
        tools: SessionTools,
        saved: SavedMarks | None,
        rung: Callable[[], None],
    ) -> None:
        self._segmenter = segmenter
        self._host: SessionHost | None = None
        super().__init__(number, options, tools, saved, rung)

    @property
    def host(self) -> SessionHost | None:
        """Its sessions; None before its generation is claimed."""
        return self._host

    @property
    def is_raw(self) -> bool:
        return self._options.record_format == "pcm"

    @property
    def sessions(self) -> int:
        return 0 if self._host is None else self._host.sessions

    def begin(self) -> None:
        self._host = SessionHost(
            self._tools,
            self._segmenter,
            self.generation,
            raw=self.is_raw,
            rung=self._rung,
            read_again=self.read_again,
            lost=self.lost,
        )

    def take(self, batch: ReadBatch) -> None:
        """Decode what was read, and give each session what is its own."""
        host = self._host
        assert host is not None
        for session_id, records in decoded(
            batch, self._tools.loop.now_ms(), self._refuse, raw=self.is_raw
        ).items():
            host.take(session_id, records)

    def oldest_open(self) -> dict[str, Place]:
        return {} if self._host is None else self._host.oldest_open()

    def is_full(self) -> bool:
        return self._host is not None and self._host.is_full

    def take_utterances(self) -> list[Utterance]:
        return [] if self._host is None else emptied(self._host.utterances)

    def take_letters(self) -> list[DeadLetter]:
        mine = super().take_letters()
        return mine if self._host is None else [*mine, *emptied(self._host.letters)]

    def ended(self) -> None:
        if self._host is not None:
            self._host.close()

    def _refuse(self, letter: DeadLetter) -> None:
        _log.warning("record %s refused: %s", letter.key, letter.cause)
        self.letters.append(letter)
        self._rung()
