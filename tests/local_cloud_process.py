"""MiniStack whose rows stay. Its reaper deletes once a minute what has expired by the wall clock;
tests live at fixed times, so that a row could go between a test's write and its look."""

from __future__ import annotations

import runpy
import threading
from typing import Any

from ministack.services import dynamodb

REAPER = "dynamodb-ttl-reaper"

_remove_item: Any = dynamodb._remove_item


def _remove_unless_reaped(*arguments: Any) -> Any:
    if threading.current_thread().name == REAPER:
        return None
    return _remove_item(*arguments)


if __name__ == "__main__":
    dynamodb._remove_item = _remove_unless_reaped
    runpy.run_module("ministack", run_name="__main__")
