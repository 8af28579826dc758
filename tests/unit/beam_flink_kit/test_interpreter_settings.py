"""Python's settings for a live worker, in a process of its own: they change the whole process."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

SCRIPT = """
import gc, sys, weakref
from beam_flink_kit.interpreter_settings import shorten_thread_switches, tune_garbage_collection

class Node:
    pass

garbage = Node()
garbage.itself = garbage
seen = weakref.ref(garbage)
gc.disable()
del garbage
assert seen() is not None
tune_garbage_collection()
assert seen() is None, "garbage of before was exempted for ever"
assert gc.get_freeze_count() > 1_000
assert gc.get_threshold() == (20_000, 20, 50)
later = Node()
later.itself = later
seen = weakref.ref(later)
del later
gc.collect()
assert seen() is None, "garbage of later is collected"
shorten_thread_switches()
assert sys.getswitchinterval() == 0.0005
"""


def test_what_is_loaded_is_exempt_and_garbage_is_not() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
