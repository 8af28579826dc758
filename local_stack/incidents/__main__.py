"""``make incidents``: the run-book's incidents, each provoked once on this machine.

One line for each: how it was provoked, what an operator saw, which step of the page was done, that
it helped. ``python -m local_stack.incidents NUMBER...`` provokes some. Ends with an error code when
one was not seen or not mended.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from local_stack.flink import ROOT
from local_stack.incidents import at_gateway, at_job
from local_stack.incidents.case import Case, ending
from local_stack.incidents.stack import TroubledStack, troubled_stack
from local_stack.processes import run_command

DIRECTORY = ROOT / "build" / "incidents"
CASE_TIMEOUT_S = 150.0
ALL_TIMEOUT_S = 600.0
"""Of all together, from when everything runs; what is not begun by then counts as not shown."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """``number``: in docs/run-book.md."""

    number: int
    name: str
    provoke: Callable[[TroubledStack, Case], Awaitable[None]]
    needs_job: bool = True


TROUBLES = (
    Trouble(1, "access denied", at_gateway.access_denied, needs_job=False),
    Trouble(2, "ICE failed", at_gateway.no_candidates, needs_job=False),
    Trouble(3, "no audio", at_job.muted),
    Trouble(4, "lag: a slow service", at_job.slow_service),
    Trouble(4, "backlog: iterators expire", at_job.iterators_expire),
    Trouble(4, "backlog: a worker dies", at_job.worker_killed),
    Trouble(5, "sessions cannot be created", at_gateway.cannot_create, needs_job=False),
    Trouble(6, "dead letters", at_job.dead_letters),
    Trouble(7, "checkpoints fail", at_job.checkpoints_fail),
    Trouble(7, "the job is down", at_job.flink_killed),
    Trouble(8, "stream throttled", at_gateway.stream_throttled),
    Trouble(8, "reads throttled", at_job.reads_throttled),
    Trouble(8, "speech throttled", at_job.speech_throttled),
    Trouble(9, "the stream is gone", at_gateway.stream_gone),
    Trouble(9, "connections fail", at_gateway.gateway_killed),
    Trouble(10, "no pages", at_gateway.no_pages, needs_job=False),
)


def play(trouble: Trouble, stack: TroubledStack, timeout_s: float = CASE_TIMEOUT_S) -> Case:
    """What came of it; whatever goes wrong is its failure, and the next one is provoked all the
    same."""
    case = Case(trouble.number, trouble.name)
    began_s = time.monotonic()

    async def bounded() -> None:
        async with asyncio.timeout(timeout_s):
            await trouble.provoke(stack, case)

    try:
        asyncio.run(bounded())
    except Exception as error:
        case.failure = "; ".join(dict.fromkeys(_named(one) for one in _causes(error)))
    case.took_s = time.monotonic() - began_s
    return case


def _causes(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    else:
        yield error


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def run(numbers: Sequence[int]) -> int:
    """The exit code: 0 when each was seen and mended."""
    cases: list[Case] = []
    wanted = [one for one in TROUBLES if not numbers or one.number in numbers]
    with_job = any(one.needs_job for one in wanted)
    with troubled_stack(DIRECTORY, _say, with_job=with_job) as stack:
        until_s = time.monotonic() + ALL_TIMEOUT_S
        for trouble in wanted:
            left_s = until_s - time.monotonic()
            cases.append(play(trouble, stack, min(CASE_TIMEOUT_S, left_s)))
            _say(cases[-1].line)
    _say(ending(cases))
    return 0 if all(case.is_shown for case in cases) else 1


def _say(line: str) -> None:
    print(f"incidents: {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="local_stack.incidents", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="of the run-book; default: all")
    given = parser.parse_args()
    return run_command("incidents", lambda: run(given.numbers))


if __name__ == "__main__":
    sys.exit(main())
