"""Stops what its parent started when the parent can no longer do so itself.

Run as ``python guard.py`` with a pipe on standard input. The parent writes ``+PGID`` for every
process group it starts and ``-PGID`` for every one it has stopped. The pipe closes when the parent
ends, however it ends (``kill -9`` included); what is still on the list is then terminated.

PR_SET_PDEATHSIG would reach the direct child only, and fires when the *thread* that started it
ends. A group holds the grandchildren too: recognisers, translators, Beam's workers.

Standard library only: it starts in milliseconds and holds a few megabytes.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_S = 5.0
POLL_S = 0.05


def groups_left(lines: Iterable[str]) -> list[int]:
    """The groups started and not stopped, latest first."""
    groups: list[int] = []
    for line in lines:
        sign, group = line[:1], int(line[1:])
        if sign == "+":
            groups.append(group)
        elif group in groups:
            groups.remove(group)
    return groups[::-1]


def stop(groups: list[int]) -> None:
    """Ask each group to end, then insist on it."""
    for group in groups:
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while any(_signal(group, 0) for group in groups) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Whether the group still exists."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number belongs to another user's process by now
        return False
    return True


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    stop(groups_left(sys.stdin))
