"""QR codes for a terminal, by the package that the pages make theirs with."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SCRIPT = (
    'import { renderUnicodeCompact } from "uqr";'
    "process.stdout.write(renderUnicodeCompact(process.argv[1], { border: 2 }));"
)
_TIMEOUT_S = 20


def qr_lines(text: str, pages: Path) -> list[str]:
    """The code's lines, dark on light; empty: Node or the pages' packages are not there."""
    command = ["node", "--input-type=module", "--eval", _SCRIPT, text]
    try:
        ran = subprocess.run(
            command, cwd=pages, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return ran.stdout.splitlines()
