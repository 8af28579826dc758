"""What a viewer makes of a session's row that others write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.interfaces.session_tables import ENDED, PAUSED, SessionRow
from ingest_gateway.kvs.follow import SEEN_WITHIN_MS, Next, followed, goes_on, what_next
from schemas.session_info import SessionInfo

pytestmark = pytest.mark.unit

NOW_MS = 1_790_000_000_000
ROW = SessionRow(
    SessionInfo("joyful-mountain-789", "ada", "en", ("es",), "standard", "active", NOW_MS),
    epoch=2,
    stream_id="kvs-one",
    durable_sequence=40,
    speaker_seen_at_ms=NOW_MS,
    generation=4,
    openings=4,
)
BEFORE = replace(ROW, epoch=1, stream_id="kvs-none", generation=3, openings=3)
"""As a viewer's own last opening left it."""
EARLIER_STREAM = replace(ROW, epoch=0, stream_id="page-7")
NOT_COUNTED = replace(ROW, stream_id="page-7", generation=0, openings=3)
"""A gateway of before generations were counted has opened a stream."""


@pytest.mark.parametrize(
    ("ours", "row", "expected"),
    [
        (None, ROW, Next.JOIN),  # at the start, whoever spoke before
        (ROW, ROW, Next.JOIN),  # the stream was ours
        (ROW, BEFORE, Next.JOIN),  # read before it was
        (BEFORE, ROW, Next.LEAVE),  # another worker has it
        (BEFORE, replace(ROW, stream_id="page-7"), Next.WAIT),
        (BEFORE, EARLIER_STREAM, Next.WAIT),
        (BEFORE, NOT_COUNTED, Next.WAIT),
        (BEFORE, replace(ROW, stream_id=None, speaker_seen_at_ms=None), Next.JOIN),
        (
            BEFORE,
            replace(ROW, stream_id="page-7", speaker_seen_at_ms=NOW_MS - SEEN_WITHIN_MS),
            Next.JOIN,
        ),
        (ROW, ROW.with_status(ENDED, NOW_MS), Next.LEAVE),
        (None, None, Next.LEAVE),
    ],
)
def test_whoever_took_the_session_over_keeps_it(
    ours: SessionRow | None, row: SessionRow | None, expected: Next
) -> None:
    assert what_next(ours, row, NOW_MS) is expected


def test_a_stream_goes_on_until_another_opening_comes() -> None:
    assert goes_on(ROW, ROW)
    assert goes_on(ROW, ROW.with_status(PAUSED))
    assert goes_on(ROW, BEFORE)
    assert not goes_on(BEFORE, ROW)
    assert not goes_on(BEFORE, EARLIER_STREAM)
    assert not goes_on(BEFORE, NOT_COUNTED)
    assert not goes_on(ROW, ROW.with_status(ENDED, NOW_MS))
    assert not goes_on(ROW, None)


def test_others_decide_on_pause_and_mute_we_know_where_the_audio_stands() -> None:
    found = replace(ROW.with_status(PAUSED), muted=True, volume=0.5, durable_sequence=12)
    row = followed(ROW, found)
    assert (row.info.status, row.muted, row.volume) == (PAUSED, True, 0.5)
    assert row.durable_sequence == 40
