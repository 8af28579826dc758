"""Settings of Python itself for a worker process that is live: one that must answer within
milliseconds for days.

Both change the whole process and are for a worker process of one's own, not for a test run or a
notebook. Call them once, when what lasts (engines, clients, the graph's modules) has been loaded.
"""

from __future__ import annotations

import gc
import sys

SWITCH_INTERVAL_S = 0.0005
"""Beam's worker passes each request from thread to thread, and a thread that needs Python's lock
waits for so long before it asks for it. Python's default of 5 ms is for programs with few threads.
"""

GC_THRESHOLDS = 20_000, 20, 50


def tune_garbage_collection() -> None:
    """Exempt what is loaded by now from collection, and collect what comes later more rarely.

    Beam, its coders and a few engines are several hundred thousand objects that never become
    garbage, and Python's defaults (700, 10, 10) walk all of them again and again: 11 % of the CPU
    of a busy worker and pauses of up to 111 ms, during which no call is begun and no answer handed
    on. Afterwards it was under 2 %, at 300 live sessions.

    Memory grows a little, since cycles live longer. Calling it again exempts also what has been
    made since then, garbage in it included: once a process is right.
    """
    gc.collect()  # or garbage of today is exempted for ever
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def shorten_thread_switches() -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
