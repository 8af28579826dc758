"""How ``pytest -n 2`` (``make test``) divides the tests between its processes.

A file's tests run in one process, so what a module starts is started once; those in a browser run
in one as well, so there is one Chromium, and the tests of both pages never compete with each other.
What starts whole programs comes first: at the end short files keep both processes busy.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

BROWSER = "tests/browser/"
_FIRST = (BROWSER, "tests/integration/", "tests/pipeline/", "tests/contracts/")


def rank(node_id: str) -> int:
    """By which the tests of a process are sorted: those of a lower rank run first."""
    return next(
        (number for number, room in enumerate(_FIRST) if node_id.startswith(room)), len(_FIRST)
    )


class FileScheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return BROWSER if file.startswith(BROWSER) else file
