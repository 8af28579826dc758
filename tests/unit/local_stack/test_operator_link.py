"""The link that ``make live`` prints for operators."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest_gateway.access.auth import OPERATOR, LocalIssuer
from local_stack.stack import LocalStack, StackSettings

pytestmark = pytest.mark.unit


def test_the_link_holds_a_token_that_the_gateways_key_has_signed(tmp_path: Path) -> None:
    stack = LocalStack(StackSettings(tmp_path))
    stack.gateway_port = 8080
    gateways = LocalIssuer(tmp_path / "token-key.pem")
    page, _, token = stack.operator_link.partition("#token=")
    assert page == "http://127.0.0.1:8080/operate"
    assert gateways.verify(token).roles == {OPERATOR}
