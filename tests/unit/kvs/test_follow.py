"""What a viewer makes of a session's row that others write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.session_tables import ENDED, PAUSED, SessionRow
from ingest_gateway.kvs.follow import SEEN_WITHIN_MS, Next, followed, goes_on, what_next
from schemas.values import SessionInfo

pytestmark = pytest.mark.unit

NOW_MS = 1_790_000_000_000
ROW = SessionRow(
    SessionInfo("joyful-mountain-789", "ada", "en", ("es",), "standard", "active", NOW_MS),
    epoch=2,
    stream_id="kvs-one",
    durable_sequence=40,
    speaker_seen_at_ms=NOW_MS,
)


@pytest.mark.parametrize(
    ("epoch", "row", "expected"),
    [
        (-1, ROW, Next.JOIN),  # at the start, whoever spoke before
        (2, ROW, Next.JOIN),  # the stream was ours
        (1, ROW, Next.LEAVE),  # another worker has it
        (1, replace(ROW, stream_id="page-7"), Next.WAIT),
        (1, replace(ROW, stream_id=None, speaker_seen_at_ms=None), Next.JOIN),
        (
            1,
            replace(ROW, stream_id="page-7", speaker_seen_at_ms=NOW_MS - SEEN_WITHIN_MS),
            Next.JOIN,
        ),
        (2, ROW.with_status(ENDED, NOW_MS), Next.LEAVE),
        (-1, None, Next.LEAVE),
    ],
)
def test_whoever_took_the_session_over_keeps_it(
    epoch: int, row: SessionRow | None, expected: Next
) -> None:
    assert what_next(epoch, row, NOW_MS) is expected


def test_a_stream_goes_on_while_it_is_the_session_s_newest() -> None:
    assert goes_on(ROW, ROW)
    assert goes_on(ROW, ROW.with_status(PAUSED))
    assert not goes_on(ROW, replace(ROW, epoch=3))
    assert not goes_on(ROW, ROW.with_status(ENDED, NOW_MS))
    assert not goes_on(ROW, None)


def test_others_decide_on_pause_and_mute_we_know_where_the_audio_stands() -> None:
    found = replace(ROW.with_status(PAUSED), muted=True, volume=0.5, durable_sequence=12)
    row = followed(ROW, found)
    assert (row.info.status, row.muted, row.volume) == (PAUSED, True, 0.5)
    assert row.durable_sequence == 40
