"""What an engineer on call finds in the log by default: what did not go the usual way."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from pipelines.transforms.report import ReportOutcome
from schemas.values import Outcome, Timeline

pytestmark = pytest.mark.unit

CLIP = Outcome(
    "talk",
    7,
    "pt",
    "clips/talk/7/pt.mp3",
    None,
    notified=2,
    listeners=2,
    timeline=Timeline.start(0),
)


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (CLIP, logging.DEBUG),
        (replace(CLIP, notified=1), logging.INFO),
        (replace(CLIP, clip_key=None), logging.INFO),
        (replace(CLIP, clip_key=None, skipped="late"), logging.INFO),
    ],
    ids=["clip", "a listener did not take it", "not stored", "skipped"],
)
def test_only_what_is_not_usual_is_logged_by_default(
    outcome: Outcome, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "pipelines"):
        assert list(ReportOutcome().process(outcome)) == [outcome]
    (record,) = caplog.records
    assert record.levelno == level
    assert "session=talk number=7 language=pt" in record.getMessage()
