"""``TICK``, by which steps are told that time has passed, and its coder."""

from __future__ import annotations

from typing import Any

from apache_beam import coders


class Tick:
    """Type of ``TICK``, the only one: it is the same object on the other side of a pickle."""

    def __reduce__(self) -> Any:
        return _the_tick, ()

    def __repr__(self) -> str:
        return "TICK"


TICK = Tick()


def _the_tick() -> Tick:
    return TICK


def as_tick(_: object) -> Tick:
    """For ``beam.Map`` over a clock's numbers."""
    return TICK


class TickCoder(coders.Coder):
    """Takes no byte. Importing this module registers it with Beam."""

    def encode(self, value: Tick) -> bytes:
        return b""

    def decode(self, encoded: bytes) -> Tick:
        return TICK

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> Any:
        return Tick

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TickCoder)

    def __hash__(self) -> int:
        return hash(TickCoder)


coders.registry.register_coder(Tick, TickCoder)
