"""A value that changes with nearly every element, kept as a bag whose last member counts.

Replacing a value takes two requests to Flink (clear, append), adding a member takes one, and all
requests of a worker go through one channel: they are what limits a job (docs/decisions/0011).
"""

from __future__ import annotations

from typing import Any

MOST_MEMBERS = 16
"""Then all are replaced by the last."""


class Latest:
    """Of one element: ``bag`` is what Beam hands in. ``value`` None: there is none."""

    def __init__(self, bag: Any) -> None:
        self._bag = bag
        members = list(bag.read())
        self._members = len(members)
        self.value: Any = members[-1] if members else None

    def write(self, value: Any) -> None:
        if self._members >= MOST_MEMBERS:
            self._bag.clear()
            self._members = 0
        self._bag.add(value)
        self._members += 1
        self.value = value

    def clear(self) -> None:
        self._bag.clear()
        self._members = 0
        self.value = None
