"""The operators' document: what it says of a snapshot, to the letter."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from connectors.interfaces.dead_letters import FoundLetters
from ingest_gateway.operations.backlog import Waiting
from ingest_gateway.operations.document import (
    LetterWatch,
    Point,
    SessionNow,
    Snapshot,
    operations_of,
    point_of,
    points_since,
)
from ingest_gateway.operations.windows import LanguageLag, Spread
from schemas.values import DeadLetter

pytestmark = pytest.mark.unit

NOW_MS = 1_790_000_000_000
SESSION = SessionNow(
    session_id="joyful-mountain-789",
    source_language="en",
    target_languages=("es", "ca"),
    state="live",
    has_speaker=True,
    created_at=NOW_MS - 60_000,
    listeners={"es": 2, "ca": 1},
    lag_ms={"es": 1900},
    last_chunk_at=NOW_MS - 200,
    last_clip_at=NOW_MS - 1500,
    waiting_records=7,
    oldest_waiting_at=NOW_MS - 1700,
)
LETTER = DeadLetter("translate", "PermanentError", "joyful-mountain-789/4/es", NOW_MS - 5, "j")
SNAPSHOT = Snapshot(
    at_ms=NOW_MS,
    gateway_id="gateway-1",
    flink_url="http://127.0.0.1:8081",
    sessions=(SESSION,),
    lag=(
        LanguageLag("es", 5, 1, Spread(1800, 2500), (("translate", Spread(30, 60)),)),
        LanguageLag("fr", 0, 1, None, ()),
    ),
    unstored=Waiting(),
    undelivered=Waiting(7, NOW_MS - 1700),
    letters=LetterWatch(NOW_MS - 3_600_000, FoundLetters({"translate": 2, "read": 1}, (LETTER,))),
)
POINT = Point(
    at=NOW_MS,
    sessions=1,
    listeners=3,
    waiting_records=7,
    oldest_waiting_ms=1700,
    dead_letters=3,
    lag_p95_ms={"es": 2500},
)


def test_the_document_as_the_page_reads_it() -> None:
    snapshot = replace(SNAPSHOT, history=(POINT,))
    assert json.loads(msgspec.json.encode(operations_of(snapshot))) == {
        "at": NOW_MS,
        "gatewayId": "gateway-1",
        "flinkUrl": "http://127.0.0.1:8081",
        "windowS": 300,
        "historyEveryS": 5,
        "sessions": [
            {
                "sessionId": "joyful-mountain-789",
                "sourceLanguage": "en",
                "targetLanguages": ["es", "ca"],
                "state": "live",
                "hasSpeaker": True,
                "createdAt": NOW_MS - 60_000,
                "listeners": {"es": 2, "ca": 1},
                "lagMs": {"es": 1900},
                "lastChunkAt": NOW_MS - 200,
                "lastClipAt": NOW_MS - 1500,
                "waitingRecords": 7,
                "oldestWaitingAt": NOW_MS - 1700,
                "feedback": {},
            }
        ],
        "lag": [
            {
                "language": "es",
                "clips": 5,
                "skipped": 1,
                "lag": {"p50": 1800, "p95": 2500},
                "stages": [{"stage": "translate", "p50": 30, "p95": 60}],
            },
            {"language": "fr", "clips": 0, "skipped": 1, "lag": None, "stages": []},
        ],
        "backlog": {
            "unstored": {"records": 0, "oldestAt": None},
            "undelivered": {"records": 7, "oldestAt": NOW_MS - 1700},
        },
        "deadLetters": {
            "since": NOW_MS - 3_600_000,
            "byStep": {"read": 1, "translate": 2},
            "complete": True,
            "newest": [
                {
                    "step": "translate",
                    "cause": "PermanentError",
                    "key": "joyful-mountain-789/4/es",
                    "at": NOW_MS - 5,
                    "sessionId": "j",
                }
            ],
            "problem": None,
        },
        "history": [
            {
                "at": NOW_MS,
                "sessions": 1,
                "listeners": 3,
                "waitingRecords": 7,
                "oldestWaitingMs": 1700,
                "deadLetters": 3,
                "lagP95Ms": {"es": 2500},
            }
        ],
    }


def test_sessions_that_go_on_stand_first_and_keep_their_places() -> None:
    ended, younger = (
        msgspec.structs.replace(SESSION, session_id=name, state=state, created_at=created_at)
        for name, state, created_at in (("a", "ended", 0), ("b", "paused", NOW_MS))
    )
    document = operations_of(replace(SNAPSHOT, sessions=(ended, younger, SESSION)))
    assert [one.session_id for one in document.sessions] == [SESSION.session_id, "b", "a"]


def moment(**changes: Any) -> Point:
    known: dict[str, Any] = {
        "sessions": 1,
        "listeners": 3,
        "undelivered": SNAPSHOT.undelivered,
        "letters": SNAPSHOT.letters,
        "last_minute": SNAPSHOT.lag,
    }
    return point_of(NOW_MS, **known | changes)


def test_a_moment_of_the_pictures() -> None:
    assert moment() == POINT


def test_a_moment_with_nothing_going_on() -> None:
    nothing = moment(
        sessions=0, listeners=0, undelivered=Waiting(), letters=LetterWatch(), last_minute=()
    )
    assert nothing == Point(NOW_MS, 0, 0, 0, 0, 0, {})


def test_a_clock_that_is_set_back_makes_nothing_younger_than_now() -> None:
    assert moment(undelivered=Waiting(1, NOW_MS + 1)).oldest_waiting_ms == 0


def test_only_moments_that_the_page_does_not_have() -> None:
    points = tuple(msgspec.structs.replace(POINT, at=at) for at in (1, 2, 3))
    assert [one.at for one in points_since(points, 1)] == [2, 3]
    assert points_since(points, 3) == ()
