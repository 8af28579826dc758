"""Two gateways, one session: pages come and go between them while the stream refuses and the tables
are away. A reader that passes a hole only when it is settled hears what was acknowledged.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest_gateway.sessions.sweeper import SAVE_EVERY_S
from tests.unit.gateway.two_gateways import SESSION, Reader, RunVirtual, Story

pytestmark = pytest.mark.unit


PAGE = HOST = st.integers(0, 1)
FATES = st.sampled_from(["taken", "refused", "refused in part", "slow", "no answer"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), PAGE, HOST),
        st.tuples(st.just("speak"), PAGE, st.integers(1, 6)),
        st.tuples(st.just("join"), PAGE, HOST),
        st.tuples(st.just("speak"), PAGE, st.integers(1, 6)),
        st.tuples(st.just("forget"), PAGE),
        st.tuples(st.just("stream"), HOST, FATES),
        st.tuples(st.just("tables"), HOST, st.booleans()),
        st.tuples(st.just("wait"), st.sampled_from([0.01, 0.3, 3.0, 12.0])),
    ),
    max_size=30,
)
settled_fixtures = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


STORED_AFTER_IT_WAS_DECLARED = [
    ("join", 0, 1),
    ("stream", 1, "refused"),
    ("speak", 0, 2),
    ("forget", 0),
    ("join", 0, 0),
]
"""The page gave the first chunk up and went elsewhere, where it is declared a gap; the gateway that
has it still stores it in the end."""


@settled_fixtures
@given(steps=STEPS)
@example(steps=STORED_AFTER_IT_WAS_DECLARED)
def test_what_was_acknowledged_is_heard_whichever_gateway_did_it(
    run_virtual: RunVirtual, steps: list[tuple[Any, ...]]
) -> None:
    """No audio is given up here: a hole is only what a page will never send again."""

    async def run() -> None:
        story = Story()
        for step in steps:
            await story.act(step)
        reader = await story.end_well()
        epochs = [story.epoch(page) for page in story.pages]
        assert sorted(reader.taken) == sorted(set(epochs))
        for page, epoch in zip(story.pages, epochs, strict=True):
            heard = reader.taken[epoch]
            assert page.acknowledged <= heard.keys()
            assert all(pcm.startswith(f"{page.stream_id:>4}".encode()) for pcm in heard.values())
            missing = set(range(max(heard) + 1)) - heard.keys()
            assert missing <= page.forgotten

    run_virtual(run())


@settled_fixtures
@given(steps=STEPS)
def test_what_is_given_up_is_declared_and_the_talk_goes_on(
    run_virtual: RunVirtual, steps: list[tuple[Any, ...]]
) -> None:
    async def run() -> None:
        story = Story(deadline_ms=2_000)
        for step in steps:
            await story.act(step)
        reader = await story.end_well()
        row = story.sessions[SESSION]
        assert max(reader.generations) == row.generation
        for page in story.pages:
            heard = reader.taken[story.epoch(page)]
            assert all(pcm.startswith(f"{page.stream_id:>4}".encode()) for pcm in heard.values())

    run_virtual(run())


GIVEN_UP_UNDECLARED = [
    ("join", 0, 0),
    ("speak", 0, 1),
    ("stream", 0, "refused"),
    ("speak", 0, 3),
    ("tables", 0, True),
    ("wait", 4.0),  # the chunks are given up; whether they may be declared, nobody tells
]


def told(run_virtual: RunVirtual, steps: list[tuple[Any, ...]]) -> tuple[Story, Reader]:
    async def run() -> tuple[Story, Reader]:
        story = Story(deadline_ms=2_000)
        for step in steps:
            await story.act(step)
        return story, await story.end_well()

    return run_virtual(run())


def test_what_another_gateway_took_over_is_not_declared_missing(run_virtual: RunVirtual) -> None:
    steps = [
        *GIVEN_UP_UNDECLARED,
        ("stream", 1, "slow"),
        ("join", 0, 1),
        ("stream", 0, "taken"),
        ("tables", 0, False),
        ("wait", 12.0),
    ]
    story, reader = told(run_virtual, steps)
    assert story.hosts[0].reported & {(0, 1), (0, 2), (0, 3)} == set()
    assert {1, 2, 3} <= reader.taken[0].keys()


def test_nor_after_the_speaker_has_come_back_from_there(run_virtual: RunVirtual) -> None:
    """Both gateways hold the same chunks by then, and only one of them can tell what they are."""
    steps = [
        *GIVEN_UP_UNDECLARED,
        ("stream", 1, "slow"),
        ("join", 0, 1),
        ("wait", 0.9),
        ("stream", 0, "taken"),
        ("tables", 0, False),
        ("join", 0, 0),
        ("wait", 12.0),
    ]
    _, reader = told(run_virtual, steps)
    assert {1, 2, 3} <= reader.taken[0].keys()


def test_who_has_lost_the_session_hangs_up_on_its_speaker(run_virtual: RunVirtual) -> None:
    async def run() -> None:
        story = Story()
        old = story.pages[0]
        assert await old.join(story.hosts[0])
        old.speak()
        assert await story.pages[1].join(story.hosts[1])
        await asyncio.sleep(2 * SAVE_EVERY_S)
        assert old.connection is not None
        await old.connection.flush()
        assert [one["code"] for one in old.socket.sent if one["type"] == "error"] == [
            "SPEAKER_TAKEN"
        ]
        assert old.socket.closed
        await story.end_well()

    run_virtual(run())
