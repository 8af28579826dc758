"""DirectRunner asks each bundle's DoFn for its states and timers, by the signatures of all that it
has: three quarters of the CPU of these tests. They are those of its class, asked once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from apache_beam.transforms import userstate

_ask = userstate.get_dofn_specs
_specs: dict[type, Any] = {}


def _specs_of(dofn: Any) -> Any:
    kind = type(dofn)
    if kind not in _specs:
        _specs[kind] = _ask(dofn)
    return _specs[kind]


@pytest.fixture(autouse=True)
def specs_are_asked_once() -> Iterator[None]:
    with (
        patch.object(userstate, "get_dofn_specs", _specs_of),
        patch("apache_beam.runners.direct.transform_evaluator.get_dofn_specs", _specs_of),
    ):
        yield
