"""Nothing changes unseen: each template beside the one that was looked at last.

``make snapshots`` writes them anew; then read the difference before you commit it. Hashes of code
are left out, they change with every line of it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from infrastructure.tests.written import STACKS, Templates

pytestmark = pytest.mark.contract

KEPT = Path(__file__).with_name("snapshots")
WRITE = "WRITE_SNAPSHOTS"
HASHES = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "(hash of code)"),
    (re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}"), r"\1(hash of code)"),
)
PASSED_OVER = {"CDKMetadata"}


def snapshot(template: dict[str, object]) -> str:
    resources = template["Resources"]
    assert isinstance(resources, dict)
    kept = {name: one for name, one in resources.items() if name not in PASSED_OVER}
    text = json.dumps({"Resources": kept, "Outputs": template.get("Outputs")}, indent=1)
    for hashes, instead in HASHES:
        text = hashes.sub(instead, text)
    return text + "\n"


@pytest.mark.parametrize("stack", STACKS)
def test_a_template_is_as_it_was(production: Templates, stack: str) -> None:
    file = KEPT / f"{stack}.json"
    now = snapshot(dict(production.by_stack[stack]))
    if os.environ.get(WRITE):
        KEPT.mkdir(exist_ok=True)
        file.write_text(now)
    assert file.exists(), "no snapshot: `make snapshots`"
    assert now == file.read_text(), "if it should differ: `make snapshots`, and read the difference"
