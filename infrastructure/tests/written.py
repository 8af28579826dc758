"""The templates that ``make synth`` wrote, read as they are: CloudFormation sees no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build" / "cdk.out"
STACKS = (
    "Network",
    "Images",
    "SessionManagement",
    "SessionHttpApi",
    "KVSWebRTC",
    "LiveTranslation",
    "Operations",
)


@dataclass(frozen=True)
class Templates:
    """Of one stage, by the stack's name without it."""

    stage: str
    by_stack: Mapping[str, Mapping[str, Any]]

    def resources(self, kind: str, stack: str | None = None) -> dict[str, dict[str, Any]]:
        """Properties by ``stack/logical id``, of every resource of a kind."""
        return {
            f"{name}/{logical_id}": resource.get("Properties", {})
            for name, logical_id, resource in self.all()
            if resource["Type"] == kind and stack in (None, name)
        }

    def all(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for name, template in self.by_stack.items():
            for logical_id, resource in template["Resources"].items():
                yield name, logical_id, resource


def write_templates(stage: str, directory: Path, **context: str) -> Templates:
    """As ``make synth`` does, with other values from outside."""
    subprocess.run(
        [sys.executable, "-m", "infrastructure.app"],
        cwd=ROOT,
        env={
            **os.environ,
            "CDK_OUTDIR": str(directory),
            "CDK_CONTEXT_JSON": json.dumps({"stages": stage, **context}),
        },
        check=True,
        timeout=300,
    )
    return read_templates(stage, directory)


def read_templates(stage: str, directory: Path = OUTPUT) -> Templates:
    files = {name: directory / f"{name}-{stage}.template.json" for name in STACKS}
    missing = [str(file) for file in files.values() if not file.exists()]
    if missing:
        pytest.fail(f"not synthesized: {missing[0]}: run `make synth`")
    return Templates(stage, {name: json.loads(file.read_text()) for name, file in files.items()})
