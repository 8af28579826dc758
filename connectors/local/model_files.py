"""A model's files by their patterns."""

from __future__ import annotations

from pathlib import Path

from connectors.interfaces.errors import PermanentError


def one_file(folder: Path, *patterns: str) -> Path:
    """The first file of the first pattern that has any. PermanentError: none has."""
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if found:
            return found[0]
    raise PermanentError(f"{folder} holds no {' or '.join(patterns)}: name another in models.toml")
