"""Templates of both stages."""

from __future__ import annotations

import pytest

from infrastructure.tests.written import Templates, read_templates


@pytest.fixture(scope="session", params=["dev", "prod"])
def templates(request: pytest.FixtureRequest) -> Templates:
    return read_templates(request.param)


@pytest.fixture(scope="session")
def production() -> Templates:
    return read_templates("prod")


@pytest.fixture(scope="session")
def development() -> Templates:
    return read_templates("dev")
