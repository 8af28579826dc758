"""Runs the operators' scripts, with a stand-in of AWS's command line.

The stand-in answers from a table and writes down what it was asked; no account is needed to see
that a script asks for the right things and tells well from ill.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
TIMEOUT_S = 120

STAND_IN = """#!/usr/bin/env bash
echo "$*" >> "$AWS_CALLS"
while IFS=$'\\t' read -r pattern answer; do
	if [[ "$*" == $pattern ]]; then
		[[ $answer == FAIL ]] && exit 254
		printf '%b\\n' "$answer"
		exit 0
	fi
done < "$AWS_ANSWERS"
exit 254
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def bad(self) -> list[str]:
        return [line for line in self.out.splitlines() if line.startswith("BAD")]

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1]


async def script(name: str, *arguments: str, **environment: str) -> Ran:
    process = await asyncio.create_subprocess_exec(
        str(SCRIPTS / name),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    async with asyncio.timeout(TIMEOUT_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


@dataclass(frozen=True)
class Aws:
    """``answers``: what is printed, by a pattern of the shell over the whole command line."""

    folder: Path

    async def script(
        self, name: str, *arguments: str, answers: Mapping[str, str], **environment: str
    ) -> Ran:
        program = self.folder / "aws"
        program.write_text(STAND_IN)
        program.chmod(0o755)
        table = "".join(f"{pattern}\t{answer}\n" for pattern, answer in answers.items())
        (self.folder / "answers").write_text(table)
        return await script(
            name,
            *arguments,
            PATH=f"{self.folder}:{os.environ['PATH']}",
            AWS_ANSWERS=str(self.folder / "answers"),
            AWS_CALLS=str(self.folder / "calls"),
            **environment,
        )

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()
