"""Which utterances a listener has, which it is missing, and when it asks for them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_ASKED_AFTER_S = 3.0
"""A message may overtake another: a younger hole closes by itself."""
ASKED_EVERY_AT_MOST_S = 48.0


@dataclass(slots=True)
class ReceivedNumbers:
    """Each utterance that came, with the one that came before it in its language.

    ``joined_after``: the last number of the history that the first join brought; nothing up to it
    is missing.
    """

    joined_after: int = -1
    _previous: dict[int, int | None] = field(default_factory=dict[int, "int | None"])
    _ask_at_s: float | None = None
    _wait_s: float = FIRST_ASKED_AFTER_S

    def add(self, number: int, previous: int | None) -> bool:
        """Whether it is new; a repeat changes nothing."""
        if number in self._previous:
            return False
        self._previous[number] = previous
        return True

    def complete_until(self) -> int:
        """The last number before which nothing is missing, by the chain of previous numbers."""
        until = self.joined_after
        for number in sorted(self._previous):
            if until not in (self.joined_after, self._previous[number]):
                break
            until = number
        return until

    def is_to_ask(self, now_s: float) -> bool:
        """Whether to ask the gateway for what is missing: when a hole is three seconds old, and
        then after twice as long each time, while it stays."""
        if not self._previous or self.complete_until() >= max(self._previous):
            self._ask_at_s, self._wait_s = None, FIRST_ASKED_AFTER_S
            return False
        if self._ask_at_s is None:
            self._ask_at_s = now_s + self._wait_s
        if now_s < self._ask_at_s:
            return False
        self._wait_s = min(2 * self._wait_s, ASKED_EVERY_AT_MOST_S)
        self._ask_at_s = now_s + self._wait_s
        return True
