"""Clips as files in a folder, for bounded runs."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from connectors.interfaces.errors import PermanentError, RetryableError

METADATA_SUFFIX = ".json"


class LocalClipStore:
    """``{folder}/{key}`` and, beside it, ``{key}.json`` with content type and metadata.

    A file appears whole or not at all. URLs are ``file://`` and do not expire.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    async def put(
        self, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> None:
        path = self._path(key)
        described = {"contentType": content_type, "metadata": dict(metadata)}
        await asyncio.to_thread(
            _write_both, path, body, json.dumps(described, indent=2, sort_keys=True).encode()
        )

    async def get(self, key: str) -> bytes | None:
        return await asyncio.to_thread(_read, self._path(key))

    async def metadata(self, key: str) -> Mapping[str, str] | None:
        path = self._path(key)
        described = await asyncio.to_thread(_read, path.with_name(path.name + METADATA_SUFFIX))
        if described is None:
            return None
        metadata: dict[str, str] = json.loads(described)["metadata"]
        return {name.lower(): value for name, value in metadata.items()}

    async def presign(self, key: str, *, expires_s: int) -> str:
        return self._path(key).as_uri()

    async def close(self) -> None:
        """Nothing is held open."""

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts:
            raise PermanentError(f"not a key inside the folder: {key!r}")
        return self._folder.joinpath(*parts)


def _write_both(path: Path, body: bytes, described: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, body)
        write_whole(path.with_name(path.name + METADATA_SUFFIX), described)
    except OSError as error:
        raise RetryableError(f"write {path.name}: {error.strerror}") from error


def write_whole(path: Path, body: bytes) -> None:
    """A reader of ``path`` sees the old file or the new one, never a part."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        partial.write_bytes(body)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise RetryableError(f"read {path.name}: {error.strerror}") from error
