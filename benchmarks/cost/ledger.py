"""What DynamoDB charges for the ledger: an utterance's row, and a session's head. Pure.

A write costs a unit for each begun KB of the row as it is after it: the commit with its routes,
then for each language the outcome when it is fixed. A session that is spoken to saves a head every
three seconds. The rows are made by the connector itself, so that an attribute more is an attribute
paid for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from connectors.amazon.ledger import head_item, outcome_value, to_item
from pipelines.session.coverage import Coverage
from pipelines.session.machine import SUMMARISE_EVERY_S
from schemas.values import EntryKind, FixedOutcome, LedgerEntry, LedgerHead, Route

UNIT_BYTES = 1_024
NUMBER = 7_200
"""Of an utterance late in a session of hours: its numbers are as long as they get."""


def units_per_utterance(languages: int, characters: int, translated: int) -> int:
    """``characters`` of what was said, ``translated`` of what each of ``languages`` makes of it."""
    return sum(
        math.ceil(stored_bytes(row) / UNIT_BYTES) for row in rows(languages, characters, translated)
    )


def head_units(languages: int, spoken_s: float) -> float:
    """Of the heads that a session saves while ``spoken_s`` seconds of audio are committed."""
    row = head_item(long_head("joyful-mountain-789", languages, NUMBER), 1_790_000_002_000)
    return spoken_s / SUMMARISE_EVERY_S * math.ceil(stored_bytes(row) / UNIT_BYTES)


def long_head(session_id: str, languages: int, number: int) -> LedgerHead:
    """The head of a session whose speaker has connected three times."""
    coverage = Coverage()
    for epoch in range(3):
        routes = tuple(Route(f"{each:02}", number - 1) for each in range(languages))
        coverage = coverage.with_entry(
            replace(_entry("", routes), session_id=session_id, number=number, epoch=epoch)
        )
    return LedgerHead(session_id, number, coverage.to_text())


def rows(languages: int, characters: int, translated: int) -> Iterator[dict[str, Any]]:
    """The row after each write to it."""
    names = [f"{number:02}" for number in range(languages)]
    row = to_item(_entry("x" * characters, tuple(Route(name, NUMBER - 1) for name in names)))
    yield row
    outcomes: dict[str, Any] = {}
    for name in names:
        fixed = FixedOutcome(name, "x" * translated, None, 1_790_000_000_000)
        outcomes = {**outcomes, name: outcome_value(fixed)}
        yield {**row, "outcomes": {"M": outcomes}}


def stored_bytes(item: dict[str, Any]) -> int:
    """Names and values, as DynamoDB counts an item."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict[str, Any]) -> int:
    """A number takes a byte for every two digits and one more; a map and a list three, and one for
    each element."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return math.ceil(len(content) / 2) + 1
        case "M":
            return 3 + len(content) + stored_bytes(content)
        case "L":
            return 3 + sum(1 + _value_bytes(each) for each in content)
        case "BOOL":
            return 1
        case _:
            raise ValueError(f"no size is known of a value of type {kind}")


def _entry(text: str, routes: tuple[Route, ...]) -> LedgerEntry:
    return LedgerEntry(
        session_id="joyful-mountain-789",
        number=NUMBER,
        epoch=2,
        kind=EntryKind.SPEECH,
        first_sample=32_000 * NUMBER,
        end_sample=32_000 * (NUMBER + 1),
        text=text,
        language="en",
        captured_at_ms=1_790_000_000_000,
        committed_at_ms=1_790_000_002_000,
        writer="f" * 32,
        resume_sample=32_000 * NUMBER,
        resume_sequence=8 * NUMBER,
        resume_sequence_sample=32_000 * NUMBER,
        routes=routes,
    )
