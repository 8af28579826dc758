"""Types, and so coders, of PCollections for which Beam's Python SDK has none.

Beam takes every tagged output for ``Any`` (apache/beam#18957), and whatever is ``Any`` is pickled.
"""

from __future__ import annotations

from typing import Any

from apache_beam import coders
from apache_beam.typehints import typehints

from beam_flink_kit.ticks import TICK, Tick


def typed(outputs: Any, **types: Any) -> Any:
    """The outputs of a ParDo (``with_outputs``), of which those that are named get their types."""
    for tag, element_type in types.items():
        outputs[tag].element_type = element_type
    return outputs


class ItemOrTick(typehints.TypeConstraint):
    """Type of items and ticks that were flattened into one PCollection."""

    def __init__(self, item_type: Any) -> None:
        super().__init__()
        self.item_type = item_type

    def _consistent_with_check_(self, sub: Any) -> bool:
        return sub == self

    def type_check(self, instance: Any) -> None:
        """Left to the steps."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ItemOrTick) and other.item_type == self.item_type

    def __hash__(self) -> int:
        return hash((ItemOrTick, self.item_type))

    def __repr__(self) -> str:
        return f"ItemOrTick[{self.item_type!r}]"


class ItemOrTickCoder(coders.Coder):
    """One byte, and after 1 the item by its own coder."""

    def __init__(self, item_coder: coders.Coder) -> None:
        self.item_coder = item_coder

    def encode(self, value: Any) -> bytes:
        return b"\0" if isinstance(value, Tick) else b"\1" + self.item_coder.encode(value)

    def decode(self, encoded: bytes) -> Any:
        return TICK if encoded[:1] == b"\0" else self.item_coder.decode(encoded[1:])

    def is_deterministic(self) -> bool:
        return False

    def to_type_hint(self) -> Any:
        return ItemOrTick(self.item_coder.to_type_hint())

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: Any) -> ItemOrTickCoder:
        return cls(registry.get_coder(typehint.item_type))

    def __reduce__(self) -> Any:
        return ItemOrTickCoder, (self.item_coder,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ItemOrTickCoder) and other.item_coder == self.item_coder

    def __hash__(self) -> int:
        return hash((ItemOrTickCoder, self.item_coder))


coders.registry.register_coder(ItemOrTick, ItemOrTickCoder)
