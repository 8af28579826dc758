"""Which voice speaks a language's next phrase: a decision without engines or clocks.

A voice that is late for every second phrase makes two people of one speaker. So a language keeps
its voice: once its own voice was late, or would be, the spare voice speaks the phrases that follow,
``hold`` of them at least. Then the own voice makes one phrase that nobody hears, a trial, and the
language goes back to it only if that was made well within the deadline. A trial that was late, and
a return that did not last, double the hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

HOLD = 8
MOST_HOLD = 64
RETURN_SHARE = 0.5
"""Of the deadline: what a trial may take. A phrase twice as long is then in time as well."""


class Turn(Enum):
    """``TRIAL``: the spare voice speaks, and the own one makes the phrase to be measured."""

    OWN = "own"
    SPARE = "spare"
    TRIAL = "trial"


@dataclass(slots=True)
class VoiceChoice:
    """Of one language. Times in seconds from the request of a phrase to its clip."""

    deadline_s: float
    changes: int = 0
    """How often the language changed its voice."""
    is_own: bool = True
    """Whether it is its own voice that speaks now."""
    _hold: int = HOLD
    _phrases: int = HOLD
    """Since the last change, or trial."""
    _is_tried: bool = False

    def turn(self, expected_s: float, *, is_idle: bool) -> Turn:
        """The next phrase's. ``expected_s``: until the own voice would have it; ``is_idle``: the
        own voice has nothing else to make."""
        if self.is_own and expected_s > self.deadline_s:
            self._fall()
        self._phrases += 1
        if self.is_own:
            return Turn.OWN
        if self._phrases > self._hold and is_idle and not self._is_tried:
            self._is_tried = True
            return Turn.TRIAL
        return Turn.SPARE

    def was_late(self) -> None:
        """A phrase of the own voice was not there by the deadline."""
        if self.is_own:
            self._fall()

    def was_tried(self, took_s: float) -> None:
        """The trial is over; infinite: it failed."""
        self._is_tried = False
        self._phrases = 0
        if took_s <= RETURN_SHARE * self.deadline_s:
            self.is_own = True
            self.changes += 1
        else:
            self._hold = min(2 * self._hold, MOST_HOLD)

    def _fall(self) -> None:
        lasted = self._phrases >= self._hold
        self._hold = HOLD if lasted else min(2 * self._hold, MOST_HOLD)
        self.is_own = False
        self.changes += 1
        self._phrases = 0
