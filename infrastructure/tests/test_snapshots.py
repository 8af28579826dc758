"""Nothing changes unseen: each template beside the one that was looked at last.

``make snapshots`` writes them anew; then read the difference before you commit it. Hashes of code
are left out, they change with every line of it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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


def lines(template: Mapping[str, Any]) -> Iterator[str]:
    """A resource to a paragraph, a property to a line: so that a difference can be read."""
    for name, resource in sorted(template["Resources"].items()):
        if name not in PASSED_OVER:
            yield f"{name} {resource['Type']}"
            policies = {key: resource[key] for key in resource if key.endswith("Policy")}
            for key, value in (resource.get("Properties", {}) | policies).items():
                yield f"  {key}: {json.dumps(value, sort_keys=True)}"
    for name, output in sorted(template.get("Outputs", {}).items()):
        yield f"-> {name}: {json.dumps(output['Value'], sort_keys=True)}"


def snapshot(template: Mapping[str, Any]) -> str:
    text = "".join(f"{line}\n" for line in lines(template))
    for hashes, instead in HASHES:
        text = hashes.sub(instead, text)
    return text


@pytest.mark.parametrize("stack", STACKS)
def test_a_template_is_as_it_was(production: Templates, stack: str) -> None:
    file = KEPT / f"{stack}.txt"
    now = snapshot(production.by_stack[stack])
    if os.environ.get(WRITE):
        KEPT.mkdir(exist_ok=True)
        file.write_text(now)
    assert file.exists(), "no snapshot: `make snapshots`"
    assert now == file.read_text(), "if it should differ: `make snapshots`, and read the difference"
