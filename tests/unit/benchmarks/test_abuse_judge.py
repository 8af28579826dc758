"""Which runs of ``make abuse`` hold the bars."""

from __future__ import annotations

from dataclasses import replace

import pytest
from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

from benchmarks.gateway.abuse.attacks import ATTACKS
from benchmarks.gateway.abuse.honest import Seen
from benchmarks.gateway.abuse.judge import Run, judged, percentile
from benchmarks.gateway.abuse.malformed import frame

pytestmark = pytest.mark.unit

MB = 2**20


def a_run(
    *, events: float = 3, memory_mb: tuple[int, int] = (100, 105), must: bool = True, **seen: object
) -> Run:
    honest = Seen(ack_ms=[120.0] * 200, chunks_sent=200, posted=20, heard=20, asked=8, answered=8)
    before, after = memory_mb
    return Run("a", replace(honest, **seen), events, must, (before * MB, after * MB))


def test_a_run_that_nobody_noticed_holds() -> None:
    assert judged(a_run()).problems == ()
    assert judged(a_run(events=0, must=False)).problems == ()
    assert judged(a_run(heard=21)).problems == ()


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (a_run(ack_ms=[120.0] * 190 + [900.0] * 10), "after 900 ms"),
        (a_run(ack_ms=[]), "after inf ms"),
        (a_run(chunks_missing=1), "1 chunks lost"),
        (a_run(chunks_repeated=2), "2 chunks repeated"),
        (a_run(heard=19), "1 of 20 messages not heard"),
        (a_run(answered=7), "refused 1 times"),
        (a_run(memory_mb=(100, 120)), "grew by 20 MB"),
        (a_run(events=0), "no event"),
        (replace(a_run(), has_attacked=False), "itself failed"),
        (a_run(broken=["speaker: TimeoutError"]), "TimeoutError"),
    ],
)
def test_what_anybody_noticed_fails(run: Run, says: str) -> None:
    (problem,) = judged(run).problems
    assert says in problem


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([1.0] * 99 + [7.0], 0.99) == 7.0


def test_frames_of_any_size_say_their_size() -> None:
    for size in (3, 126, 70_000):
        parser = ServerProtocol(max_size=2**20)
        parser.state = State.OPEN
        parser.parser = parser.parse()
        next(parser.parser)
        parser.receive_data(frame(0x81, b"x" * size))
        (found,) = parser.events_received()
        assert isinstance(found, Frame)
        assert len(found.data) == size


def test_attacks_have_names_of_their_own() -> None:
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)
