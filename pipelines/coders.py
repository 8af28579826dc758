"""How the job's values are encoded between steps and in state: MessagePack, by their types."""

from __future__ import annotations

import logging
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam import coders

from pipelines.session.records import Pane, ReadRecord
from schemas.values import (
    DeadLetter,
    ListenerLanguages,
    Outcome,
    RoutedUtterance,
    Translation,
    Utterance,
    VoicedTranslation,
)

_log = logging.getLogger(__name__)

VALUES = (
    DeadLetter,
    ListenerLanguages,
    Outcome,
    Pane,
    ReadRecord,
    RoutedUtterance,
    Translation,
    Utterance,
    VoicedTranslation,
)


class ValueCoder(coders.Coder):
    """Of one frozen dataclass."""

    def __init__(self, value_type: Any) -> None:
        self._type = value_type
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(value_type).decode

    def encode(self, value: Any) -> bytes:
        return self._encode(value)

    def decode(self, encoded: bytes) -> Any:
        return self._decode(encoded)

    def is_deterministic(self) -> bool:
        return False

    def to_type_hint(self) -> Any:
        return self._type

    @classmethod
    def from_type_hint(cls, typehint: Any, registry: Any) -> ValueCoder:
        return cls(typehint)

    def __reduce__(self) -> Any:
        return ValueCoder, (self._type,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValueCoder) and other._type is self._type

    def __hash__(self) -> int:
        return hash(self._type)


class StateCoder(ValueCoder):
    """Of a value in Beam's state that can be done without. One that another version of the job
    wrote, and that says too little for this one, counts as ``unreadable``, None unless it is given:
    else each bundle would fail."""

    def __init__(self, value_type: Any, unreadable: Any = None) -> None:
        super().__init__(value_type)
        self._unreadable = unreadable

    def decode(self, encoded: bytes) -> Any:
        try:
            return super().decode(encoded)
        except msgspec.MsgspecError as error:
            _log.error("kept state is not readable, and is left: %s", error)
            return self._unreadable

    def __reduce__(self) -> Any:
        return StateCoder, (self._type, self._unreadable)


def register_coders() -> None:
    """Make Beam find ``ValueCoder`` for our types. Call before a graph is built."""
    for value_type in VALUES:
        beam.coders.registry.register_coder(value_type, ValueCoder)
