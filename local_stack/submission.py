"""Imports the job while what it needs still starts, and submits it when a file appears.

``python -m local_stack.submission FILE [options of pipelines.main]``
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from local_stack.processes import POLL_S


def main(go: Path, options: list[str]) -> int:
    from pipelines import main as job

    while not go.exists():
        time.sleep(POLL_S)
    return job.main(options)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
