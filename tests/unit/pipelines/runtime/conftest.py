"""Ends what a test left running in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.pipelines.runtime.session_stage import Stage


@pytest.fixture(autouse=True)
def _stop_stages() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    yield
    Stage.stop_all()
