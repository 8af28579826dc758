"""Faults of one DynamoDB table of the local cloud, switched on and off from another process.

The switch is a file: the process that provokes faults writes it, the local cloud looks at it before
each call. So the other tables, the stream and the clips are as they always are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

SWITCH = "LOCAL_CLOUD_TABLE_FAULTS"
"""The environment variable that tells the local cloud where the file is."""
Handle = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[tuple[Any, ...]]]
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")


class TableFault(StrEnum):
    AWAY = "away"
    """Every call is refused."""
    ANSWERS_LOST = "answers lost"
    """Every second write is done, and its answer says that it failed."""


@dataclass(frozen=True, slots=True)
class TableFaults:
    """The switch, for the process that provokes faults of ``table``."""

    file: Path
    table: str

    @contextmanager
    def on(self, fault: TableFault) -> Generator[None]:
        """``fault`` is on until the block is left."""
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps({"table": self.table, "fault": fault}))
        part.replace(self.file)
        try:
            yield
        finally:
            self.file.unlink(missing_ok=True)


class FaultyTables:
    """Stands before the local cloud's ``handle`` of DynamoDB's calls; ``file`` is the switch."""

    def __init__(self, handle: Handle, file: Path) -> None:
        self._handle = handle
        self._file = file
        self._writes = 0
        self._read_at: int | None = None
        self._table = b""
        self._fault = TableFault.AWAY

    async def __call__(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
    ) -> tuple[Any, ...]:
        if not self._is_on() or self._table not in body:
            return await self._handle(method, path, headers, body, query_params)
        if self._fault is TableFault.AWAY:
            return _failed()
        answer = await self._handle(method, path, headers, body, query_params)
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action in _WRITES and answer[0] == 200:
            self._writes += 1
            if self._writes % 2:
                return _failed()
        return answer

    def _is_on(self) -> bool:
        try:
            changed_at = os.stat(self._file).st_mtime_ns
            if changed_at != self._read_at:
                found = json.loads(self._file.read_text())
                self._table = json.dumps(found["table"]).encode()
                self._fault, self._read_at = TableFault(found["fault"]), changed_at
        except FileNotFoundError:
            return False
        return True


def _failed() -> tuple[Any, ...]:
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    body = json.dumps({"__type": "InternalServerError", "message": "provoked"}).encode()
    return 500, headers, body
