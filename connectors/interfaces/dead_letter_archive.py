"""Dead letters found again by those who look after the system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from schemas.values import DeadLetter


@dataclass(frozen=True, slots=True)
class FoundLetters:
    """``by_stage``: how many there are of each step of the pipeline; ``newest`` are the last few,
    the newest first. Not ``complete``: there are more than were counted."""

    by_stage: Mapping[str, int] = field(default_factory=dict[str, int])
    newest: tuple[DeadLetter, ...] = ()
    complete: bool = True


class DeadLetterArchive(Protocol):
    async def since(self, at_ms: int, newest: int) -> FoundLetters:
        """Letters of this moment and later, and the last ``newest`` of them as they were sent.

        Raises RetryableError: it cannot be reached.
        """
        ...


def found_among(letters: Iterable[DeadLetter], at_ms: int, newest: int) -> FoundLetters:
    """For archives that hold whole letters."""
    late = sorted(
        (one for one in letters if one.at_ms >= at_ms), key=lambda one: one.at_ms, reverse=True
    )
    by_stage: dict[str, int] = {}
    for letter in late:
        by_stage[letter.stage] = by_stage.get(letter.stage, 0) + 1
    return FoundLetters(by_stage, tuple(late[:newest]))
