"""Step 2 goes on: a session's records in their order, each once, and holes that are gaps passed."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from pipelines.core.order import OrderStep, number_by_arrival, restore_order
from pipelines.core.reading import read_through
from pipelines.core.records import ReadRecord
from pipelines.core.session_log import SessionState
from pipelines.transforms.window_audio import WindowOptions
from pipelines.worker.process import TimeMode, Worker

_log = logging.getLogger(__name__)

HOLE_CHECK_MS = 10_000
"""A pane's wait and the way to here, with room: what was read before is here by then."""

WHOLE_INPUT_MS = 2**53


class RestoreOrder:
    """Part of the stage that follows sessions (``session_steps``)."""

    def __init__(self, options: WindowOptions, worker: Worker, time: TimeMode) -> None:
        self._options = options
        self._worker = worker
        # A bounded input is read to its end: what is missing will never come.
        self._read_through_ms = WHOLE_INPUT_MS if time is TimeMode.INLINE else 0

    def step(
        self, session_id: str, state: SessionState, incoming: Iterable[ReadRecord]
    ) -> OrderStep:
        """New records; what was held goes with them."""
        if self._options.record_format == "pcm":
            step = number_by_arrival(state.order, incoming)
        else:
            step = restore_order(
                state.order,
                state.held,
                incoming,
                retry_deadline_ms=self._options.retry_deadline_ms,
                read_through_ms=self._read_through_ms,
            )
        _log_pane(session_id, step, self._options.log_level)
        return step

    def look_at_hole(self, session_id: str, state: SessionState) -> OrderStep:
        """No more records came to prove a hole: ask how far the log has been read."""
        step = restore_order(
            state.order,
            state.held,
            (),
            retry_deadline_ms=self._options.retry_deadline_ms,
            read_through_ms=self._known_read_through_ms(session_id),
        )
        if step.items:
            _log_pane(session_id, step, self._options.log_level)
        return step

    def _known_read_through_ms(self, session_id: str) -> int:
        """What an earlier look asked the positions table for; asks again for the next look.

        The answer is used one look later, when everything read before it was asked is here.
        """
        lookups = self._worker.position_lookups
        question = self._options.job_name, session_id  # each session waits for its own answer
        answer = lookups.answer(question)
        lookups.ask(question)
        return 0 if answer is None else read_through(answer, session_id, self._options.readers)


def _log_pane(session_id: str, step: OrderStep, level: int) -> None:
    if not _log.isEnabledFor(level):
        return
    chunks = [item.read.chunk for item in step.items if item.read and item.read.chunk]
    if not chunks and not step.held:
        return
    samples = sum(chunk.samples for chunk in chunks)
    _log.log(
        level,
        "pane session=%s chunks=%d bytes=%d seconds=%.2f held=%d repeats=%d",
        session_id,
        len(chunks),
        sum(len(chunk.pcm) for chunk in chunks),
        samples / 16_000,
        len(step.held),
        step.repeats,
    )
